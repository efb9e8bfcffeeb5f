// Package results keeps files for people on the card's FAT partition, which is
// mounted read-only: it is writable for the moment of writing alone, and what
// was there stays until the new file is whole.
package results

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// File is one file to keep.
type File struct {
	Name string
	Data []byte
}

// Write writes files into dir, one after the other. If dir is a file system
// mounted read-only, that is made writable meanwhile. When Write returns, the files
// are on the card; when the power fails before, of each the old or the new one is.
func Write(dir string, files ...File) error {
	return writable(dir, func() error {
		for _, f := range files {
			if err := write(dir, f.Name, f.Data); err != nil {
				return fmt.Errorf("cannot keep %s on the card: %w", f.Name, err)
			}
		}
		return nil
	})
}

// Remove removes files from dir, such as the results of an earlier run. Those that
// are not there are none the less gone.
func Remove(dir string, names ...string) error {
	old := slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, err := os.Lstat(filepath.Join(dir, name))
		return errors.Is(err, fs.ErrNotExist)
	})
	if len(old) == 0 {
		return nil
	}
	return writable(dir, func() error {
		defer hold(dir, old...)()
		for _, name := range old {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("cannot remove old results: %w", err)
			}
		}
		return flush(dir)
	})
}

// hold keeps what files have on the card until release is called, also when their
// names are removed or given to others meanwhile. Linux frees it at once otherwise,
// and a card that writes in another order would be left with a name for what is
// free in part: a piece of a file.
func hold(dir string, names ...string) (release func()) {
	var files []*os.File
	for _, name := range names {
		if f, err := os.Open(filepath.Join(dir, name)); err == nil {
			files = append(files, f)
		}
	}
	return func() {
		for _, f := range files {
			f.Close()
		}
	}
}

// writable calls do while the file system of dir is writable.
func writable(dir string, do func() error) (err error) {
	restore, err := makeWritable(dir)
	if err != nil {
		return fmt.Errorf("no results can be kept: %s cannot be made writable: %w", dir, err)
	}
	// The mark that the file system is being written to comes first onto the card,
	// and the mark that it is whole last: a card may write in another order what no
	// flush parts, and init mends what is marked.
	defer func() { err = errors.Join(err, flush(dir), restore()) }()
	if err := flush(dir); err != nil {
		return err
	}
	return do()
}

func write(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	temporary := path + ".new" // one name: what a power cut leaves behind is used again
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer os.Remove(temporary)
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	defer hold(dir, name)()
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return flush(dir)
}

// flush returns when all that was written to dir's file system is on the card.
func flush(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(syncAll(d), d.Sync(), d.Close())
}
