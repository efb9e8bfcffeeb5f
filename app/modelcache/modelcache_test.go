package modelcache

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func put(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "model.bin")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func (c *Cache) has(t *testing.T, path string) bool {
	t.Helper()
	entry, err := c.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	return entry != ""
}

// TestFind: the same contents are found wherever they are, and one other bit anywhere
// makes another checkpoint.
func TestFind(t *testing.T) {
	c := &Cache{t.TempDir(), Bound}
	data := strings.Repeat("weights ", chunk/4) + "and more" // two chunks and a bit
	if c.has(t, put(t, data)) {
		t.Error("found in an empty cache")
	}
	if _, err := c.Add(put(t, data), 1, text("packed")); err != nil {
		t.Fatal(err)
	}
	if !c.has(t, put(t, data)) {
		t.Error("the same contents elsewhere are not found")
	}
	for _, at := range []int{0, beginning - 1, beginning, chunk - 1, chunk, len(data) - 1} {
		other := []byte(data)
		other[at] ^= 1
		if c.has(t, put(t, string(other))) {
			t.Errorf("byte %d is another, and it is found", at)
		}
	}
	if c.has(t, put(t, data[:len(data)-1])) || c.has(t, put(t, "")) {
		t.Error("a shorter file is found")
	}
	if _, err := c.Find(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there is found")
	}
}

func TestAdd(t *testing.T) {
	c := &Cache{filepath.Join(t.TempDir(), "new", "folder"), 10}
	a := put(t, "a")
	failure := errors.New("the disk is full")
	if _, err := c.Add(a, 5, func(w io.Writer) error { io.WriteString(w, "half"); return failure }); !errors.Is(err, failure) {
		t.Errorf("Add = %v; want %v", err, failure)
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
	// While it is made, another process is told so; it may be shorter than was said.
	entry, err := c.Add(a, 7, func(w io.Writer) error {
		if _, err := c.Add(a, 5, text("second")); !errors.Is(err, ErrBusy) {
			t.Errorf("the same at the same time: %v; want ErrBusy", err)
		}
		return text("12345")(w)
	})
	if err != nil || !c.has(t, a) {
		t.Fatalf("Add = %q, %v, and it is not found", entry, err)
	}
	if data, err := os.ReadFile(entry); string(data) != "12345" {
		t.Errorf("the entry is %q, %v", data, err)
	}
	again, err := c.Add(a, 5, func(io.Writer) error { t.Error("made twice"); return nil })
	if err != nil || again != entry {
		t.Errorf("Add again = %q, %v; want %q", again, err, entry)
	}
}

// TestInterrupted: what a process left that was ended is written over, and removed when
// another entry is made.
func TestInterrupted(t *testing.T) {
	c := &Cache{t.TempDir(), 10}
	a := put(t, "a")
	entry, err := c.Add(a, 5, text("whole"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(entry, entry+unfinished); err != nil {
		t.Fatal(err)
	}
	if c.has(t, a) {
		t.Fatal("what is unfinished is found")
	}
	if _, err := c.Add(a, 3, text("new")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(entry); string(data) != "new" {
		t.Errorf("the entry is %q, %v", data, err)
	}
	if err := os.Rename(entry, entry+unfinished); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Add(put(t, "b"), 3, text("bbb")); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// TestBound: what was used longest ago is removed when there is no room, but what was
// used just now stays, and one that is larger than the bound is kept alone.
func TestBound(t *testing.T) {
	c := &Cache{t.TempDir(), 10}
	paths := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d"} {
		paths[name] = put(t, name)
	}
	past := time.Now().Add(-time.Hour)
	for _, name := range []string{"a", "b"} {
		entry, err := c.Add(paths[name], 5, text("12345"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(entry, past, past); err != nil {
			t.Fatal(err)
		}
	}
	there := func() (names string) {
		for _, name := range []string{"a", "b", "c", "d"} {
			if list, err := filepath.Glob(filepath.Join(c.dir, first(t, paths[name])+"*")); err != nil {
				t.Fatal(err)
			} else if len(list) > 0 {
				names += name
			}
		}
		return names
	}
	if !c.has(t, paths["a"]) {
		t.Error("a is not found")
	}
	if _, err := c.Add(paths["c"], 5, text("12345")); err != nil {
		t.Fatal(err)
	}
	if got := there(); got != "ac" {
		t.Errorf("there are %s; want a, used just now, and c", got)
	}
	if _, err := c.Add(paths["d"], 5, text("more than the bound")); err != nil {
		t.Fatal(err)
	}
	if got := there(); got != "d" {
		t.Errorf("there are %s; want d alone", got)
	}
}

func first(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	key, err := firstKey(f)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
