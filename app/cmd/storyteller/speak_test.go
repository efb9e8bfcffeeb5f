package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"duostoryteller/app/sentence"
	"duostoryteller/app/sound"
	"duostoryteller/app/speech"
	"duostoryteller/tests/testmodel"

	"go.uber.org/goleak"
)

// The test binary is its own voice, when it is called by a voice's name, and a
// storyteller on a disk of 128 KB, when smallDisk names a folder; and one that packs,
// as a story starts it beside itself.
const smallDisk = "STORYTELLER_TEST_SMALL_DISK"

func TestMain(m *testing.M) {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "voice-") {
		speakLikeAVoice()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "pack" {
		os.Exit(run(os.Args[1:], strings.NewReader(""), os.Stdout, os.Stderr))
	}
	os.Setenv("STORYTELLER_CACHE", "off") // but where a test says otherwise
	if dir := os.Getenv(smallDisk); dir != "" {
		onSmallDisk(dir)
	}
	goleak.VerifyTestMain(tests{m})
}

// tests leaves none of the test's own connections behind.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer http.DefaultClient.CloseIdleConnections()
	return t.M.Run()
}

// speakLikeAVoice says a tenth of a second for each letter, and takes 1 ms for a
// sentence.
func speakLikeAVoice() {
	send := func(kind string, payload []byte) {
		os.Stdout.Write(append(binary.LittleEndian.AppendUint32([]byte(kind), uint32(len(payload))), payload...))
	}
	for {
		head := make([]byte, 20)
		if _, err := io.ReadFull(os.Stdin, head); err != nil {
			return
		}
		text := make([]byte, binary.LittleEndian.Uint32(head[16:]))
		io.ReadFull(os.Stdin, text)
		send("RATE", []byte{0x80, 0x3e, 0, 0}) // 16,000
		for range text {
			send("PCM ", bytes.Repeat([]byte{0, 16}, 1600))
		}
		send("END ", []byte{0x40, 0x42, 0x0f, 0, 0, 0, 0, 0}) // 1,000,000
	}
}

// voices has the storyteller find the test's own voice.
func voices(t *testing.T) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(dir, "voice-kal16")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORYTELLER_VOICES", dir)
}

