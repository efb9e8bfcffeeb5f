//go:build linux

package main

import (
	"fmt"
	"io"
	"os"

	"duostoryteller/app/bootfile"
	"duostoryteller/app/config"
	"duostoryteller/app/results"
)

// bootFile is what U-Boot starts.
const bootFile = "boot.sd"

// treeOf returns the name of the device tree that the settings ask for.
func treeOf(c config.Config) string {
	name := "duo"
	if c.USB == config.USBHost {
		name += "-host"
	}
	if c.Speaker == config.SpeakerAmplifier {
		name += "-amplifier"
	}
	return name
}

// chooseTree has the board start with the device tree that the settings ask for, and
// reports whether it must start again for that. A system that is being tried leaves
// it alone: a start more would end the trial.
func chooseTree(out io.Writer, c config.Config) bool {
	running, want := bootfile.Running("/proc/device-tree"), treeOf(c)
	if running == "" || running == want || onTrial() {
		return false
	}
	changed := false
	err := results.Change(cardDir, bootFile, func(f *os.File) (err error) {
		changed, err = bootfile.Choose(f, want)
		return err
	})
	switch {
	case err != nil:
		fmt.Fprintf(out, "init: usb and speaker stay as they were: %v\n", err)
	case changed:
		fmt.Fprintf(out, "init: usb = %q, speaker = %q: starting once more for it\n", c.USB, c.Speaker)
	default:
		fmt.Fprintf(out, "init: usb and speaker stay as they are: U-Boot started the device tree %s, not %s as boot.sd says\n", running, want)
	}
	return err == nil && changed
}
