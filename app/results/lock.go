//go:build unix

package results

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lock waits until no other process, and nobody else in this one, writes to dir, at
// most so long. The lock is the kernel's: it goes with the process that holds it.
func lock(dir string, patience time.Duration) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return func() { d.Close() }, nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK) && time.Since(begin) < patience:
		case errors.Is(err, unix.EWOULDBLOCK):
			d.Close()
			return nil, fmt.Errorf("another program has been writing to %s for %v", dir, patience)
		default:
			d.Close()
			return nil, fmt.Errorf("%s cannot be locked: %w", dir, err)
		}
	}
}
