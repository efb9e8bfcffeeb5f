// Package results keeps files for people on the card's FAT partition, which is
// mounted read-only: it is writable for the moment of writing alone, and what
// was there stays until the new file is whole.
package results

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write writes the file called name into dir. If dir is a file system mounted
// read-only, that is made writable meanwhile. When Write returns, the file is on
// the card; when the power fails before, the old one is.
func Write(dir, name string, data []byte) (err error) {
	restore, err := makeWritable(dir)
	if err != nil {
		return fmt.Errorf("cannot keep %s: %s cannot be made writable: %w", name, dir, err)
	}
	defer func() { err = errors.Join(err, restore()) }()
	if err := write(dir, name, data); err != nil {
		return fmt.Errorf("cannot keep %s on the card: %w", name, err)
	}
	return nil
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
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
