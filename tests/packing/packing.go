// Package packing packs checkpoints for tests.
package packing

import (
	"os"
	"path/filepath"
	"testing"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// File packs a checkpoint, which tells so many tokens of its own for that, into a file
// in a folder of the test's. It has the same bytes on every machine.
func File(t testing.TB, checkpoint string, tokens int) (path string) {
	t.Helper()
	c, err := llama.OpenCheckpoint(checkpoint)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := engine.Pack(c, arith.All()[0], tokens)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path = filepath.Join(t.TempDir(), "model.packed")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteTo(f); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := packed.Verify(path); err != nil {
		t.Fatal(err)
	}
	return path
}
