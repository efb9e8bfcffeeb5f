package modelcache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFull: where there is no room the work is not begun.
func TestFull(t *testing.T) {
	c := &Cache{t.TempDir(), Bound}
	f, err := os.Create(filepath.Join(c.dir, "try"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fallocate(int(f.Fd()), 0, 0, 1); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this file system does not reserve room")
	}
	if err := os.Remove(f.Name()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(put(t, "a"), 1<<60, func(io.Writer) error { t.Error("begun"); return nil }); err == nil {
		t.Error("no error")
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}
