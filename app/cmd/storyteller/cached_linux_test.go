package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/modelcache"
	"duostoryteller/tests/testmodel"

	"golang.org/x/sys/unix"
)

// cached is a checkpoint and an empty cache for it.
type cached struct {
	t                     *testing.T
	checkpoint, tokenizer string
	dir                   string
	right                 string // the text
}

func newCached(t *testing.T) *cached {
	t.Helper()
	checkpoint, tokenizer, err := testmodel.Models()[1].Files(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := &cached{t: t, checkpoint: checkpoint, tokenizer: tokenizer, dir: filepath.Join(t.TempDir(), "cache")}
	t.Cleanup(childrenEnd)
	c.right, _, _ = storyteller("", c.story("plain")...)
	t.Setenv("STORYTELLER_CACHE", c.dir)
	return c
}

// childrenEnd waits until all that we started has ended: what packs beside a story
// writes into a folder that is about to be removed.
func childrenEnd() {
	for {
		if _, err := unix.Wait4(-1, nil, 0, nil); err == unix.ECHILD {
			return
		}
	}
}

func (c *cached) story(engine string) []string {
	return []string{"tell", "--engine", engine, "--model", c.checkpoint, "-z", c.tokenizer, "-s", "5", "-n", "60", "-i", "the cat"}
}

// tells wants the right text.
func (c *cached) tells(when string) {
	c.t.Helper()
	text, stderr, status := storyteller("", c.story("exact")...)
	if text != c.right || status != 0 || !strings.HasPrefix(stderr, "achieved tok/s") || strings.Count(stderr, "\n") != 1 {
		c.t.Errorf("%s: tell = %q, %q, %d; want %q", when, text, stderr, status, c.right)
	}
}

// entry waits until what packs beside a story has ended, and returns what it made.
func (c *cached) entry() string {
	c.t.Helper()
	cache, err := modelcache.Open()
	if err != nil {
		c.t.Fatal(err)
	}
	for {
		entry, err := cache.Find(c.checkpoint)
		if err != nil {
			c.t.Fatal(err)
		}
		if entry != "" {
			return entry
		}
		if c.t.Context().Err() != nil {
			c.t.Fatal("no entry")
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestCached: the first story is told from the checkpoint and has it packed, the next
// is told from what was packed; damage in that is found, and it is made anew.
func TestCached(t *testing.T) {
	c := newCached(t)
	c.tells("first")
	entry := c.entry()
	before, err := os.ReadFile(entry)
	if err != nil {
		t.Fatal(err)
	}
	c.tells("from the cache")
	for name, damage := range map[string]func([]byte) []byte{
		"a bit":    func(b []byte) []byte { b[3*4096] ^= 1; return b },
		"the head": func(b []byte) []byte { b[20] ^= 1; return b },
		"the end":  func(b []byte) []byte { return b[:len(b)/2] },
		"all":      func([]byte) []byte { return nil },
	} {
		b := append([]byte(nil), before...)
		if err := os.WriteFile(entry, damage(b), 0o600); err != nil {
			t.Fatal(err)
		}
		c.tells(name + " is damaged")
		c.entry()
		if after, err := os.ReadFile(entry); err != nil || string(after) != string(before) {
			t.Errorf("%s was damaged: %v, and what was made anew differs", name, err)
		}
	}
	// The fast engine and the verb find the same file.
	if _, stderr, status := storyteller("", c.story("fast")...); status != 0 {
		t.Errorf("the fast engine: %q, %d", stderr, status)
	}
	if out, stderr, status := storyteller("", "pack", "--model", c.checkpoint); out != entry+"\n" || status != 0 {
		t.Errorf("pack = %q, %q, %d; want %q", out, stderr, status, entry)
	}
	if _, stderr, status := storyteller("", "pack", "--model", entry); status != 1 || !strings.Contains(stderr, "packed already") {
		t.Errorf("pack of what is packed: %q, %d", stderr, status)
	}
}

// TestPackedTwice: processes that pack the same at the same time leave one whole file.
func TestPackedTwice(t *testing.T) {
	c := newCached(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all []*exec.Cmd
	for range 4 {
		cmd := exec.Command(program, "pack", "--model", c.checkpoint)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	made := 0
	for _, cmd := range all {
		if cmd.Wait() == nil { // the others say that it is being packed
			made++
		}
	}
	if made == 0 {
		t.Error("none of them packed it")
	}
	c.tells("packed by several")
	if list, err := filepath.Glob(filepath.Join(c.dir, "*-*")); err != nil || len(list) != 1 {
		t.Errorf("in the cache are %v, %v; want one entry", list, err)
	}
}

// TestPackInterrupted: what was ended while it packed leaves nothing that is used, and
// the next one packs.
func TestPackInterrupted(t *testing.T) {
	c := newCached(t)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "pack", "--model", c.checkpoint)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for begun := false; !begun; time.Sleep(time.Millisecond) {
		list, _ := os.ReadDir(c.dir)
		begun = len(list) > 0
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it may have been quicker
	c.tells("after it was interrupted")
	c.entry()
	c.tells("packed at last")
}

// TestNoCache: where nothing can be kept, stories are told all the same.
func TestNoCache(t *testing.T) {
	c := newCached(t)
	if err := os.WriteFile(c.dir, nil, 0o600); err != nil { // a file in the folder's place
		t.Fatal(err)
	}
	c.tells("no folder")
	if _, stderr, status := storyteller("", "pack", "--model", c.checkpoint); status != 1 || !strings.Contains(stderr, "cannot be kept") {
		t.Errorf("pack says %q, %d", stderr, status)
	}
	if _, stderr, status := storyteller("", c.story("fast")...); status != 0 {
		t.Errorf("the fast engine: %q, %d", stderr, status)
	}
	if _, stderr, status := storyteller("", "bench", "--runs", "1", "-n", "20", "--model", c.checkpoint, "-z", c.tokenizer); status != 0 || !strings.Contains(stderr, "cannot be kept") {
		t.Errorf("bench: %q, %d; want why it is slower", stderr, status)
	}
	t.Setenv("STORYTELLER_CACHE", "off")
	c.tells("no cache wanted")
}

// TestCacheDiskFull: a full disk costs neither the story nor time, and pack says why.
func TestCacheDiskFull(t *testing.T) {
	c := newCached(t)
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("none", c.dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no small disk to be had: %v", err)
	}
	t.Cleanup(func() {
		childrenEnd()
		if err := unix.Unmount(c.dir, 0); err != nil {
			t.Error(err)
		}
	})
	c.tells("the disk is full")
	childrenEnd()
	_, stderr, status := storyteller("", "pack", "--model", c.checkpoint)
	if status != 1 || !strings.Contains(stderr, "no space left") {
		t.Errorf("pack says %q, %d", stderr, status)
	}
	if list, err := os.ReadDir(c.dir); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}
