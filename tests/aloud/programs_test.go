package aloud

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"duostoryteller/app/sentence"
	"duostoryteller/app/subprocess"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
)

// programs are the voices that were built, each once for all tests.
var programs struct {
	sync.Mutex
	dir   string
	paths map[string]string // by name
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "voices")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs.dir, programs.paths = dir, map[string]string{}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// compiler returns the C compiler, or skips.
func compiler(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the voices are built and speak for a minute: not with -short")
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("the voices need a C compiler: apt-get install gcc libc6-dev")
	}
	return cc
}

// source says how the voice is made.
func source(t *testing.T, name string) child.Program {
	t.Helper()
	i := slices.IndexFunc(child.Programs(), func(p child.Program) bool { return p.Voice == name })
	if i < 0 {
		t.Fatalf("no voice %s", name)
	}
	return child.Programs()[i]
}

// installed skips where a voice's engine is not there.
func installed(t *testing.T, cc string, p child.Program) {
	t.Helper()
	for _, l := range p.Libraries {
		if err := exec.Command(cc, "-shared", "-o", os.DevNull, "-l"+l).Run(); err != nil {
			t.Skipf("voice %s needs its engine: apt-get install %s", p.Voice, strings.Join(p.Packages, " "))
		}
	}
}

// program builds the voice, or skips where it cannot be built.
func program(t *testing.T, name string) string {
	t.Helper()
	cc, p := compiler(t), source(t, name)
	programs.Lock()
	defer programs.Unlock()
	if path := programs.paths[name]; path != "" {
		return path
	}
	installed(t, cc, p)
	path, err := p.BuildNative(t.Context(), cc, programs.dir)
	if err != nil {
		t.Fatal(err)
	}
	programs.paths[name] = path
	return path
}

// split cuts a text into sentences.
func split(text string) []string {
	var s sentence.Splitter
	return append(s.Write([]byte(text)), s.Flush())
}

// made returns the samples that a program itself sends for each sentence.
func made(ctx context.Context, t *testing.T, program string, sentences []string, p voice.Params) (hz int, samples [][]int16) {
	t.Helper()
	var requests bytes.Buffer
	for _, s := range sentences {
		text := sentence.Plain(s)
		requests.WriteString("SAY1")
		for _, n := range []int{int(1000*p.Rate + 0.5), int(1000*p.Pitch + 0.5), int(1000*p.Volume + 0.5), len(text)} {
			binary.Write(&requests, binary.LittleEndian, uint32(n))
		}
		requests.WriteString(text)
	}
	cmd := exec.CommandContext(ctx, program)
	cmd.Stdin = &requests
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var now []int16
	for frames := bytes.NewReader(out); frames.Len() > 0; {
		kind, payload, err := subprocess.ReadFrame(frames)
		if err != nil {
			t.Fatal(err)
		}
		switch kind {
		case "RATE":
			hz = int(binary.LittleEndian.Uint32(payload))
		case "PCM ":
			for ; len(payload) > 0; payload = payload[2:] {
				now = append(now, int16(binary.LittleEndian.Uint16(payload)))
			}
		case "END ":
			samples, now = append(samples, now), nil
		default:
			t.Fatalf("%s: %s", kind, payload)
		}
	}
	if len(samples) != len(sentences) {
		t.Fatalf("%d answers to %d sentences", len(samples), len(sentences))
	}
	return hz, samples
}
