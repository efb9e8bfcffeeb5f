//go:build !unix && !windows

package memory

import (
	"io"
	"os"
)

// Where there is no system that maps, as in a browser, Go's own memory does. Large pieces
// of it begin at a page.

func take(size int) ([]byte, error) { return make([]byte, size), nil }

func free([]byte) error { return nil }

func mapFile(f *os.File, size int) ([]byte, error) {
	b := make([]byte, size)
	_, err := io.ReadFull(f, b)
	return b, err
}

func unmap([]byte) error { return nil }
