//go:build !linux

package results

import "os"

// makeWritable leaves the file systems of other systems as they are.
func makeWritable(string) (restore func() error, err error) { return func() error { return nil }, nil }

func syncAll(*os.File) error { return nil }
