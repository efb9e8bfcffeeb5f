package results

import (
	"os"

	"golang.org/x/sys/unix"
)

// makeWritable remounts a file system that is read-only. What it returns makes
// it read-only again.
func makeWritable(dir string) (restore func() error, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return nil, err
	}
	if fs.Flags&unix.ST_RDONLY == 0 {
		return func() error { return nil }, nil
	}
	// A remount sets all flags anew. Those of statfs have the numbers of mount's.
	flags := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_SYNCHRONOUS | unix.MS_NOATIME)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
		return nil, err
	}
	return func() error { return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY|flags, "") }, nil
}

// syncAll hands all that is still in memory of the file system that f is on to
// the device; a flush of the device must follow.
func syncAll(f *os.File) error { return unix.Syncfs(int(f.Fd())) }
