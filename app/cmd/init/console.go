package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// openConsole opens the terminal behind /dev/console, which unlike /dev/console
// can be a controlling terminal (Ctrl-C), makes it init's, and makes it the
// standard input, output and error.
func openConsole() (*os.File, error) {
	path := consolePath("/sys/class/tty/console/active")
	// Not os.OpenFile: it would make the terminal non-blocking, for the
	// storyteller too.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	unix.Setsid() // fails harmlessly when init leads a session already
	if err := unix.IoctlSetInt(fd, unix.TIOCSCTTY, 1); err != nil {
		fmt.Printf("init: %s: Ctrl-C will not work here: %v\n", path, err)
	}
	if err := sane(fd); err != nil {
		fmt.Printf("init: %s: cannot set the line discipline: %v\n", path, err)
	}
	for i := range 3 {
		unix.Dup3(fd, i, 0)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// consolePath returns the device of the console that the kernel made
// /dev/console: the last one listed in the sysfs file active.
func consolePath(active string) string {
	names, err := os.ReadFile(active)
	if f := strings.Fields(string(names)); err == nil && len(f) > 0 {
		return filepath.Join("/dev", f[len(f)-1])
	}
	return "/dev/console"
}

// sane sets what `stty sane` sets: whole lines, with echo and editing, Ctrl-C
// as a signal. The speed stays what the boot loader made it. Ctrl-S does not stop
// the output, with which init would stop.
func sane(fd int) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag = unix.BRKINT | unix.ICRNL | unix.IUTF8
	t.Oflag = unix.OPOST | unix.ONLCR
	t.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Lflag = unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	t.Cc[unix.VINTR] = 'C' - '@'
	t.Cc[unix.VEOF] = 'D' - '@'
	t.Cc[unix.VKILL] = 'U' - '@'
	t.Cc[unix.VERASE] = 0x7f
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

// readLines sends every line that is typed to lines, for ever. A terminal whose
// end of file is typed, or which is gone for a while, is read again.
func readLines(terminal *os.File, lines chan<- string) {
	for {
		for s := bufio.NewScanner(terminal); s.Scan(); {
			lines <- s.Text()
		}
		time.Sleep(time.Second)
	}
}
