package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ulikunitz/xz"
)

// TestOpenImage unpacks a compressed image, but not one that no card holds: a few
// bytes may stand for terabytes.
func TestOpenImage(t *testing.T) {
	const size = 3 << 20
	var packed bytes.Buffer
	w, err := xz.NewWriter(&packed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "storyteller.img.xz")
	if err := os.WriteFile(name, packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	f, got, err := openImage(t.Context(), name, size, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if got != size {
		t.Errorf("%d bytes; want %d", got, size)
	}
	if _, _, err := openImage(t.Context(), name, size-1, nil); err == nil || !strings.Contains(err.Error(), "a larger card is needed") {
		t.Errorf("openImage for a smaller card = %v; want it to stop there", err)
	}
}
