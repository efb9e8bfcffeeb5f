package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestUpdate goes through an update's life, start by start.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	if _, ok := findUpdate(dir); ok {
		t.Fatal("an update was found where there is none")
	}
	file := filepath.Join(dir, updateFile)
	put := func(text string, minute int) update {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2026, 1, 1, 12, minute, 0, 0, time.UTC)
		if err := os.Chtimes(file, when, when); err != nil {
			t.Fatal(err)
		}
		u, ok := findUpdate(dir)
		if !ok {
			t.Fatal("the update was not found")
		}
		return u
	}
	step := func(u update, use bool, state string) {
		t.Helper()
		if got := u.use(); got != use || u.state() != state {
			t.Errorf("use() = %v, then it is %q; want %v, %q", got, u.state(), use, state)
		}
	}
	u := put("bad", 1)
	step(u, true, markTrying)  // copied onto the card
	step(u, false, markFailed) // no story came of it
	step(u, false, markFailed)
	u = put("bad", 2) // copied once more
	step(u, true, markTrying)
	if err := u.mark(markWorks); err != nil {
		t.Fatal(err)
	}
	step(u, true, markWorks)
	step(u, true, markWorks)
	step(put("another", 2), true, markTrying)

	// A mark that says nothing is none, and without one no trial is safe.
	if err := os.WriteFile(filepath.Join(dir, updateMark), []byte("\xff\x00"), 0o644); err != nil {
		t.Fatal(err)
	}
	u = put("another", 3)
	if err := os.Remove(filepath.Join(dir, updateMark)); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, updateMark), 0o755); err != nil {
		t.Fatal(err)
	}
	step(u, false, "")
}
