// Package uncached reads files past the operating system's page cache, or has it
// forget them: on a machine that a model fills, the cache would drive out what is
// needed. Where a system has no such means, reading is as ever.
package uncached

import "os"

// Open opens a file to be read by whole pages, into memory that begins at one, past
// the page cache. Where the file system or the operating system cannot do that, the
// error is errors.ErrUnsupported.
func Open(path string) (*os.File, error) { return open(path) }

// Forget says that a part of a file will not be read again.
func Forget(f *os.File, offset, length int64) { forget(f, offset, length) }

// Scattered says that short pieces of a file will be read, here and there: none
// should bring its neighbours along.
func Scattered(f *os.File) { scattered(f) }