// wav returns the samples in a file.
func wav(t *testing.T, path string) []int16 {
	t.Helper()
	_, samples, err := sound.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// pauses is the silence behind a text's sentences, in samples.
func pauses(text string) (samples int) {
	var s sentence.Splitter
	for _, one := range append(s.Write([]byte(text)), s.Flush()) {
		if sentence.Plain(one) != "" {
			samples += int(sentence.Pause(one).Seconds() * 16000)
		}
	}
	return samples
}

func TestSpeak(t *testing.T) {
	voices(t)
	path := filepath.Join(t.TempDir(), "text.wav")
	for _, tt := range []struct {
		name, stdin string
		args        []string
		letters     int
		pauses      int // samples, 16,000 a second
	}{
		{"arguments", "not this", []string{"One.", "Two three."}, 14, pauses("One. Two three.")},
		{"standard input", "One. Two three.\n", nil, 14, pauses("One. Two three.\n")},
		{"nothing to pronounce", "...\n", nil, 0, 0},
	} {
		stdout, stderr, status := storyteller(tt.stdin, append([]string{"speak", "--wav", path}, tt.args...)...)
		if stdout != "" || stderr != "" || status != 0 {
			t.Errorf("%s: %q, %q, %d; want silence, 0", tt.name, stdout, stderr, status)
		}
		if n := len(wav(t, path)); n != 1600*tt.letters+tt.pauses {
			t.Errorf("%s: %d samples; want those of %d letters and %d of pauses", tt.name, n, tt.letters, tt.pauses)
		}
	}
}

func TestSpeakBench(t *testing.T) {
	voices(t)
	stdout, stderr, status := storyteller("", "speak", "--bench", "--json")
	var r speech.Report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil || stderr != "" || status != 0 {
		t.Fatalf("speak --bench --json = %q, %q, %d: %v", stdout, stderr, status, err)
	}
	if len(r.Sentences) != 8 || !r.Complete || r.Compute < 0.0079 || r.Compute > 0.0081 || r.Speech < 30 || r.Ratio != r.Compute/r.Speech || r.First <= 0 || r.Slowest < r.First/2 || r.PowerOn <= 0 {
		t.Errorf("speak --bench: %+v; want 8 sentences, 1 ms each", r)
	}
	if stdout, _, status := storyteller("", "speak", "--bench", "Hello."); status != 0 || !strings.HasPrefix(stdout, "speech: 0.6 s in 1 sentences, computed in 0.00 s (0.0017 s a second); first sample after ") {
		t.Errorf("speak --bench Hello. = %q, %d", stdout, status)
	}
}

func TestSpeakErrors(t *testing.T) {
	voices(t)
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"speak", "--rate", "9", "--bench"}, 2, "rate 9: give a factor from 0.5 to 2"},
		{[]string{"speak", "--voice", "nobody", "--bench"}, 1, "voice nobody: program voice-nobody is not there"},
		{[]string{"speak", "--wav", "/nowhere/x.wav", "Hi."}, 1, "cannot write /nowhere/x.wav"},
		{[]string{"speak", "--wav", filepath.Join(t.TempDir(), "x.wav"), "😀 🎉!"}, 1, "nothing was spoken: the text has no word"},
		{[]string{"speak", "--wav", filepath.Join(t.TempDir(), "x.wav"), "从前有一只小猫。"}, 1, "nothing was spoken: the text has no word"},
		{[]string{"tell", "--timing", "x.json"}, 2, "--timing: nothing is spoken"},
		{[]string{"serve", "--timing", "x.json"}, 2, "--timing: nothing is spoken"},
	} {
		if _, stderr, status := storyteller("", tt.args...); status != tt.status || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %q, %d; want one line with %q, %d", tt.args, stderr, status, tt.want, tt.status)
		}
	}
}

// A story that is spoken is the same story; its speech is that of its text.
func TestTellSpoken(t *testing.T) {
	voices(t)
	dir := t.TempDir()
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	common := []string{"tell", "--model", checkpoint, "-z", tokenizer, "-s", "5", "-n", "100", "-i", "The cat sat. Then"}
	want, _, _ := storyteller("", common...)
	path, times := filepath.Join(dir, "story.wav"), filepath.Join(dir, "times.json")
	got, stderr, status := storyteller("", append(common, "--wav", path, "--timing", times)...)
	if got != want || status != 0 || !strings.Contains(stderr, "\nspeech: ") {
		t.Errorf("spoken: %q, %q, %d; want %q, a line about the speech", got, stderr, status, want)
	}
	text, err := os.ReadFile(times)
	if err != nil {
		t.Fatal(err)
	}
	var r speech.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	letters := 0
	for _, s := range r.Sentences {
		letters += len(s.Text)
	}
	if samples := len(wav(t, path)); samples != 1600*letters+pauses(strings.TrimSuffix(want, "\n")) || letters < len("The cat sat.") || !r.Complete {
		t.Errorf("%d samples for %d letters, complete: %v", samples, letters, r.Complete)
	}
	if len(r.Tokens) < 20 || !slices.IsSorted(r.Tokens) {
		t.Errorf("the times of %d tokens: %v; want 20 at least, sorted", len(r.Tokens), r.Tokens)
	}
	// Without its voice the story is told silently.
	got, stderr, status = storyteller("", append(common, "--wav", path, "--voice", "nobody")...)
	if got != want || status != 0 || !strings.Contains(stderr, "voice-nobody is not there; build it with 'imagebuilder voices DIR' and set STORYTELLER_VOICES=DIR; the story is told silently\n") {
		t.Errorf("without a voice: %q, %q, %d", got, stderr, status)
	}
}
