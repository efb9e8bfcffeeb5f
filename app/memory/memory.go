// Package memory takes memory from the operating system outside Go's heap, and maps
// files into it. Its pieces begin at a page.
package memory

import "os"

// Take returns size bytes, all zero, to be given back by Free.
func Take(size int) ([]byte, error) { return take(size) }

// Free gives back what Take returned. Nothing may use it afterwards.
func Free(taken []byte) error { return free(taken) }

// Map maps the first size bytes of a file read-only. The file may be closed at
// once. Unmap gives the addresses back.
func Map(f *os.File, size int) ([]byte, error) { return mapFile(f, size) }

// Unmap ends what Map returned. Nothing may use it afterwards.
func Unmap(mapped []byte) error { return unmap(mapped) }

// AdviseHuge asks for huge pages for b, which spare a small TLB. Where there are
// none, access is only slower.
func AdviseHuge(b []byte) { adviseHuge(b) }
