// Package rootfs gathers the files of the board's root file system and writes
// them as one read-only EROFS image.
//
// The image depends on the files alone: entries are sorted, everything belongs
// to root, all times are the one given, and neither the host's umask nor its
// file times leave a trace.
//
// Format: https://erofs.docs.kernel.org/en/latest/core_ondisk.html
package rootfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"duostoryteller/app/sums"

	"github.com/erofs/go-erofs"
)

// File is one entry of the root file system.
type File struct {
	Path string      // absolute, slash-separated and clean: /bin/storyteller
	Mode fs.FileMode // type (regular, fs.ModeDir or fs.ModeSymlink) and permissions
	Link string      // what a symbolic link points at
	Size int64       // bytes of a regular file
	// Open gives a regular file's content, exactly Size bytes.
	Open func() (io.ReadCloser, error)
}

// Tree collects files. Its zero value is an empty tree.
type Tree struct {
	files map[string]File
}

// MountPoints are the empty directories that init mounts something on.
func MountPoints() []File {
	return []File{
		{Path: "/base", Mode: fs.ModeDir | 0o755}, // in an update: the card's own root
		{Path: "/boot", Mode: fs.ModeDir | 0o755},
		{Path: "/dev", Mode: fs.ModeDir | 0o755},
		{Path: "/proc", Mode: fs.ModeDir | 0o555},
		{Path: "/run", Mode: fs.ModeDir | 0o755},
		{Path: "/sys", Mode: fs.ModeDir | 0o555},
		{Path: "/tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
	}
}

// Bytes describes a regular file with the content data.
func Bytes(name string, mode fs.FileMode, data []byte) File {
	return File{
		Path: name, Mode: mode.Perm(), Size: int64(len(data)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
	}
}

// HostFile describes a regular file with the content of the host's file
// source, which must stay as it is until the tree is written.
func HostFile(name string, mode fs.FileMode, source string) (File, error) {
	info, err := os.Stat(source)
	if err != nil {
		return File{}, err
	}
	if !info.Mode().IsRegular() {
		return File{}, fmt.Errorf("%s is not a regular file", source)
	}
	return File{
		Path: name, Mode: mode.Perm(), Size: info.Size(),
		Open: func() (io.ReadCloser, error) { return os.Open(source) },
	}, nil
}

// Symlink describes a symbolic link to target.
func Symlink(name, target string) File {
	return File{Path: name, Mode: fs.ModeSymlink | 0o777, Link: target}
}

// Add puts files into the tree, with the directories above them (mode 0755)
// where there are none yet. A path that is there already is an error, except
// for a directory on a directory, whose mode the later one decides.
func (t *Tree) Add(files ...File) error {
	if t.files == nil {
		t.files = map[string]File{}
	}
	for _, f := range files {
		if f.Path != path.Clean(f.Path) || !path.IsAbs(f.Path) || f.Path == "/" {
			return fmt.Errorf("root file system: %q is not a clean absolute path", f.Path)
		}
		switch f.Mode.Type() {
		case 0, fs.ModeDir, fs.ModeSymlink:
		default:
			return fmt.Errorf("root file system: %s is neither a file, a directory nor a link", f.Path)
		}
		if old, ok := t.files[f.Path]; ok && !(old.Mode.IsDir() && f.Mode.IsDir()) {
			return fmt.Errorf("root file system: %s is put in twice", f.Path)
		}
		for dir := path.Dir(f.Path); dir != "/"; dir = path.Dir(dir) {
			if parent, ok := t.files[dir]; !ok {
				t.files[dir] = File{Path: dir, Mode: fs.ModeDir | 0o755}
			} else if !parent.Mode.IsDir() {
				return fmt.Errorf("root file system: %s lies below %s, which is no directory", f.Path, dir)
			}
		}
		t.files[f.Path] = f
	}
	return nil
}

// AddTree puts every file of the host's directory source below the directory
// at. A file is executable for all when its owner may execute it; other
// permission bits depend on the host's umask and are not taken over. Names in
// skip, relative to source, are left out with all below them.
func (t *Tree) AddTree(at, source string, skip ...string) error {
	root := os.DirFS(source)
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		if slices.Contains(skip, name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		f := File{Path: path.Join(at, name)}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch info.Mode().Type() {
		case fs.ModeDir:
			f.Mode = fs.ModeDir | 0o755
		case fs.ModeSymlink:
			target, err := fs.ReadLink(root, name)
			if err != nil {
				return err
			}
			f = Symlink(f.Path, target)
		case 0:
			f.Mode, f.Size = 0o644, info.Size()
			if info.Mode()&0o100 != 0 {
				f.Mode = 0o755
			}
			f.Open = func() (io.ReadCloser, error) { return root.Open(name) }
		default:
			return fmt.Errorf("%s/%s is neither a file, a directory nor a link", source, name)
		}
		return t.Add(f)
	})
}

// Files returns the entries, sorted by path.
func (t *Tree) Files() []File {
	files := make([]File, 0, len(t.files))
	for _, f := range t.files {
		files = append(files, f)
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// Size returns the bytes of all files' contents, a lower bound of the image.
func (t *Tree) Size() (n int64) {
	for _, f := range t.files {
		n += f.Size
	}
	return n
}

// Sums returns the file that lists the checksums of a tree's files, for the board
// to compare: package sums.
func Sums(t *Tree) (File, error) {
	var files []sums.File
	for _, f := range t.Files() {
		if !f.Mode.IsRegular() {
			continue
		}
		in, err := f.Open()
		if err != nil {
			return File{}, err
		}
		file, err := sums.Of(f.Path, in)
		if err := errors.Join(err, in.Close()); err != nil {
			return File{}, fmt.Errorf("%s: %w", f.Path, err)
		}
		files = append(files, file)
	}
	return Bytes(sums.Path, 0o644, sums.Format(files)), nil
}

// Write writes the EROFS image to w. Every entry, and the image, carries the
// time built. scratch is a directory for a temporary file of the image's size
// ("" for the system's).
func (t *Tree) Write(w io.WriteSeeker, built time.Time, scratch string) error {
	out := erofs.Create(w, erofs.WithBuildTime(uint64(built.Unix()), 0), erofs.WithTempDir(scratch))
	root := File{Path: "/", Mode: fs.ModeDir | 0o755}
	for _, f := range append([]File{root}, t.Files()...) {
		if err := write(out, f, built); err != nil {
			return fmt.Errorf("root file system: %s: %w", f.Path, err)
		}
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("root file system: %w", err)
	}
	return nil
}

func write(out *erofs.Writer, f File, built time.Time) error {
	switch f.Mode.Type() {
	case fs.ModeDir:
		if err := out.Mkdir(f.Path, f.Mode.Perm()); err != nil {
			return err
		}
	case fs.ModeSymlink:
		if err := out.Symlink(f.Link, f.Path); err != nil {
			return err
		}
	default:
		if err := writeContent(out, f); err != nil {
			return err
		}
	}
	if f.Mode.Type() != fs.ModeSymlink { // Mkdir takes permissions only: set-id and sticky bits follow
		if err := out.Chmod(f.Path, f.Mode&^fs.ModeType); err != nil {
			return err
		}
	}
	if err := out.Chown(f.Path, 0, 0); err != nil {
		return err
	}
	return out.Chtimes(f.Path, built, built)
}

func writeContent(out *erofs.Writer, f File) error {
	src, err := f.Open()
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := out.Create(f.Path)
	if err != nil {
		return err
	}
	n, err := dst.ReadFrom(src)
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("has %d bytes where %d were announced: it changed during the build", n, f.Size)
	}
	return dst.Close()
}

// Open reads an EROFS image, as the kernel would see it.
func Open(r io.ReaderAt) (fs.FS, error) {
	root, err := erofs.Open(r)
	if err != nil {
		return nil, fmt.Errorf("root file system: %w", err)
	}
	return root, nil
}

// Load reads the tree that an EROFS image was written from, and the time that its
// entries carry. The files' contents stay in r, which must stay as it is.
func Load(r io.ReaderAt) (tree *Tree, built time.Time, err error) {
	root, err := Open(r)
	if err != nil {
		return nil, time.Time{}, err
	}
	tree = new(Tree)
	err = fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := fs.Lstat(root, name)
		if err != nil {
			return err
		}
		if name == "." {
			built = info.ModTime().UTC()
			return nil
		}
		stat, ok := info.Sys().(*erofs.Stat) // the mode of go-erofs v0.3.1's FileInfo mixes Unix's and Go's bits
		if !ok {
			return fmt.Errorf("%s: its mode cannot be read", name)
		}
		f := File{Path: "/" + name, Mode: stat.Mode}
		switch f.Mode.Type() {
		case fs.ModeSymlink:
			if f.Link, err = fs.ReadLink(root, name); err != nil {
				return err
			}
		case 0:
			f.Size = info.Size()
			f.Open = func() (io.ReadCloser, error) { return root.Open(name) }
		}
		return tree.Add(f)
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("root file system: %w", err)
	}
	return tree, built, nil
}
