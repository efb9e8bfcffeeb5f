package packed

import (
	"os"

	"golang.org/x/sys/unix"
)

// What follows is advice to the kernel: without it the model is only slower, so
// a refusal is no error.

// adviseHuge asks for huge pages, which spare the board's small TLB.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }

// adviseRead says that what was just read of a file will not be read again: the
// page cache is for programs.
func adviseRead(f *os.File, offset, length int64) {
	end := (offset + length + pageSize - 1) / pageSize * pageSize // whole pages are let go only
	offset -= offset % pageSize
	length = end - offset
	_ = unix.Fadvise(int(f.Fd()), offset, length, unix.FADV_DONTNEED)
}

// adviseRows says that from now on single rows are read, here and there: a row
// must not bring a hundred neighbours along.
func adviseRows(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM) }

// openDirect opens a file to be read past the page cache; nil if that cannot be.
func openDirect(path string) *os.File {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err == nil && !readDirect(f, alignedPages(pageSize), 0, pageSize) {
		f.Close()
		return nil
	}
	return f
}
