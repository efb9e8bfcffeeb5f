package packed

import (
	"os"

	"duostoryteller/app/uncached"
)

// adviseRead says that what was just read of a file will not be read again: the
// page cache is for programs.
func adviseRead(f *os.File, offset, length int64) {
	end := (offset + length + pageSize - 1) / pageSize * pageSize // whole pages are let go only
	offset -= offset % pageSize
	uncached.Forget(f, offset, end-offset)
}

// openDirect opens a file to be read past the page cache; nil if that cannot be.
func openDirect(path string) *os.File {
	f, err := uncached.Open(path)
	if err != nil {
		return nil
	}
	if !readDirect(f, alignedPages(pageSize), 0, pageSize) {
		f.Close()
		return nil
	}
	return f
}
