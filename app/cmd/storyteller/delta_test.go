package main

import (
	"regexp"
	"strings"
	"testing"

	"duostoryteller/tests/testmodel"
)

func TestDelta(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	common := []string{"delta", "--model", checkpoint, "-z", tokenizer, "-i", "the cat", "-n", "30"}
	stdout, stderr, status := storyteller("", append(common, "--stories", "2")...)
	want := regexp.MustCompile(`^seed 123: (token \d+ differs|the same story), of \d+; perplexity exact [\d.]+, fast [\d.]+
seed 124: .*
\d+ tokens: perplexity exact [\d.]+, fast [\d.]+ \([+-][\d.]+ %\)
$`)
	if status != 0 || stderr != "" || !want.MatchString(stdout) {
		t.Errorf("delta = %q, %q, %d; want %s", stdout, stderr, status, want)
	}
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"delta"}, 2, "--model"},
		{append(common, "--stories", "0"), 2, "--stories 0"},
	} {
		stdout, stderr, status := storyteller("", tt.args...)
		if status != tt.status || stdout != "" || !strings.Contains(stderr, tt.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v = %q, %q, %d; want %q, %d", tt.args, stdout, stderr, status, tt.want, tt.status)
		}
	}
}
