package main

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A watchdog is the hardware that starts the machine again unless it is fed. See
// the kernel's Documentation/watchdog/watchdog-api.rst.
type watchdog struct {
	file *os.File
	fed  time.Time
}

const (
	watchdogDevice  = "/dev/watchdog0"
	watchdogTimeout = 60 // seconds
	feedEvery       = 5 * time.Second
)

// openWatchdog opens a watchdog, which begins to count. It returns nil for a
// machine that has none.
func openWatchdog(path string) (*watchdog, error) {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Hardware that counts in other steps takes the nearest one.
	err = unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, watchdogTimeout)
	return &watchdog{file: f}, err
}

// feed has the machine go on for another while.
func (w *watchdog) feed() {
	if w == nil || time.Since(w.fed) < feedEvery {
		return
	}
	w.fed = time.Now()
	w.file.Write([]byte{0})
}

// stop ends the counting, where the hardware can.
func (w *watchdog) stop() {
	if w != nil {
		w.file.Write([]byte("V"))
		w.file.Close()
	}
}

// leave lets it count on without being fed by this program: by the next one, or by
// nobody.
func (w *watchdog) leave() {
	if w != nil {
		w.feed()
		w.file.Close()
	}
}
