//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"duostoryteller/app/update"
)

// TestUpdate goes through an update's life, start by start. All copies have the same
// time, as those made over the cable on a board without a clock.
func TestUpdate(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, update.File)
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	starts := func(what string, want update.Course, state update.State) {
		t.Helper()
		now, err := identify(file, 3)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		course, then := begin(&out, update.ReadMark(dir), now)
		if then.State != update.New {
			if err := then.Write(dir); err != nil {
				t.Fatal(err)
			}
		}
		if got := update.ReadMark(dir).State; course != want || got != state || (out.Len() == 0) != (want == update.Use) {
			t.Errorf("%s: %v, then it is %q and said %q; want %v, %q", what, course, got, out.String(), want, state)
		}
	}
	put("bad")
	starts("copied onto the card", update.Try, update.Trying)
	starts("no story came of it", update.Fail, update.Failed)
	starts("the same", update.Leave, update.Failed)
	put("bad")
	starts("the same copied once more", update.Leave, update.Failed)
	put("new")
	starts("another of the same size and time", update.Try, update.Trying)
	now, err := identify(file, 3)
	if err != nil {
		t.Fatal(err)
	}
	if err := (update.Mark{State: update.Works, Identity: now}).Write(dir); err != nil {
		t.Fatal(err)
	}
	starts("it works", update.Use, update.Works)
	if err := (update.Mark{State: update.Off, Identity: now}).Write(dir); err != nil {
		t.Fatal(err)
	}
	starts("switched off", update.Leave, update.Off)
	put("bad")
	starts("the one that failed before another one", update.Try, update.Trying)
	put("new")
	starts("replaced before its story", update.Try, update.Trying)
}

// An update that was switched off before its first story ended stays so.
func TestWorked(t *testing.T) {
	id := update.Identity{Size: 3, Content: 1, List: 2}
	for before, want := range map[update.State]update.State{update.Trying: update.Works, update.Off: update.Off} {
		dir := t.TempDir()
		t.Setenv(trying, id.String())
		if err := (update.Mark{State: before, Identity: id}).Write(dir); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		worked(&out, dir)
		if got := update.ReadMark(dir); got.State != want || got.Identity != id || onTrial() || (out.Len() > 0) != (want == update.Works) {
			t.Errorf("an update that is %q and told a story is %+v, and init says %q; want %q", before, got, out.String(), want)
		}
	}
}
