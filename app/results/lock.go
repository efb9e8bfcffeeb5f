//go:build unix

package results

import (
	"fmt"
	"os"
	"time"

	"duostoryteller/app/filelock"
)

// lock waits until no other process, and nobody else in this one, writes to dir, at
// most so long. The lock is the kernel's: it goes with the process that holds it.
func lock(dir string, patience time.Duration) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		ours, err := filelock.Try(d)
		switch {
		case err != nil:
			d.Close()
			return nil, fmt.Errorf("%s cannot be locked: %w", dir, err)
		case ours:
			return func() { d.Close() }, nil
		case time.Since(begin) >= patience:
			d.Close()
			return nil, fmt.Errorf("another program has been writing to %s for %v", dir, patience)
		}
	}
}
