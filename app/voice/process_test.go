package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/subprocess"
)

// The test binary is its own voice program: fakeVoice runs when this is set to
// what it shall do, and keeps in the file after the colon that it did it.
const fakeEnv = "STORYTELLER_FAKE_VOICE"

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeEnv); how != "" {
		fakeVoice(how)
		return
	}
	os.Exit(m.Run())
}

// fakeVoice speaks each byte of the text as 100 samples of its value.
func fakeVoice(how string) {
	how, marker, once := strings.Cut(how, ":")
	_, err := os.Stat(marker)
	naughty := !once || err != nil
	send := func(k kind, payload []byte) {
		os.Stdout.Write(append([]byte(k), binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))...))
		os.Stdout.Write(payload)
	}
	for {
		head := make([]byte, 20)
		if _, err := io.ReadFull(os.Stdin, head); err != nil {
			return
		}
		text := make([]byte, binary.LittleEndian.Uint32(head[16:]))
		io.ReadFull(os.Stdin, text)
		send(kindRate, []byte{0x80, 0x3e, 0, 0})
		for i, c := range text {
			if naughty && i == len(text)/2 {
				os.WriteFile(marker, nil, 0o644)
				switch how {
				case "die":
					os.Exit(3)
				case "hang":
					time.Sleep(time.Minute)
				case "nonsense":
					os.Stdout.WriteString("Hello, I am a voice!")
				case "complain":
					send(kindErr, []byte("I cannot read this"))
				}
			}
			pcm := make([]byte, 200)
			for j := range pcm {
				if j%2 == 0 {
					pcm[j] = c
				}
			}
			send(kindPCM, pcm)
		}
		send(kindEnd, binary.LittleEndian.AppendUint64(nil, 5_000_000))
	}
}

// saying is the pcm of the fake voice's text.
func saying(text string) []int16 {
	var want []int16
	for _, c := range []byte(text) {
		want = append(want, slices.Repeat([]int16{int16(c)}, 100)...)
	}
	return want
}

// collect is a listener.
func collect(to *[]int16) func(int, []int16) error {
	return func(hz int, s []int16) error {
		if hz != 16000 {
			return fmt.Errorf("%d Hz; want 16000", hz)
		}
		*to = append(*to, s...)
		return nil
	}
}

func fakeProcess(t *testing.T, how string) (*Process, *[]string) {
	t.Setenv(fakeEnv, how)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lines := new([]string)
	v := NewProcess(exe, func(s string) { *lines = append(*lines, s) })
	v.patience = 3 * time.Second
	t.Cleanup(func() { v.Close() })
	return v, lines
}

// A voice may be started before it is asked for anything, and is started once.
func TestStart(t *testing.T) {
	v, lines := fakeProcess(t, "well")
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	run := v.run
	if err := v.Start(); err != nil || run == nil || v.run != run {
		t.Errorf("a second Start: %v, another process: %v; want the one that runs", err, v.run != run)
	}
	var got []int16
	if _, err := v.Say(t.Context(), "Hello.", Normal(), collect(&got)); err != nil || v.run != run || !slices.Equal(got, saying("Hello.")) || len(*lines) > 0 {
		t.Errorf("Say after Start: %v, another process: %v, lines %q; want none of these", err, v.run != run, *lines)
	}
	if err := NewProcess(filepath.Join(t.TempDir(), "none"), nil).Start(); err == nil {
		t.Error("no program was started; want an error")
	}
}

// A voice that fails once is started again and not a sample is heard twice.
func TestRestart(t *testing.T) {
	for how, want := range map[string]string{
		"well":     "",
		"die":      "it ended (exit status 3)",
		"hang":     "it hung",
		"nonsense": "it sent a frame",
		"complain": "I cannot read this",
	} {
		t.Run(how, func(t *testing.T) {
			v, lines := fakeProcess(t, how+":"+filepath.Join(t.TempDir(), "done"))
			if how == "hang" {
				v.patience = 300 * time.Millisecond
			}
			for _, text := range []string{"Once upon a time.", "The end."} {
				var got []int16
				s, err := v.Say(context.Background(), text, Normal(), collect(&got))
				if err != nil {
					t.Fatalf("Say(%q): %v", text, err)
				}
				if !slices.Equal(got, saying(text)) {
					t.Errorf("Say(%q): %d samples, not those of the text (%d)", text, len(got), 100*len(text))
				}
				if s.Samples != len(got) || s.Hz != 16000 || s.Compute != 5*time.Millisecond || s.First <= 0 {
					t.Errorf("Say(%q) = %+v; want %d samples at 16000 Hz, 5 ms of work", text, s, len(got))
				}
			}
			switch all := strings.Join(*lines, "\n"); {
			case want == "" && all != "":
				t.Errorf("lines %q; want none", all)
			case want != "" && (!strings.Contains(all, want) || len(*lines) != 1):
				t.Errorf("lines %q; want one with %q", all, want)
			}
		})
	}
}

