package filelock

import (
	"os"
	"path/filepath"
	"testing"
)

func TestTry(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		t.Helper()
		f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	first, second := open(), open()
	if ours, err := Try(first); !ours || err != nil {
		t.Fatalf("Try = %v, %v; want the lock", ours, err)
	}
	if ours, err := Try(second); ours || err != nil {
		t.Errorf("Try of what is locked = %v, %v; want false", ours, err)
	}
	// What is locked can be read all the same.
	if _, err := first.WriteString("whose"); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); string(text) != "whose" || err != nil {
		t.Errorf("the locked file has %q, %v", text, err)
	}
	first.Close()
	if ours, err := Try(second); !ours || err != nil {
		t.Errorf("Try after the other one was closed = %v, %v; want the lock", ours, err)
	}
	second.Close()
	if _, err := Try(second); err == nil {
		t.Error("a closed file was locked")
	}
}
