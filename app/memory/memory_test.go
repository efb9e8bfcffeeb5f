package memory

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"unsafe"
)

func TestTake(t *testing.T) {
	const size = 3<<20 + 5
	b, err := Take(size)
	if err != nil {
		t.Fatal(err)
	}
	AdviseHuge(b[:2<<20])
	if len(b) != size || uintptr(unsafe.Pointer(&b[0]))%uintptr(os.Getpagesize()) != 0 {
		t.Errorf("Take = %d bytes at %p; want %d at the begin of a page", len(b), &b[0], size)
	}
	if bytes.Count(b, []byte{0}) != size {
		t.Error("the memory is not zero")
	}
	for i := range b {
		b[i] = byte(i)
	}
	if b[size-1] != (size-1)%256 {
		t.Error("the memory forgets")
	}
	if err := Free(b); err != nil {
		t.Error(err)
	}
}

func TestMap(t *testing.T) {
	want := bytes.Repeat([]byte("once upon a time "), 1000)
	name := filepath.Join(t.TempDir(), "story")
	if err := os.WriteFile(name, want, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Map(f, len(want)-1)
	f.Close()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want[:len(want)-1]) {
		t.Error("the mapped bytes are not the file's")
	}
	if err := Unmap(got); err != nil {
		t.Error(err)
	}
}
