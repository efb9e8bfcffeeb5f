package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"duostoryteller/tests/testmodel"
)

// A command line's standard output, standard error and exit status.
func storyteller(stdin string, args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = run(args, strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), status
}

func TestTellPrompts(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	common := []string{"tell", "--model", checkpoint, "-z", tokenizer, "-s", "5", "-n", "30"}
	want, stderr, status := storyteller("", append(common, "-i", "the cat")...)
	if status != 0 || !strings.HasPrefix(want, "the cat") || !strings.HasSuffix(want, "\n") || !strings.HasPrefix(stderr, "achieved tok/s: ") {
		t.Fatalf("tell -i = %q, %q, %d", want, stderr, status)
	}
	for _, tt := range []struct {
		name, stdin string
		args        []string
	}{
		{"arguments", "ignored", []string{"the", "cat"}},
		{"standard input", "the cat\n", nil},
		{"-i before standard input", "the dog", []string{"-i", "the cat"}},
	} {
		if got, _, status := storyteller(tt.stdin, append(common, tt.args...)...); got != want || status != 0 {
			t.Errorf("prompt from %s: %q, %d; want %q, 0", tt.name, got, status, want)
		}
	}
	if got, _, _ := storyteller("the cat", append(common, "-i", "")...); strings.HasPrefix(got, "the cat") {
		t.Errorf("an empty -i still read standard input: %q", got)
	}
	// One position: no speed, its clock never started.
	if _, stderr, status := storyteller("", append(common, "-n", "1")...); stderr != "" || status != 0 {
		t.Errorf("-n 1 wrote %q, %d", stderr, status)
	}
}

func TestTellErrors(t *testing.T) {
	dir := t.TempDir()
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := testmodel.Models()[1].Files(dir)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	truncated := filepath.Join(dir, "truncated.bin")
	if err := os.WriteFile(truncated, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"tell"}, 2, "--model"},
		{[]string{"tell", "--model", checkpoint, "-t", "warm"}, 2, "temperature"},
		{[]string{"tell", "--model", checkpoint, "--wrong"}, 2, "wrong"},
		{[]string{"tell", "--model", checkpoint, "--engine", "steam"}, 2, "steam"},
		{[]string{"tell", "--model", checkpoint, "-i", "a", "b"}, 2, "two prompts"},
		{[]string{"sing"}, 2, "sing"},
		{[]string{"tell", "--model", filepath.Join(dir, "none.bin")}, 1, "none.bin"},
		{[]string{"tell", "--model", truncated, "-z", tokenizer}, 1, truncated},
		{[]string{"tell", "--model", tokenizer, "-z", tokenizer}, 1, "not a llama2.c checkpoint"},
		{[]string{"tell", "--model", checkpoint, "-z", checkpoint}, 1, "not a tokenizer"},
		{[]string{"tell", "--model", checkpoint, "-z", other}, 1, "another model"},
	} {
		stdout, stderr, status := storyteller("", tt.args...)
		if status != tt.status || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q = %q, %q, %d; want status %d and one line with %q", tt.args, stdout, stderr, status, tt.status, tt.want)
		}
	}
}
