package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"first", "second, longer", "3"} {
		if err := Write(dir, File{"results.txt", []byte(want)}); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "results.txt")); string(got) != want || err != nil {
			t.Errorf("results.txt = %q, %v; want %q", got, err, want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v; want the file alone", entries, err)
	}
	// What a power cut left behind is in nobody's way.
	if err := os.WriteFile(filepath.Join(dir, "results.txt.new"), []byte("half, but long enough to show"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, File{"results.txt", []byte("4")}); err != nil {
		t.Error(err)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "results.txt")); string(got) != "4" {
		t.Errorf("results.txt = %q; want 4", got)
	}
}

func TestErrors(t *testing.T) {
	if err := Write(filepath.Join(t.TempDir(), "none"), File{"x", nil}); err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("Write = %v; want an error that names the folder", err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, File{"taken", []byte("x")}); err == nil {
		t.Error("Write over a folder succeeded")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestRemove(t *testing.T) {
	dir := t.TempDir()
	if err := Write(dir, File{"a.json", []byte("a")}, File{"b.json", []byte("b")}, File{"c.txt", []byte("c")}); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir, "a.json", "b.json", "none.json"); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 || entries[0].Name() != "c.txt" {
		t.Errorf("%v, %v; want c.txt alone", entries, err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "d.json", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Remove(dir, "d.json"); err == nil || !strings.Contains(err.Error(), "d.json") {
		t.Errorf("Remove of a folder = %v; want an error that names it", err)
	}
}

// TestReadOnly writes into a file system that is mounted read-only.
func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-o", "ro,sync,noexec,size=1m", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("only root can mount: %v: %s", err, out)
	}
	defer exec.Command("umount", dir).Run()
	if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err == nil {
		t.Fatal("the file system is not read-only")
	}
	if err := Write(dir, File{"results.txt", []byte("results")}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "results.txt")); string(got) != "results" || err != nil {
		t.Errorf("results.txt = %q, %v", got, err)
	}
	mounts, _ := os.ReadFile("/proc/mounts")
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); f[1] == dir && !(strings.HasPrefix(f[3], "ro,") && strings.Contains(f[3], "sync") && strings.Contains(f[3], "noexec")) {
			t.Errorf("afterwards: %s; want ro, sync, noexec as before", line)
		}
	}
}

// TestTwoProcesses has processes write into one file system that is mounted
// read-only: none may find it read-only again while it writes.
func TestTwoProcesses(t *testing.T) {
	if dir := os.Getenv("RESULTS_TEST_DIR"); dir != "" { // one of those processes
		for i := range 50 {
			name := fmt.Sprintf("%d.txt", os.Getpid())
			if err := Write(dir, File{name, fmt.Append(nil, i)}); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-o", "ro,size=1m", "-t", "tmpfs", "none", dir).CombinedOutput(); err != nil {
		t.Skipf("only root can mount: %v: %s", err, out)
	}
	defer exec.Command("umount", dir).Run()
	var writers sync.WaitGroup
	for range 3 {
		writers.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run=^TestTwoProcesses$")
			cmd.Env = append(os.Environ(), "RESULTS_TEST_DIR="+dir)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	writers.Wait()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("%v, %v; want 3 files", entries, err)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	unlock, err := lock(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(dir, 0); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second lock() = %v; want an error that names the folder", err)
	}
	unlock()
	unlock, err = lock(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestReplace(t *testing.T) {
	dir := t.TempDir()
	right := func(string) error { return nil }
	list := func() string {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " ")
	}
	if err := Write(dir, File{"mark.txt", []byte("works")}); err != nil {
		t.Fatal(err)
	}
	if err := Replace(dir, "big", strings.NewReader("content"), right, "mark.txt"); err != nil || list() != "big" {
		t.Errorf("Replace() = %v, there is %q; want big alone", err, list())
	}
	if got, err := os.ReadFile(filepath.Join(dir, "big")); string(got) != "content" || err != nil {
		t.Errorf("big = %q, %v", got, err)
	}
	broken := io.MultiReader(strings.NewReader("cont"), iotest.ErrReader(errors.New("the line is cut")))
	if err := Replace(dir, "big", broken, right); err == nil || !strings.Contains(err.Error(), "the line is cut") || list() != "" {
		t.Errorf("Replace() by what breaks off = %v, there is %q; want an error and nothing", err, list())
	}
	refused := func(path string) error { return errors.New("it is no update") }
	if err := Replace(dir, "big", strings.NewReader("content"), refused); err == nil || !strings.Contains(err.Error(), "it is no update") || list() != "" {
		t.Errorf("Replace() by what is refused = %v, there is %q; want an error and nothing", err, list())
	}
}
