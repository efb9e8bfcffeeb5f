//go:build linux

package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/config"

	"github.com/creack/pty"
)

// TestLive changes what stories are like while the machine runs.
func TestLive(t *testing.T) {
	settings := config.Default()
	settings.Prompt = "A cat"
	b := newBench(t, settings)
	b.waitFor(t, "storyteller> ")
	say := func(line, want string) string {
		t.Helper()
		b.lines <- typed{line: line}
		got := b.waitFor(t, want)
		b.waitFor(t, "storyteller> ")
		return got
	}
	say("/temp", "/temp 1\n")
	say("/temp 0.5", "/temp 0.5\n")
	say("/topp 2", `init: topp "2" is not allowed: give a number from 0 to 1`)
	say("/steps 96", "/steps 96\n")
	say("/seed 7", "/seed 7\n")
	const dog = `{"prompt":"A dog","seed":7,"temperature":0.5,"topp":0.9,"steps":96,"exact":true}`
	say("A dog", dog)
	say("/seed 0", "/seed 0\n")
	say("/again", dog)
	say("/stats", "stats: MemTotal ")
	say("/help", "/engine VALUE")
	say("/nothing", "init: /nothing is no command; /help lists them")
	// Another voice or engine: the storyteller starts anew, at once when it is idle.
	if got := say("/voice rms", "the storyteller starts anew\n"); !strings.Contains(got, "/voice rms") {
		t.Errorf("the console says %q; want the voice", got)
	}
	say("A cat", `{"prompt":"A cat"`)
	if got := say("/model stories260K", "the storyteller starts anew\n"); !strings.Contains(got, "/model stories260K") {
		t.Errorf("the console says %q; want the model", got)
	}
	say("/model two words", `init: model "two words" is not allowed: give the name of a model`)
	b.lines <- typed{line: "/engine fast"}
	b.lines <- typed{line: "A bird"} // while it starts anew
	b.waitFor(t, "--choose stories260K --engine fast")
	b.waitFor(t, `{"prompt":"A bird"`)
	b.waitFor(t, "storyteller> ")
	if got := say("/bedtime on", "the storyteller starts anew\n"); !strings.Contains(got, "/bedtime on") {
		t.Errorf("the console says %q; want bedtime", got)
	}
	b.lines <- typed{line: "/avoid off"}
	b.waitFor(t, "storyteller> ")
	b.lines <- typed{line: "A bear"}
	b.waitFor(t, "--avoid off --keep 64 --bedtime")
	b.waitFor(t, "storyteller> ")
	// While a story is told, after it.
	b.lines <- typed{line: "wait"}
	b.waitFor(t, "waiting")
	b.lines <- typed{line: "/voice off"}
	b.waitFor(t, "/voice off\n")
	b.lines <- typed{line: "An owl"}
	b.waitFor(t, "comes next")
	b.lines <- typed{line: "stop"}
	b.waitFor(t, "story ends")
}

func TestComplete(t *testing.T) {
	for _, test := range []struct {
		typed, full string
		options     []string
	}{
		{"/te", "/temp ", nil},
		{"/t", "/t", []string{"/temp", "/topp"}},
		{"/s", "/s", []string{"/seed", "/stats", "/steps"}},
		{"/st", "/st", []string{"/stats", "/steps"}},
		{"/voice k", "/voice kal16 ", nil},
		{"/voice ", "/voice ", []string{"kal16", "rms", "espeak", "off"}},
		{"rebo", "reboot ", nil},
		{"", "", nil},
		{"Once upon a", "Once upon a", nil},
		{"/temp ", "/temp ", nil},
	} {
		full, options := complete(test.typed)
		if full != test.full || len(options) != len(test.options) || len(options) > 0 && !slices.Equal(options, test.options) {
			t.Errorf("complete(%q) = %q, %q; want %q, %q", test.typed, full, options, test.full, test.options)
		}
	}
}

// TestTab completes on a real terminal: what was completed can still be edited.
func TestTab(t *testing.T) {
	pc, port, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer pc.Close()
	defer port.Close()
	seen := new(console)
	go func() {
		buf := make([]byte, 256)
		for {
			n, err := pc.Read(buf)
			seen.Write(bytes.ReplaceAll(buf[:n], []byte("\r"), nil))
			if err != nil {
				return
			}
		}
	}()
	lines := make(chan typed)
	cable := &terminal{path: port.Name(), fd: -1}
	go cable.readLines(lines)
	waitOpen(t, cable)
	send := func(text string) {
		t.Helper()
		if _, err := pc.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	line := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if strings.TrimSpace(got.line) != want {
				t.Errorf("the line is %q; want %q", got.line, want)
			}
		case <-time.After(time.Minute):
			t.Fatalf("no line; want %q", want)
		}
	}
	send("/vo\t")
	seen.waitFor(t, prompt+"/voice ")
	send("rm\t")
	seen.waitFor(t, prompt+"/voice rms ")
	send("\r")
	line("/voice rms")
	send("/t\t")
	seen.waitFor(t, "/temp  /topp")
	seen.waitFor(t, prompt+"/t")
	send("emp 0.5\r")
	line("/temp 0.5")
	send("A cat and\ta dog\r")
	line("A cat and a dog")
	send("/ag\t")
	seen.waitFor(t, prompt+"/again ")
	send("\r")
	line("/again")
}
