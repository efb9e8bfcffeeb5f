//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A terminal is where people type: the console, or the serial port over USB.
type terminal struct {
	path string
	own  bool // it is init's controlling terminal: Ctrl-C is a signal

	reading sync.Mutex // held by who may read what is typed: init, or a shell
	mu      sync.Mutex
	fd      int    // -1: not open
	missed  []byte // what was shown last while it was not open
}

// A typed line is one that somebody has typed.
type typed struct {
	line      string
	interrupt bool // not a line but Ctrl-C
	at        *terminal
}

// openConsole opens the terminal behind /dev/console, which unlike /dev/console
// can be a controlling terminal (Ctrl-C), makes it init's, and makes it the
// standard input, output and error. It always returns one; problems are what will not
// work there.
func openConsole() (*terminal, []error) {
	path := consolePath("/sys/class/tty/console/active")
	// Not os.OpenFile: it would make the terminal non-blocking, for the
	// storyteller too.
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &terminal{path: path, fd: 0}, []error{&os.PathError{Op: "open", Path: path, Err: err}}
	}
	var problems []error
	unix.Setsid() // fails harmlessly when init leads a session already
	if err := unix.IoctlSetInt(fd, unix.TIOCSCTTY, 1); err != nil {
		problems = append(problems, fmt.Errorf("%s: Ctrl-C will not work here: %w", path, err))
	}
	if err := sane(fd, unix.ISIG); err != nil {
		problems = append(problems, fmt.Errorf("%s: cannot set the line discipline: %w", path, err))
	}
	for i := range 3 {
		unix.Dup3(fd, i, 0)
	}
	return &terminal{path: path, own: true, fd: fd}, problems
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

// sane sets what `stty sane` sets: whole lines, with echo and editing. With ISIG
// Ctrl-C is a signal, with 0 it ends the line. The speed stays what the boot loader
// made it. Ctrl-S does not stop the output, with which init would stop.
func sane(fd int, signals uint32) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag = unix.BRKINT | unix.ICRNL | unix.IUTF8
	t.Oflag = unix.OPOST | unix.ONLCR
	t.Cflag |= unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Lflag = signals | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE
	t.Cc[unix.VINTR] = interruptKey
	t.Cc[unix.VEOL] = 0
	t.Cc[unix.VEOL2] = completionKey
	if signals == 0 {
		t.Cc[unix.VEOL] = interruptKey
	}
	t.Cc[unix.VEOF] = 'D' - '@'
	t.Cc[unix.VKILL] = 'U' - '@'
	t.Cc[unix.VERASE] = 0x7f
	return unix.IoctlSetTermios(fd, unix.TCSETS, t)
}

const interruptKey = 'C' - '@'

// readLines sends every line that is typed to lines, for ever. A terminal whose
// end of file is typed, or which is gone for a while, is read again.
func (t *terminal) readLines(lines chan<- typed) {
	for {
		if t.open() {
			t.read(lines)
		}
		time.Sleep(time.Second)
	}
}

// read returns when the terminal cannot be read.
func (t *terminal) read(lines chan<- typed) {
	// The kernel hands over one line at a time, of at most 4,096 bytes.
	buf := make([]byte, 4096)
	var line []byte
	for {
		// Waited for without reading, or a shell's first line would be init's.
		if !t.wait(-1) {
			return
		}
		t.reading.Lock()
		n, err := 0, error(nil)
		there := t.wait(0)
		if there {
			n, err = unix.Read(t.fd, buf)
		}
		t.reading.Unlock()
		if err == unix.EINTR || err == unix.EAGAIN || !there {
			continue
		}
		if err != nil || n == 0 {
			return
		}
		line = append(line, buf[:n]...)
		switch end := line[len(line)-1]; {
		case end == completionKey:
			line = []byte(t.offer(string(line[:len(line)-1])))
			continue
		case end == interruptKey && !t.own:
			lines <- typed{interrupt: true, at: t}
		case end == '\n' || len(line) > 4*len(buf):
			if text := strings.TrimSuffix(string(line), "\n"); t.own || !modemCommand.MatchString(text) {
				lines <- typed{line: text, at: t}
			}
		default:
			continue
		}
		line = nil
	}
}

// modemCommand is what PCs send to a new serial port, to see whether it is a modem.
var modemCommand = regexp.MustCompile(`^AT([-+&%\\*EIZQVSXDH\d].*)?\r?$`)

// wait waits so many milliseconds, or for ever, for something to read; false: there
// is nothing, and with for ever, there never will be.
func (t *terminal) wait(milliseconds int) bool {
	for {
		p := []unix.PollFd{{Fd: int32(t.fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, milliseconds)
		if err == unix.EINTR {
			continue
		}
		return err == nil && n > 0 && p[0].Revents&unix.POLLIN != 0
	}
}

// open opens a terminal that comes and goes.
func (t *terminal) open() bool {
	if t.own || t.fd == 0 {
		return true // the console, always open
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd > 0 {
		unix.Close(t.fd)
		t.fd = -1
	}
	// Non-blocking: a PC that does not read must not make init wait.
	fd, err := unix.Open(t.path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	t.fd = fd
	if sane(fd, t.signals()) != nil {
		return false
	}
	t.show([]byte(lastPart(t.missed, maxMissed)))
	t.missed = nil
	return true
}

// maxMissed is how much of what was said a terminal shows that is opened later, in
// bytes: the buffer of a serial port over USB.
const maxMissed = 8 << 10

// back gives the terminal back to init after a shell.
func (t *terminal) back() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd < 0 {
		return
	}
	if t.own {
		unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, unix.Getpgrp())
	}
	sane(t.fd, t.signals())
}

// signals is ISIG where Ctrl-C can reach init as a signal.
func (t *terminal) signals() uint32 {
	if t.own {
		return unix.ISIG
	}
	return 0
}

// Write shows p on a terminal that comes and goes. What it does not take is dropped;
// while it is not open, the last part is kept.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd < 0 {
		if t.missed = append(t.missed, p...); len(t.missed) > 2*maxMissed {
			t.missed = []byte(lastPart(t.missed, maxMissed))
		}
		return len(p), nil
	}
	t.show(p)
	return len(p), nil
}

// show writes what the terminal takes. The caller holds mu.
func (t *terminal) show(p []byte) {
	for t.fd > 0 && len(p) > 0 {
		n, err := unix.Write(t.fd, p)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		p = p[n:]
	}
}
