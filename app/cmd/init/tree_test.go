//go:build linux

package main

import (
	"os"
	"path/filepath"
	"testing"

	"duostoryteller/app/config"
)

// Each pair of settings has a tree, and each tree a pair.
func TestTreeOf(t *testing.T) {
	seen := make(map[string]bool)
	for _, usb := range []string{config.USBDevice, config.USBHost} {
		for _, speaker := range []string{config.SpeakerUSB, config.SpeakerAmplifier} {
			c := config.Default()
			c.USB, c.Speaker = usb, speaker
			name := treeOf(c)
			if _, err := os.Stat(filepath.Join("../../../board/milkv-duo", name+".dts")); err != nil || seen[name] {
				t.Errorf("usb %s, speaker %s: the tree %q, %v", usb, speaker, name, err)
			}
			seen[name] = true
		}
	}
	if got := treeOf(config.Default()); got != "duo" {
		t.Errorf("without settings the tree is %q; U-Boot starts duo", got)
	}
}
