//go:build !linux

package packed

import (
	"io"
	"os"
)

func adviseHuge([]byte) {}

func adviseRead(*os.File, int64, int64) {}

func adviseRows(*os.File) {}

func openDirect(string) *os.File { return nil }

func readPieces(f *os.File, pieces [][]byte, offset int64) error {
	for _, p := range pieces {
		if n, err := f.ReadAt(p, offset); err != nil && !(err == io.EOF && n == len(p)) {
			return err
		}
		offset += int64(len(p))
	}
	return nil
}
