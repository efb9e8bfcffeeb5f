//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// power is what becomes of the machine.
type power int

const (
	stayOn power = iota
	reboot
	powerOff
)

// shutDown ends all processes, takes the card out of use and switches the
// machine off or starts it again. If the machine cannot, it waits for ever.
func shutDown(out io.Writer, p power) {
	command, what := unix.LINUX_REBOOT_CMD_POWER_OFF, "switching off"
	if p == reboot {
		command, what = unix.LINUX_REBOOT_CMD_RESTART, "starting again"
	}
	stage(out, what)
	unix.Kill(-1, unix.SIGTERM) // all but init
	for range 20 {
		// Every process is init's child once its parent has died.
		if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err == unix.ECHILD {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	unix.Kill(-1, unix.SIGKILL)
	unix.Sync()
	unix.Unmount(cardDir, 0)
	if p == powerOff { // not every firmware returns from what it cannot do
		fmt.Fprintln(out, "init: it is safe to pull the plug")
	}
	err := unix.Reboot(command)
	for {
		fmt.Fprintf(out, "init: the machine cannot switch itself off (%v); it is safe to pull the plug\n", err)
		time.Sleep(time.Hour)
	}
}
