//go:build unix

package memory

import (
	"os"

	"golang.org/x/sys/unix"
)

func take(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func free(taken []byte) error { return unix.Munmap(taken) }

func mapFile(f *os.File, size int) ([]byte, error) {
	return unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ, unix.MAP_PRIVATE)
}

func unmap(mapped []byte) error { return unix.Munmap(mapped) }
