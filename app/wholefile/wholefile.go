// Package wholefile writes files whole or not at all, also when the power fails.
package wholefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Write makes or replaces the file at path with what write writes. When anything fails,
// what was there stays. The error names the file.
func Write(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, errors.Unwrap(err))
	}
	defer os.Remove(f.Name()) // nothing, once renamed
	defer f.Close()           // a second time, unless something failed
	for _, step := range []func() error{
		func() error { return write(f) },
		func() error { return f.Chmod(0o644) },
		f.Sync,
		f.Close,
		func() error { return os.Rename(f.Name(), path) },
	} {
		if err := step(); err != nil {
			if at, ok := errors.AsType[*fs.PathError](err); ok && at.Path == f.Name() {
				err = at.Err // nobody knows the other name
			}
			return fmt.Errorf("cannot write %s: %w", path, err)
		}
	}
	return nil
}

// Bytes is [Write] of data.
func Bytes(path string, data []byte) error {
	return Write(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
