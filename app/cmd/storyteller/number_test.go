package main

import (
	"strings"
	"testing"

	"duostoryteller/tests/testmodel"
)

// Numbers are run.c's, in decimal and 32 bits, or refused: 010 is ten.
func TestNumbers(t *testing.T) {
	checkpoint, tokenizer, err := testmodel.Models()[0].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tell := func(args ...string) (string, string, int) {
		return storyteller("", append([]string{"tell", "--model", checkpoint, "-z", tokenizer, "-i", "the cat"}, args...)...)
	}
	for written, means := range map[string]string{"010": "10", "+7": "7", "0009": "9"} {
		for _, flag := range []string{"-s", "-n"} {
			other := map[string][]string{"-s": {"-n", "30"}, "-n": {"-s", "5"}}[flag]
			got, _, status := tell(append(other, flag, written)...)
			if want, _, _ := tell(append(other, flag, means)...); got != want || status != 0 {
				t.Errorf("%s %s tells %q, %d; want that of %s, %q", flag, written, got, status, means, want)
			}
		}
	}
	for _, bad := range []string{"3000000000", "-3000000000", "0x10", "1_000", "1e3", "5x", "0b1", "0o7", "1.5"} {
		for _, flag := range []string{"-s", "-n"} {
			stdout, stderr, status := tell(flag + "=" + bad)
			if stdout != "" || status != 2 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, bad) {
				t.Errorf("%s=%s: %q, %q, %d; want one line that refuses it", flag, bad, stdout, stderr, status)
			}
		}
	}
	// As run.c's: no seed above 0 is the clock's, and negative ones are a story's own.
	minus, _, status := tell("-s", "-1", "-n", "30")
	again, _, _ := tell("-s", "-1", "-n", "30")
	if minus != again || status != 0 {
		t.Errorf("-s -1 told %q, then %q, %d", minus, again, status)
	}
}
