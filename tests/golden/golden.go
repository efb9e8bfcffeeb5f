// Package golden reads reference outputs of llama2.c's run.c and finds the
// data that is too big for the repository.
package golden

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"duostoryteller/app/verify"
)

// Case is one run of run.c: its options, and what it printed.
type Case = verify.Case

// Read returns the cases of a file with one JSON object a line.
func Read(path string) ([]Case, error) { return verify.Open(path) }

// Data returns the path of a file in the folder of big test data, or skips the
// test with a line that says how to have it. DUO_DATA names the folder; without
// it, it is shared/data beside the repository.
func Data(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("DUO_DATA")
	if dir == "" {
		_, here, _, _ := runtime.Caller(0)
		dir = filepath.Join(filepath.Dir(here), "../../../shared/data")
	}
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no %s in %s: set DUO_DATA to a folder with the checkpoints, tokenizers and golden outputs", name, dir)
	}
	return path
}
