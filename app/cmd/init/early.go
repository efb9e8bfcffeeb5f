//go:build linux

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/machine"
	"duostoryteller/app/sums"

	"github.com/u-root/u-root/pkg/mount"
	"golang.org/x/sys/unix"
)

const (
	// earlyName is the name that the kernel starts the first program of boot.sd by.
	earlyName = "/init"
	// damage is the environment variable by which the early init tells the real
	// one why no story can be told.
	damage = "CARD_DAMAGE"
	// saidEarly is the environment variable by which it tells what it has said, for
	// terminals that come later.
	saidEarly = "EARLY_SAID"
	// newRoot is where the card's root file system is mounted first. The kernel
	// makes the folder.
	newRoot = "/root"
	// appears is how long a card may take to be found.
	appears = 20 * time.Second
)

// mend is what a person does with a damaged card.
const mend = "write the card anew, on a PC: make flash DEVICE=…"

// early is init's work as the first program of all, which boot.sd brings: it
// looks at the card's root file system and makes it the root. It returns when
// there is none that can be used, or when this program has to go on in place of
// the root's own. The kernel alone would panic then, and start the machine again,
// for ever.
func early() {
	os.Setenv(damage, "")
	var said bytes.Buffer
	out := screen{os.Stdout, &said}
	report(out, "mount", mountEarly())
	// A card that hangs must not hang the machine.
	dog, err := openWatchdog(watchdogDevice)
	report(out, "watchdog", err)
	stopFeeding := dog.feedFor(earlyTime)
	stage(out, "first root")
	program := findSystem(out, dog)
	stopFeeding()
	os.Setenv(saidEarly, lastPart(said.Bytes(), maxMissed))
	report(out, "watchdog", dog.pass())
	if program != "" {
		err := unix.Exec(program, []string{program}, os.Environ())
		report(out, program, err)
	}
}

// earlyTime bounds what early does: the search for a card, a repair, and reading an
// update twice.
const earlyTime = appears + checkTime + 2*time.Minute

// findSystem enters the root file system that is to be used, and returns its init,
// or "" if this program is to go on in its place.
func findSystem(out io.Writer, dog *watchdog) (program string) {
	// What the kernel says of a bad card is said here in other words.
	const consoleLevel, errors = 8, 4
	klogctl(consoleLevel, errors)
	name, err := mountRoot(out, "/sys", option("root"), appears)
	if err != nil {
		fmt.Fprintf(out, "init: %v; %s\n", err, mend)
		os.Setenv(damage, err.Error())
		return ""
	}
	begin := machine.SinceBoot()
	found := judgement{ownInit: true}
	root := enterUpdate(out, newRoot, anyFirst(partitions("/sys")), dog)
	if root == "" {
		root = newRoot
		faults := sums.Damaged(os.DirFS(root), needed)
		for _, f := range faults {
			fmt.Fprintf(out, "init: the root file system, /dev/%s: %v; %s\n", name, f, mend)
		}
		found = judge(faults)
		os.Setenv(damage, found.damage)
	}
	stage(out, fmt.Sprintf("/dev/%s checked in %d ms", name, (machine.SinceBoot()-begin).Milliseconds()))
	if err := enterRoot(root); err != nil {
		fmt.Fprintf(out, "init: the root file system, /dev/%s, cannot be entered: %v\n", name, err)
		os.Setenv(damage, err.Error())
		return ""
	}
	if !found.ownInit {
		return ""
	}
	return systemInit
}

const systemInit = "/sbin/init"

// A judgement is what follows from the faults of a root file system.
type judgement struct {
	ownInit bool   // its own init can be used
	damage  string // why no story is told; "" if nothing forbids one
}

// judge decides what is done with a root file system that has these faults among
// the needed files. A damaged init has a stand-in, the one that is asking. Any other
// fault forbids stories: they could be others than they should be, without a word.
// Where the list itself is damaged nothing is known of init either.
func judge(faults []sums.Fault) judgement {
	j := judgement{ownInit: true}
	for _, f := range faults {
		if f.Path == systemInit || f.Path == sums.Path {
			j.ownInit = false
		}
		if f.Path != systemInit && j.damage == "" {
			j.damage = f.Error()
		}
	}
	return j
}

// needed tells which files must be whole for a story to be right. The model has
// checksums of its own; voices and the like are not waited for.
func needed(path string) bool {
	switch path {
	case systemInit, program, share + "tokenizer.bin", share + "board.toml":
		return true
	}
	return false
}

