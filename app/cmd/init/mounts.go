//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/u-root/u-root/pkg/mount"
	"golang.org/x/sys/unix"
)

const (
	cardDir    = "/boot" // where the card's FAT partition is mounted
	configFile = cardDir + "/storyteller.toml"
)

// mountKernel mounts the file systems that the kernel itself provides. Those
// that are there already (init started anew, devtmpfs by the kernel) are left.
func mountKernel() error {
	const safe = unix.MS_NOSUID | unix.MS_NODEV
	var errs []error
	for _, m := range []mount.MountPoint{
		{Path: "/proc", FSType: "proc", Flags: safe | unix.MS_NOEXEC},
		{Path: "/sys", FSType: "sysfs", Flags: safe | unix.MS_NOEXEC},
		{Path: "/dev", FSType: "devtmpfs", Flags: unix.MS_NOSUID},
		{Path: "/dev/pts", FSType: "devpts", Flags: unix.MS_NOSUID | unix.MS_NOEXEC, Data: "ptmxmode=666"},
		{Path: "/tmp", FSType: "tmpfs", Flags: safe, Data: "size=4m"},
		{Path: "/run", FSType: "tmpfs", Flags: safe, Data: "size=1m,mode=755"},
	} {
		if mounted(m.Path) {
			continue
		}
		makeDir := func() error {
			if err := os.MkdirAll(m.Path, 0o755); err != nil && !errors.Is(err, unix.EROFS) {
				return err
			}
			return nil
		}
		if _, err := mount.Mount(m.FSType, m.Path, m.FSType, m.Data, m.Flags, makeDir); err != nil && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// mounted reports whether another file system begins at dir.
func mounted(dir string) bool {
	var here, above unix.Stat_t
	return unix.Stat(dir, &here) == nil && unix.Stat(filepath.Dir(dir), &above) == nil && here.Dev != above.Dev
}

// mountCard mounts the card's first partition read-only: nothing that happens
// to the machine can then hurt it. A program that has results to write remounts
// it for that moment; what it writes is on the card when the call returns. When
// that was cut short, the file system is repaired first.
func mountCard(out io.Writer) error {
	if mounted(cardDir) {
		return nil
	}
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil {
		return fmt.Errorf("the root file system has no device: %w", err)
	}
	name, err := firstPartition("/sys", root.Dev)
	if err != nil {
		if name = anyFirst(partitions("/sys")); name == "" {
			return err
		}
	}
	if err := os.MkdirAll(cardDir, 0o755); err != nil && !errors.Is(err, unix.EROFS) { // the root in memory has none
		return err
	}
	err = cardFAT(name, "/", cardDir).open(out)
	if errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("partition 1 (/dev/%s) holds no readable FAT file system; repair it on a PC, or write the card anew", name)
	}
	return err
}

// cardFAT is the FAT partition called name, to be mounted at dir, with the checker in
// the root file system at root.
func cardFAT(name, root, dir string) fat {
	return fat{device: "/dev/" + name, root: root, checker: checker, dir: dir, mount: mountFAT, unmount: func(dir string) error { return unix.Unmount(dir, 0) }}
}

// mountFAT mounts the FAT partition on device at dir.
func mountFAT(device, dir string) error {
	_, err := mount.Mount(device, dir, "vfat", "",
		unix.MS_RDONLY|unix.MS_SYNCHRONOUS|unix.MS_NOATIME|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC)
	return err
}

// anyFirst returns the first partition of any disk.
func anyFirst(all []partition) string {
	for _, p := range all {
		if p.number == "1" {
			return p.name
		}
	}
	return ""
}

// firstPartition returns the name of partition 1 of the disk that holds the
// partition with the device number dev, read from the sysfs at sys.
func firstPartition(sys string, dev uint64) (string, error) {
	link := fmt.Sprintf("%s/dev/block/%d:%d", sys, unix.Major(dev), unix.Minor(dev))
	partition, err := filepath.EvalSymlinks(link)
	if err != nil {
		return "", fmt.Errorf("the root file system is not on a card, so there is no partition 1 to look at (device %d:%d)",
			unix.Major(dev), unix.Minor(dev))
	}
	numbers, err := filepath.Glob(filepath.Join(filepath.Dir(partition), "*", "partition"))
	if err != nil {
		return "", err
	}
	for _, file := range numbers {
		if n, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(n)) == "1" {
			return filepath.Base(filepath.Dir(file)), nil
		}
	}
	return "", fmt.Errorf("the disk of the root file system (%s) has no partition 1; write the card anew", filepath.Base(filepath.Dir(partition)))
}

const (
	// startReadAhead is for the storyteller's start, in KB: the kernel's 128 around
	// each page of a program would push the program itself out of what a loaded model
	// leaves for the page cache.
	startReadAhead = 16
	// storyReadAhead is for stories: a page. What programs and voice still need then is
	// strewn, and three pages beside each would drive out others that are needed, too.
	storyReadAhead = 4
)
