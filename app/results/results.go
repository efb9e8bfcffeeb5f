// Package results keeps files for people on the card's FAT partition, which is
// mounted read-only: it is writable for the moment of writing alone, and what
// was there stays until the new file is whole.
package results

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	// temporary ends the name of a file that is not whole. It is one name: what a
	// power cut leaves behind is used again.
	temporary = ".new"
	// patience is how long one process waits for another that writes. Init does not
	// wait long enough for the watchdog.
	patience = 20 * time.Second
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

// Replace has dir hold a file of what in says, in the place of the files old. Those go
// first: there need not be room for both. If in ends with an error, or check refuses
// the new file, neither is there. It takes its time; nothing else is kept meanwhile.
func Replace(dir, name string, in io.Reader, check func(path string) error, old ...string) error {
	if err := Remove(dir, append(old, name, name+temporary)...); err != nil {
		return err
	}
	return writable(dir, func() error {
		part := filepath.Join(dir, name+temporary)
		f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
		if err != nil {
			return err
		}
		// Large pieces: the file system writes each at once.
		_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{in}, make([]byte, 256<<10))
		if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
			err = check(part)
		}
		if err == nil {
			err = os.Rename(part, filepath.Join(dir, name))
		}
		if err != nil {
			return fmt.Errorf("cannot keep %s on the card: %w", name, errors.Join(err, os.Remove(part)))
		}
		return flush(dir)
	})
}

// Change has a file of dir changed where it stands, for changes that a power cut
// cannot leave half done.
func Change(dir, name string, change func(f *os.File) error) error {
	return writable(dir, func() error {
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return errors.Join(change(f), f.Sync(), f.Close())
	})
}

// writable calls do while the file system of dir is writable. Other processes that
// want to write there wait: the one that ends first would make it read-only under
// the others.
func writable(dir string, do func() error) (err error) {
	unlock, err := lock(dir, patience)
	if err != nil {
		return fmt.Errorf("no results can be kept: %w", err)
	}
	defer unlock()
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
	unfinished := path + temporary
	f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	defer os.Remove(unfinished)
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	defer hold(dir, name)()
	if err := os.Rename(unfinished, path); err != nil {
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
