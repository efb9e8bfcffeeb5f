// Package sums finds damaged files: the builder lists every file of the root
// file system with its checksum, and the board compares.
//
// # File
//
// One line a file, sorted by path: the CRC-32C as eight hexadecimal digits, the
// size in bytes, the path. The last line is "sums" and the CRC-32C of all lines
// before. It is against damage, not against people.
package sums

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// Path is where the list is in the root file system.
const Path = "/usr/share/storyteller/sums"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// File is one file of a list.
type File struct {
	Path string // absolute
	Size int64
	Sum  uint32
}

// Of returns the entry of a file with that content.
func Of(path string, content io.Reader) (File, error) {
	h := crc32.New(castagnoli)
	n, err := io.Copy(h, content)
	return File{path, n, h.Sum32()}, err
}

// Format returns the list of files, which are sorted.
func Format(files []File) []byte {
	var b []byte
	for _, f := range files {
		b = fmt.Appendf(b, "%08x %d %s\n", f.Sum, f.Size, f.Path)
	}
	return fmt.Appendf(b, "sums %08x\n", crc32.Checksum(b, castagnoli))
}

var errDamaged = errors.New("the list of checksums is damaged")

// Parse reads a list. It fails when the list is not what [Format] made.
func Parse(text []byte) ([]File, error) {
	list, last := []byte(nil), text
	if at := strings.LastIndex(strings.TrimSuffix(string(text), "\n"), "\n"); at >= 0 {
		list, last = text[:at+1], text[at+1:]
	}
	if want := fmt.Sprintf("sums %08x\n", crc32.Checksum(list, castagnoli)); string(last) != want {
		return nil, errDamaged
	}
	var files []File
	for line := range strings.Lines(string(list)) {
		sum, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		size, name, _ := strings.Cut(rest, " ")
		crc, err := strconv.ParseUint(sum, 16, 32)
		n, err2 := strconv.ParseInt(size, 10, 64)
		if err != nil || err2 != nil || n < 0 || !path.IsAbs(name) {
			return nil, errDamaged
		}
		files = append(files, File{name, n, uint32(crc)})
	}
	return files, nil
}

// Check reads a file of the root file system that begins at root, and compares.
// The error does not name the file.
func (f File) Check(root fs.FS) error {
	in, err := root.Open(strings.TrimPrefix(f.Path, "/"))
	if err != nil {
		return cause(err)
	}
	defer in.Close()
	h := crc32.New(castagnoli)
	// Pieces that a small machine can spare; a longer file is not read on.
	n, err := io.Copy(h, bufio.NewReaderSize(io.LimitReader(in, f.Size+1), 64<<10))
	switch {
	case err != nil:
		return cause(err)
	case n != f.Size:
		return fmt.Errorf("it has not the %d bytes that it should have", f.Size)
	case h.Sum32() != f.Sum:
		return errors.New("its checksum is wrong")
	}
	return nil
}

// cause is an error without the path that it is about.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// A Fault is a file that is not what the list says.
type Fault struct {
	Path string // of the file, or of the list itself
	Err  error  // what is wrong with it, without its name
}

func (f Fault) Error() string { return f.Path + ": " + f.Err.Error() }

func (f Fault) Unwrap() error { return f.Err }

// Damaged checks those files of the list in the root file system for which
// wanted is true, all if wanted is nil, and returns a fault for each damaged
// one, or one for the list. A wanted file that is not in the list is not missed.
func Damaged(root fs.FS, wanted func(path string) bool) []Fault {
	text, err := fs.ReadFile(root, strings.TrimPrefix(Path, "/"))
	var files []File
	if err == nil {
		files, err = Parse(text)
	}
	if err != nil {
		return []Fault{{Path, cause(err)}}
	}
	var all []Fault
	for _, f := range files {
		if wanted != nil && !wanted(f.Path) {
			continue
		}
		if err := f.Check(root); err != nil {
			all = append(all, Fault{f.Path, err})
		}
	}
	return all
}