// mountEarly mounts what early needs to find the card. It stays mounted.
func mountEarly() error {
	var errs []error
	for _, m := range []struct{ path, kind string }{{"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}} {
		if mounted(m.path) {
			continue
		}
		err := os.MkdirAll(m.path, 0o755)
		if err == nil {
			err = unix.Mount(m.kind, m.path, m.kind, unix.MS_NOSUID, "")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.path, err))
		}
	}
	return errors.Join(errs...)
}

// option returns the value of an option of the kernel's command line; the last
// one counts.
func option(name string) (value string) {
	line, _ := os.ReadFile("/proc/cmdline")
	for _, o := range strings.Fields(string(line)) {
		if v, ok := strings.CutPrefix(o, name+"="); ok {
			value = v
		}
	}
	return value
}

// A partition is one of a disk, as sysfs has it.
type partition struct{ name, number, uuid string }

func partitions(sys string) (all []partition) {
	files, _ := filepath.Glob(filepath.Join(sys, "class/block/*/uevent"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		p := partition{name: filepath.Base(filepath.Dir(f))}
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			switch key {
			case "PARTN":
				p.number = value
			case "PARTUUID":
				p.uuid = value
			}
		}
		if p.number != "" {
			all = append(all, p)
		}
	}
	return all
}

// findRoot returns the partition that root= asks for: PARTUUID=… or /dev/…. If
// it is not there, any disk's second partition will do: a card whose disk
// signature is damaged, or a U-Boot that has another name for the card.
func findRoot(all []partition, root string) (found partition, asked bool) {
	uuid, isUUID := strings.CutPrefix(root, "PARTUUID=")
	for _, p := range all {
		if isUUID && strings.EqualFold(p.uuid, uuid) || "/dev/"+p.name == root {
			return p, true
		}
	}
	for _, p := range all {
		if p.number == "2" {
			return p, false
		}
	}
	return partition{}, false
}

// mountRoot waits for the card and mounts its root file system. It returns the
// partition's name.
func mountRoot(out io.Writer, sys, root string, patience time.Duration) (string, error) {
	var p partition
	var asked bool
	for begin := time.Now(); !asked; time.Sleep(20 * time.Millisecond) {
		p, asked = findRoot(partitions(sys), root)
		waited := time.Since(begin)
		if waited > patience && p.name == "" {
			return "", fmt.Errorf("the card has no partition 2, the root file system: its partition table (sector 0) is damaged, or there is no card")
		}
		// The others are there when one is.
		if p.name != "" && !asked && waited > time.Second {
			fmt.Fprintf(out, "init: there is no %s: taking /dev/%s for the root file system\n", cmp.Or(root, "root= for the kernel"), p.name)
			break
		}
	}
	device := "/dev/" + p.name
	os.MkdirAll(newRoot, 0o755)
	_, err := mount.Mount(device, newRoot, "erofs", "", unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID)
	if err == nil {
		return p.name, nil
	}
	if reason := superblock(device); reason != nil {
		err = reason
	}
	return "", fmt.Errorf("the root file system, partition 2 (%s), cannot be used: %w", device, err)
}

// superblock says in words what is wrong with the superblock of an EROFS; nil if
// nothing plain is.
func superblock(device string) error {
	f, err := os.Open(device)
	if err != nil {
		return err
	}
	defer f.Close()
	block := make([]byte, 128)
	if _, err := f.ReadAt(block, 1024); err != nil {
		var e *fs.PathError
		if errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("its superblock cannot be read: %w", err)
	}
	if string(block[:4]) != "\xe2\xe1\xf5\xe0" {
		return errors.New("its superblock is damaged (no EROFS begins there)")
	}
	return errors.New("its superblock is damaged, or what it points at")
}

// enterRoot makes the file system mounted at dir the root and frees the memory
// of the old one, which has nothing but this program, /init.
func enterRoot(dir string) error {
	for _, m := range []string{"/dev", "/proc", "/sys"} {
		if err := unix.Mount(m, dir+m, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	if err := unix.Chdir(dir); err != nil {
		return err
	}
	os.Remove(earlyName)
	if err := unix.Mount(dir, "/", "", unix.MS_MOVE, ""); err != nil {
		return err
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return unix.Chdir("/")
}
