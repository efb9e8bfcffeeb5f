package build

import (
	"bytes"
	"syscall"
	"testing"
)

// TestReproducible builds twice, in other folders and with another umask.
func TestReproducible(t *testing.T) {
	build := func(umask int) *state {
		defer syscall.Umask(syscall.Umask(umask))
		t.Setenv("TMPDIR", t.TempDir())
		s := small(t)
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	a, b := build(0o077), build(0o002)
	for _, name := range []string{Image, "boot.sd", "manifest.json", "update.erofs"} {
		if !bytes.Equal(read(t, a, name), read(t, b, name)) {
			t.Errorf("%s of two builds differ", name)
		}
	}
}
