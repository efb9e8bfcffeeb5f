package flash

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// identity tells one device or file from another that has taken its path.
type identity struct {
	dev, ino, rdev uint64 // of a block device rdev alone: /dev is made anew
	seq            string // the kernel's count of disks, which a card put in anew raises; "" where it does not count
	size           int64
}

// Find looks at the disk path and returns it if a card's image may be written
// to it: a whole disk that can be taken out of the machine and that nothing
// uses. The error says why not. With standIn a regular file or a loop device
// may stand for a card.
func Find(path string, standIn bool) (Device, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return Device{}, fmt.Errorf("%s: %w; with a card in the reader, lsblk lists the disks", path, err)
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		if !standIn {
			return Device{}, fmt.Errorf("%s is a file, not a device: --file takes it in place of a card", path)
		}
		return Device{Path: path, Kind: "file", Size: stat.Size, id: identity{dev: uint64(stat.Dev), ino: stat.Ino, size: stat.Size}}, nil
	case unix.S_IFBLK:
		return system().find(path, stat.Rdev, standIn)
	}
	return Device{}, fmt.Errorf("%s is no disk; with a card in the reader, lsblk lists the disks", path)
}

// host is where the kernel tells of disks and of their use.
type host struct{ sys, proc string }

// system is where this machine's kernel does.
func system() host { return host{"/sys", "/proc"} }

// find examines the block device number dev.
func (h host) find(path string, dev uint64, standIn bool) (Device, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(h.sys, "dev/block", number(dev)))
	if err != nil {
		return Device{}, fmt.Errorf("%s: the kernel does not know this device: %w", path, err)
	}
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(dir, name))
		return strings.TrimSpace(string(text))
	}
	if read("partition") != "" {
		return Device{}, fmt.Errorf("%s is a partition, not a whole disk: name /dev/%s", path, filepath.Base(filepath.Dir(dir)))
	}
	d := Device{Path: path, block: true}
	name := filepath.Base(dir)
	d.Name = strings.Join(strings.Fields(read("device/vendor")+" "+read("device/model")+" "+read("device/name")), " ")
	switch {
	case strings.HasPrefix(name, "loop"):
		d.Kind = "loop device"
	case strings.HasPrefix(name, "mmcblk") && read("device/type") == "SD":
		d.Kind = "SD card"
	case strings.Contains(dir, "/usb"):
		d.Kind = "USB"
	case read("removable") == "1":
		d.Kind = "removable disk"
	}
	sectors, _ := strconv.ParseInt(read("size"), 10, 64)
	d.Size = sectors * 512 // whatever the disk's own sector is
	d.id = h.identify(dev)

	if use, err := h.use(dir); err != nil {
		return Device{}, fmt.Errorf("%s: cannot tell whether it is in use: %w", path, err)
	} else if use != "" {
		return Device{}, fmt.Errorf("%s is in use: %s", path, use)
	}
	switch {
	case d.Kind == "":
		return Device{}, fmt.Errorf("%s is a disk inside this machine (%s): only SD cards and removable or USB disks are written to", path, strings.TrimSpace(d.Name+" "+name))
	case d.Kind == "loop device" && !standIn:
		return Device{}, fmt.Errorf("%s is a loop device: --file takes it in place of a card", path)
	case d.Size == 0:
		return Device{}, fmt.Errorf("%s is empty: put a card into the reader", path)
	case read("ro") == "1":
		return Device{}, fmt.Errorf("%s is write-protected: look for a switch on the card or its adapter", path)
	case read("queue/logical_block_size") != "512":
		return Device{}, fmt.Errorf("%s counts in sectors of %s bytes, cards in 512: use another reader", path, read("queue/logical_block_size"))
	}
	return d, nil
}

// identify reads what is at the block device number dev now.
func (h host) identify(dev uint64) identity {
	read := func(name string) string {
		text, _ := os.ReadFile(filepath.Join(h.sys, "dev/block", number(dev), name))
		return strings.TrimSpace(string(text))
	}
	sectors, _ := strconv.ParseInt(read("size"), 10, 64)
	return identity{rdev: dev, seq: read("diskseq"), size: sectors * 512}
}

// number formats a device number as the kernel does.
func number(dev uint64) string { return fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)) }

// use says what the disk whose folder in sysfs is dir, or a partition of it, is
// used for: a mounted file system, swap, or part of another disk.
func (h host) use(dir string) (string, error) {
	parts, err := filepath.Glob(filepath.Join(dir, filepath.Base(dir)+"*", "dev"))
	if err != nil {
		return "", err
	}
	ours := map[string]string{} // device number to name
	for _, file := range append(parts, filepath.Join(dir, "dev")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		part := filepath.Dir(file)
		ours[strings.TrimSpace(string(text))] = "/dev/" + filepath.Base(part)
		if holders, err := os.ReadDir(filepath.Join(part, "holders")); err == nil && len(holders) > 0 {
			return fmt.Sprintf("/dev/%s belongs to %s", filepath.Base(part), holders[0].Name()), nil
		}
	}
	// A file system on several disks has a number of its own, and names one.
	names := func(source string) string {
		var stat unix.Stat_t
		if unix.Stat(source, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFBLK {
			return ours[number(stat.Rdev)]
		}
		return ""
	}
	// Format: proc(5), /proc/pid/mountinfo.
	use := ""
	err = lines(filepath.Join(h.proc, "self/mountinfo"), func(f []string) {
		dash := slices.Index(f, "-")
		if len(f) < 5 || use != "" {
			return
		}
		part := ours[f[2]]
		if part == "" && dash > 0 && dash+2 < len(f) {
			part = names(f[dash+2])
		}
		if part != "" {
			where := strings.ReplaceAll(f[4], `\040`, " ")
			use = fmt.Sprintf("%s is mounted at %s: `umount %s` first", part, where, part)
			if where == "/" {
				use = "it holds this machine's own system"
			}
		}
	})
	if err != nil || use != "" {
		return use, err
	}
	err = lines(filepath.Join(h.proc, "swaps"), func(f []string) {
		if part := names(f[0]); part != "" {
			use = part + " is swap"
		}
	})
	if errors.Is(err, fs.ErrNotExist) { // a kernel without swap
		err = nil
	}
	return use, err
}

// lines calls f with the words of each line of a file.
func lines(file string, f func(words []string)) error {
	r, err := os.Open(file)
	if err != nil {
		return err
	}
	defer r.Close()
	s := bufio.NewScanner(r)
	for s.Scan() {
		if words := strings.Fields(s.Text()); len(words) > 0 {
			f(words)
		}
	}
	return s.Err()
}