// Behind a text comes its pause, longer at a slower rate; it is no part of the speech.
func TestPause(t *testing.T) {
	for rate, want := range map[float64]int{0.5: 8000, 1: 4000, 2: 2000} {
		v, _ := fakeProcess(t, "well")
		var got []int16
		p := Params{Rate: rate, Pitch: 1, Volume: 1, Pause: 250 * time.Millisecond}
		s, err := v.Say(t.Context(), "Hello.", p, collect(&got))
		if err != nil || s.Samples != len(saying("Hello.")) {
			t.Errorf("rate %g: Say = %+v, %v; want the speech alone counted", rate, s, err)
		}
		if !slices.Equal(got, append(saying("Hello."), make([]int16, want)...)) {
			t.Errorf("rate %g: %d samples; want those of the text and %d of silence", rate, len(got), want)
		}
	}
	boom := errors.New("boom")
	v, _ := fakeProcess(t, "well")
	p := Normal()
	p.Pause = time.Second
	if _, err := v.Say(t.Context(), "Hello.", p, func(_ int, s []int16) error {
		if s[0] == 0 {
			return boom
		}
		return nil
	}); err != boom {
		t.Errorf("a listener that fails in the pause: %v; want its error", err)
	}
}

// A voice that always fails costs its sentences, with an error that says why.
func TestGiveUp(t *testing.T) {
	v, lines := fakeProcess(t, "die")
	for range 2 {
		var got []int16
		_, err := v.Say(context.Background(), "Hello.", Normal(), collect(&got))
		if !errors.Is(err, ErrSilent) || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("err = %v; want %v with the exit status", err, ErrSilent)
		}
		if !slices.Equal(got, saying("Hel")) {
			t.Errorf("%d samples; want the first half once", len(got))
		}
	}
	if len(*lines) != 2 {
		t.Errorf("lines %q; want one a sentence", *lines)
	}
}

func TestNoProgram(t *testing.T) {
	v := NewProcess("/nowhere/voice-kal16", func(s string) { t.Errorf("line %q; want none", s) })
	if _, err := v.Say(context.Background(), "Hello.", Normal(), nil); !errors.Is(err, ErrSilent) {
		t.Errorf("err = %v; want %v", err, ErrSilent)
	}
	if _, err := Find("nobody", ""); err == nil || !strings.Contains(err.Error(), "voice-nobody") {
		t.Errorf("Find(nobody): %v; want the program's name", err)
	}
	if _, err := Find("../x", ""); err == nil {
		t.Error("Find(../x) found something")
	}
}

// A listener's error and a cancelled context end a sentence; the next is whole.
func TestStop(t *testing.T) {
	v, _ := fakeProcess(t, "well")
	boom := errors.New("boom")
	if _, err := v.Say(context.Background(), "Hello.", Normal(), func(int, []int16) error { return boom }); err != boom {
		t.Errorf("err = %v; want %v", err, boom)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err := v.Say(ctx, "Hello.", Normal(), func(int, []int16) error { cancel(); return nil })
	if err != nil && err != context.Canceled {
		t.Errorf("err = %v; want %v", err, context.Canceled)
	}
	var got []int16
	if _, err := v.Say(context.Background(), "Hi.", Normal(), collect(&got)); err != nil || !slices.Equal(got, saying("Hi.")) {
		t.Errorf("after that: %v, %d samples; want 300", err, len(got))
	}
}

func TestParams(t *testing.T) {
	for p, ok := range map[Params]bool{
		Normal():            true,
		{0.5, 2, 0, 0}:      true,
		{0.4, 1, 1, 0}:      false,
		{1, 2.1, 1, 0}:      false,
		{1, 1, -1, 0}:       false,
		{1, 1, 1, -1}:       false,
		{1, 1, 1, 5e9}:      true,
		{1, 1, 1, 5e9 + 1}:  false,
		{}:                  false,
		{Rate: 1, Pitch: 1}: true,
	} {
		if err := p.Check(); (err == nil) != ok {
			t.Errorf("%+v.Check() = %v; want ok %v", p, err, ok)
		}
	}
	got, _ := request("Hi", Params{Rate: 1, Pitch: 1.25, Volume: 0.5, Pause: time.Second})
	if want := "SAY1\xe8\x03\x00\x00\xe2\x04\x00\x00\xf4\x01\x00\x00\x02\x00\x00\x00Hi"; string(got) != want {
		t.Errorf("request = %q; want %q", got, want)
	}
	if _, err := request(strings.Repeat("a", MaxText+1), Normal()); err == nil {
		t.Error("a text that is too long was taken")
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte("RATE\x04\x00\x00\x00\x80\x3e\x00\x00PCM \x02\x00\x00\x00\x01\x02END \x08\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x00"))
	f.Add([]byte("ERR \x02\x00\x00\x00noPCM \x03\x00\x00\x00abc"))
	f.Add([]byte("PCM \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			name, payload, err := subprocess.ReadFrame(r)
			if err != nil {
				return
			}
			fr, err := parse(name, payload, nil)
			if err != nil {
				return
			}
			if fr.kind == kindRate && (fr.hz < 4000 || fr.hz > 192000) || fr.compute < 0 || len(fr.samples) > subprocess.MaxPayload/2 {
				t.Fatalf("frame %+v is out of range", fr)
			}
		}
	})
}
