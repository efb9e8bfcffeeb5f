package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"duostoryteller/app/dialog"
	"duostoryteller/tests/packing"
	"duostoryteller/tests/testmodel"
)

// packModel packs one of the test models and returns its file and its tokenizer's.
func packModel(t *testing.T) (packed, tokenizer string) {
	t.Helper()
	checkpoint, tokenizer, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return packing.File(t, checkpoint, 10), tokenizer
}

// Only one status tells init that stories cannot be told.
func TestCannotTell(t *testing.T) {
	for _, tt := range []struct {
		args   []string
		status int
	}{
		{[]string{"serve", "--console", "--events", "--model", "/none"}, dialog.CannotTell},
		{[]string{"serve", "--console", "--model", "/none"}, 1}, // no init listens
		{[]string{"tell", "--model", "/none", "a"}, 1},
		{[]string{"serve", "--dance"}, 2},
	} {
		if _, stderr, status := storyteller("", tt.args...); status != tt.status || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q = %d, %q; want %d and a line", tt.args, status, stderr, tt.status)
		}
	}
}

// engine = "plain" in storyteller.toml, and the card's packed model: a story all the
// same, and the reason. Where a person asks for it, the reason alone.
func TestPlainOfPacked(t *testing.T) {
	model, tokenizer := packModel(t)
	_, stderr, status := storyteller("", "tell", "--engine", "plain", "--model", model, "-z", tokenizer, "a cat")
	if status != 1 || !strings.Contains(stderr, "this model is packed: choose exact") {
		t.Errorf("tell = %d, %q; want the reason", status, stderr)
	}
	_, stderr, status = storyteller("", "verify", "--model", model, "-z", tokenizer)
	if status != 2 || !strings.Contains(stderr, "is packed, and there is no suite: name one with --suite") {
		t.Errorf("verify = %d, %q; want the reason and what to do", status, stderr)
	}

	ctx, cancel := context.WithCancel(t.Context())
	said, out := io.Pipe()
	var errs bytes.Buffer
	root := rootCommand()
	root.SetArgs([]string{"serve", "--engine", "plain", "--model", model, "-z", tokenizer, "--listen", "127.0.0.1:0", "--console", "--events"})
	root.SetIn(bytes.NewReader(dialog.Line(dialog.Request{ID: "init-1", Prompt: "the cat", Seed: 7, Steps: 5})))
	root.SetOut(out)
	root.SetErr(&errs)
	ended := make(chan error, 1)
	go func() { ended <- root.ExecuteContext(ctx) }()
	told := false
	for lines := bufio.NewScanner(said); !told && lines.Scan(); {
		e, ok := dialog.ParseEvent(lines.Bytes())
		told = ok && e.Kind == dialog.Told && e.Error == "" && e.ID == "init-1"
	}
	go io.Copy(io.Discard, said)
	defer out.Close() // which ends that
	cancel()
	if err := <-ended; err != nil || !told {
		t.Errorf("told: %v; serve = %v", told, err)
	}
	if !strings.Contains(errs.String(), "this model is packed: choose exact, which tells the same stories, or fast; using exact\n") {
		t.Errorf("serve says %q; want why it is another engine", errs.String())
	}
}

// Where init holds notes back they go out at once, or they would be lost with this
// program.
func TestNotesDirect(t *testing.T) {
	for _, direct := range []bool{false, true} {
		var out bytes.Buffer
		n := notes{direct: direct}
		n.holdBack()
		n.add(&out, "a note")
		if got := out.String() == "a note\n"; got != direct {
			t.Errorf("direct %v: in the middle of a story %q is out", direct, out.String())
		}
		n.release(&out)
		if out.String() != "a note\n" {
			t.Errorf("direct %v: behind the story %q is out", direct, out.String())
		}
	}
}
