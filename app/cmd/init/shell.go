//go:build linux

package main

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"duostoryteller/app/machine"

	"golang.org/x/sys/unix"
)

const (
	shellProgram = "/bin/sh"
	shell        = "shell" // what it is called on the console, and among verbs
)

// startShell gives a terminal to a shell. Until it ends, init reads nothing there.
func startShell(children *reaper, program string, at *terminal) (*teller, error) {
	if m, err := machine.ReadMemory(); err == nil && m.Available < machine.ShellMemory {
		return nil, fmt.Errorf("a shell needs %d kB of memory and %d kB are left", machine.ShellMemory, m.Available)
	}
	if at == nil {
		return nil, fmt.Errorf("a shell needs a terminal")
	}
	at.reading.Lock()
	t, err := startShellAt(children, program, at)
	if err != nil {
		at.reading.Unlock()
	}
	return t, err
}

func startShellAt(children *reaper, program string, at *terminal) (*teller, error) {
	// Opened anew, as a shell expects it: blocking.
	file, err := os.OpenFile(at.path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	sys := &syscall.SysProcAttr{Setsid: true, Setctty: true} // of its own session, at descriptor 0
	if at.own {
		// It is the terminal of init's session already; the shell gets the foreground.
		sys = &syscall.SysProcAttr{Foreground: true, Ctty: at.fd}
	}
	if err := sane(int(file.Fd()), unix.ISIG); err != nil {
		return nil, fmt.Errorf("%s: %w", at.path, err)
	}
	pid, exited, err := children.start([]string{program}, environment, [3]*os.File{file, file, file}, sys)
	if err != nil {
		sane(int(file.Fd()), at.signals())
		return nil, err
	}
	// It gives way when the memory runs out.
	write(fmt.Sprintf("/proc/%d/oom_score_adj", pid), "500")
	silent := make(chan []byte)
	close(silent)
	return &teller{pid: pid, exited: exited, said: silent, mute: true, gone: make(chan struct{}), heard: time.Now(), release: func() {
		at.back()
		at.reading.Unlock()
	}}, nil
}
