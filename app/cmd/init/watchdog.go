//go:build linux

package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// A watchdog is the hardware that starts the machine again unless it is fed. See
// the kernel's Documentation/watchdog/watchdog-api.rst.
type watchdog struct {
	file      *os.File
	fed       time.Time
	feedEvery time.Duration
}

const (
	watchdogDevice  = "/dev/watchdog0"
	watchdogTimeout = 60 // seconds
	feedEvery       = 5 * time.Second
)

// inheritedWatchdog is the environment variable with the descriptor of a watchdog
// that the program before this one has left open.
const inheritedWatchdog = "WATCHDOG_FD"

// openWatchdog opens a watchdog, or takes over the one that pass has passed on. It
// begins to count. It returns nil for a machine that has none.
func openWatchdog(path string) (*watchdog, error) {
	if fd, err := strconv.Atoi(os.Getenv(inheritedWatchdog)); err == nil {
		os.Unsetenv(inheritedWatchdog)
		unix.CloseOnExec(fd) // not for the programs that this one starts
		return &watchdog{file: os.NewFile(uintptr(fd), path), feedEvery: feedEvery}, nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// Hardware that counts in other steps takes the nearest one.
	err = unix.IoctlSetPointerInt(int(f.Fd()), unix.WDIOC_SETTIMEOUT, watchdogTimeout)
	return &watchdog{file: f, feedEvery: feedEvery}, err
}

// feed has the machine go on for another while.
func (w *watchdog) feed() {
	if w == nil || w.file == nil || time.Since(w.fed) < w.feedEvery {
		return
	}
	w.fed = time.Now()
	w.file.Write([]byte{0})
}

// stop ends the counting, where the hardware can.
func (w *watchdog) stop() {
	if w != nil && w.file != nil {
		w.file.Write([]byte("V"))
		w.file.Close()
	}
}

// feedFor feeds it until stop is called, but no longer than most: what takes longer
// than that hangs.
func (w *watchdog) feedFor(most time.Duration) (stop func()) {
	if w == nil {
		return func() {}
	}
	w.feed()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(w.feedEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				w.fed = time.Time{}
				w.feed()
			}
		}
	}()
	return func() {
		cancel()
		<-ended
	}
}

// pass leaves it open for the program that takes this one's place by exec(2).
// Nothing may be started before that.
func (w *watchdog) pass() error {
	if w == nil || w.file == nil {
		return nil
	}
	fd := int(w.file.Fd())
	kept, err := unix.Dup(fd) // without close-on-exec, and without a File that closes it
	if err != nil {
		return err
	}
	w.file.Close()
	os.Setenv(inheritedWatchdog, strconv.Itoa(kept))
	return nil
}

// leave lets it count on without being fed by this program: by the next one, or by
// nobody.
func (w *watchdog) leave() {
	if w != nil && w.file != nil {
		w.feed()
		w.file.Close()
		w.file = nil
	}
}
