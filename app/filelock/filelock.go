// Package filelock locks files against other processes, and against other openings of
// the same file in this one.
package filelock

import "os"

// Try locks f, a file or a folder, unless somebody else has it. The lock ends when f is
// closed, or with the process. Windows locks no folders: they are an error there.
func Try(f *os.File) (ours bool, err error) { return try(f) }
