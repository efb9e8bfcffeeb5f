package uncached

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"duostoryteller/app/memory"
)

// What is read past the cache is what was written, and the advice changes nothing.
func TestOpen(t *testing.T) {
	want := bytes.Repeat([]byte("a page is full of words "), 1<<20/24)[:1<<19]
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name)
	if errors.Is(err, errors.ErrUnsupported) {
		f, err = os.Open(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := memory.Take(len(want))
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Free(got)
	for range 2 {
		if n, err := f.ReadAt(got, 0); n != len(want) || err != nil || !bytes.Equal(got, want) {
			t.Fatalf("ReadAt = %d, %v; want the %d bytes that were written", n, err, len(want))
		}
		Forget(f, 0, int64(len(want)))
		Scattered(f)
	}
}

func TestOpenMissing(t *testing.T) {
	if f, err := Open(filepath.Join(t.TempDir(), "none")); err == nil {
		f.Close()
		t.Error("a file that is not there was opened")
	}
}
