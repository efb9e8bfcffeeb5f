package rootfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/erofs/go-erofs"
)

var built = time.Unix(1_700_000_000, 0).UTC()

func sample(t *testing.T) *Tree {
	t.Helper()
	dir := t.TempDir()
	host := func(name string, mode fs.FileMode, data string) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(data), mode); err != nil {
			t.Fatal(err)
		}
	}
	host("etc/motd", 0o600, "hello\n")
	host("bin/run", 0o700, "#!")
	if err := os.Symlink("run", filepath.Join(dir, "bin/go")); err != nil {
		t.Fatal(err)
	}
	tree := new(Tree)
	if err := tree.AddTree("/", dir); err != nil {
		t.Fatal(err)
	}
	if err := tree.Add(MountPoints()...); err != nil {
		t.Fatal(err)
	}
	err := tree.Add(
		Bytes("/sbin/init", 0o755, bytes.Repeat([]byte("init"), 5000)),
		Bytes("/usr/share/storyteller/empty", 0o644, nil),
		Bytes("/usr/share/storyteller/block", 0o644, make([]byte, 4096)),
	)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func image(t *testing.T, tree *Tree) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "root.erofs")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := tree.Write(f, built, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestReadBack(t *testing.T) {
	tree := sample(t)
	f, err := os.Open(image(t, tree))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := Open(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range tree.Files() {
		name := want.Path[1:]
		info, err := fs.Lstat(root, name)
		if err != nil {
			t.Errorf("%s: %v", want.Path, err)
			continue
		}
		stat := info.Sys().(*erofs.Stat)
		// info.Mode of go-erofs v0.3.1 mixes Unix and Go bits; Stat's is right.
		if got := stat.Mode; got != want.Mode {
			t.Errorf("mode of %s = %v; want %v", want.Path, got, want.Mode)
		}
		if got := info.ModTime(); !got.Equal(built) {
			t.Errorf("time of %s = %v; want %v", want.Path, got, built)
		}
		if stat.UID != 0 || stat.GID != 0 {
			t.Errorf("owner of %s = %d:%d; want 0:0", want.Path, stat.UID, stat.GID)
		}
		switch want.Mode.Type() {
		case fs.ModeSymlink:
			if got, err := fs.ReadLink(root, name); got != want.Link || err != nil {
				t.Errorf("link %s = %q, %v; want %q", want.Path, got, err, want.Link)
			}
		case 0:
			src, err := want.Open()
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(src)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fs.ReadFile(root, name); !bytes.Equal(got, data) || err != nil {
				t.Errorf("content of %s = %d bytes, %v; want %d bytes", want.Path, len(got), err, len(data))
			}
		}
	}
}

// A tree that is loaded from an image makes the same image again.
func TestLoad(t *testing.T) {
	name := image(t, sample(t))
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tree, when, err := Load(f)
	if err != nil {
		t.Fatal(err)
	}
	if !when.Equal(built) {
		t.Errorf("built %v; want %v", when, built)
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(image(t, tree))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the image made again has %d bytes and differs from the first, %d bytes", len(got), len(want))
	}
	if _, _, err := Load(bytes.NewReader(want[:len(want)/2])); err == nil {
		t.Error("half an image was loaded")
	}
}

// TestModes names what the board relies on, whatever the host's umask was.
func TestModes(t *testing.T) {
	tree := sample(t)
	for name, want := range map[string]fs.FileMode{
		"/bin":      fs.ModeDir | 0o755,
		"/bin/run":  0o755,
		"/bin/go":   fs.ModeSymlink | 0o777,
		"/etc/motd": 0o644,
		"/tmp":      fs.ModeDir | fs.ModeSticky | 0o777,
	} {
		if got := tree.files[name].Mode; got != want {
			t.Errorf("mode of %s = %v; want %v", name, got, want)
		}
	}
}

func TestFsck(t *testing.T) {
	fsck, err := exec.LookPath("fsck.erofs")
	if err != nil {
		t.Skip("fsck.erofs is missing: apt-get install erofs-utils")
	}
	if out, err := exec.Command(fsck, image(t, sample(t))).CombinedOutput(); err != nil {
		t.Errorf("fsck.erofs: %v\n%s", err, out)
	}
}

func TestAddRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files []File
		want  string
	}{
		{"relative", []File{Bytes("bin/x", 0o755, nil)}, "clean absolute path"},
		{"dots", []File{Bytes("/bin/../x", 0o755, nil)}, "clean absolute path"},
		{"root", []File{{Path: "/", Mode: fs.ModeDir}}, "clean absolute path"},
		{"twice", []File{Bytes("/x", 0o755, nil), Bytes("/x", 0o755, nil)}, "twice"},
		{"below a file", []File{Bytes("/x", 0o755, nil), Bytes("/x/y", 0o755, nil)}, "no directory"},
		{"device", []File{{Path: "/dev/null", Mode: fs.ModeDevice}}, "neither"},
	} {
		err := new(Tree).Add(tt.files...)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: Add = %v; want an error with %q", tt.name, err, tt.want)
		}
	}
}

func TestFileThatChanged(t *testing.T) {
	f := Bytes("/x", 0o644, []byte("four"))
	f.Size = 5
	tree := new(Tree)
	if err := tree.Add(f); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(t.TempDir(), "root"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := tree.Write(out, built, t.TempDir()); err == nil || !strings.Contains(err.Error(), "/x: has 4 bytes") {
		t.Errorf("Write = %v; want an error about /x", err)
	}
}

// fullDisk accepts n bytes.
type fullDisk struct {
	os.File
	n int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.n -= len(p); d.n < 0 {
		return 0, syscall.ENOSPC
	}
	return len(p), nil
}

func (d *fullDisk) Seek(int64, int) (int64, error) { return 0, nil }

func TestFullDisk(t *testing.T) {
	if err := sample(t).Write(&fullDisk{n: 5000}, built, t.TempDir()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Write on a full disk = %v; want %v", err, syscall.ENOSPC)
	}
}

func TestHostFile(t *testing.T) {
	if _, err := HostFile("/x", 0o644, t.TempDir()); err == nil {
		t.Error("HostFile of a directory = nil; want an error")
	}
	if _, err := HostFile("/x", 0o644, "/does/not/exist"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("HostFile of nothing = %v; want %v", err, fs.ErrNotExist)
	}
}

func TestSorted(t *testing.T) {
	var names []string
	for _, f := range sample(t).Files() {
		names = append(names, f.Path)
	}
	if !slices.IsSorted(names) {
		t.Errorf("Files = %v; want them sorted", names)
	}
}
