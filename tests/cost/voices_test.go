package cost

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"duostoryteller/app/sentence"
	"duostoryteller/app/speech"
	"duostoryteller/app/subprocess"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
	"duostoryteller/imagebuilder/cachedir"
	"duostoryteller/imagebuilder/inputs"
	"duostoryteller/imagebuilder/voices"
)

// voiceLimit is how many instructions a second of speech may take: 0.1 s of a
// processor of 1 GHz that takes two cycles for each.
const voiceLimit = 50e6

// TestVoices holds the voices to their limit, from their start through eight
// sentences to their end, with the very programs that go onto a card.
func TestVoices(t *testing.T) {
	if testing.Short() {
		t.Skip("emulation takes half a minute: not with -short")
	}
	qemu := emulator(t, "qemu-riscv64")
	cache, err := cachedir.Dir()
	if err != nil {
		t.Skip(err)
	}
	lock, err := inputs.Read("../../" + inputs.File)
	if err != nil {
		t.Fatal(err)
	}
	built, err := voices.Build(t.Context(), voices.Options{CacheDir: cache, Locked: &inputs.Store{Lock: lock, Cache: cache}})
	if err != nil {
		t.Skip("the voices cannot be built: ", err)
	}
	dir := t.TempDir()
	for _, f := range built.Files {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		in.Close()
		path := filepath.Join(dir, f.Path)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, text, f.Mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	plugin := filepath.Join(dir, "count.so")
	qemu = append(qemu, "-plugin", compilePlugin(t, plugin), "-d", "plugin")

	var split sentence.Splitter
	sentences := append(split.Write([]byte(speech.Sample)), split.Flush())
	for _, p := range child.Programs() {
		t.Run(p.Voice, func(t *testing.T) {
			t.Parallel()
			program := append(slices.Clone(qemu), filepath.Join(dir, voice.BoardDir, p.File()))
			all, seconds := speak(t, program, sentences)
			t.Logf("%.1f s of speech, %.1f M instructions a second of it (emulated): %.3f s at 1 GHz and two cycles each (modelled)",
				seconds, all/seconds/1e6, 2*all/seconds/1e9)
			if all/seconds > voiceLimit {
				t.Errorf("%.1f M instructions a second of speech; want at most %.0f M", all/seconds/1e6, voiceLimit/1e6)
			}
		})
	}
}

// speak has a voice program speak sentences. It returns the instructions that it
// took and the length of the speech in seconds.
func speak(t *testing.T, program, sentences []string) (instructions, seconds float64) {
	t.Helper()
	var requests bytes.Buffer
	for _, s := range sentences {
		text := sentence.Plain(s)
		requests.WriteString("SAY1")
		for _, n := range []int{1000, 1000, 1000, len(text)} { // rate, pitch, volume
			binary.Write(&requests, binary.LittleEndian, uint32(n))
		}
		requests.WriteString(text)
	}
	cmd := exec.CommandContext(t.Context(), program[0], program[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &requests, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %.500s", program[0], err, stderr.String())
	}
	instructions, err := strconv.ParseFloat(strings.TrimSpace(stderr.String()), 64)
	if err != nil {
		t.Fatalf("the plugin said %.500q", stderr.String())
	}
	rate, samples, ends := 0, 0, 0
	for {
		kind, payload, err := subprocess.ReadFrame(&stdout)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "RATE":
			rate = int(binary.LittleEndian.Uint32(payload))
		case "PCM ":
			samples += len(payload) / 2
		case "END ":
			ends++
		}
	}
	if ends != len(sentences) || rate == 0 {
		t.Fatalf("%d of %d sentences spoken at %d Hz", ends, len(sentences), rate)
	}
	return instructions, float64(samples) / float64(rate)
}
