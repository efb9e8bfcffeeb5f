package flash

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// disk is an open device or file.
type disk struct {
	*os.File
	block bool
}

// open opens the device past the kernel's page cache, so that an error comes
// with the write that fails, and reading reads the card. The kernel grants
// O_EXCL of a block device only when nothing else, a mount included, has it.
func open(d Device) (*disk, error) {
	flags := os.O_RDWR
	if d.block {
		flags |= unix.O_EXCL | unix.O_DIRECT
	}
	f, err := os.OpenFile(d.Path, flags, 0)
	switch {
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("%s is in use by this machine: unmount it first", d.Path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%s: %w: run this with sudo", d.Path, errors.Unwrap(err))
	case err != nil:
		return nil, fmt.Errorf("%s cannot be written to: %w", d.Path, errors.Unwrap(err))
	}
	if err := d.check(f, system()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &disk{f, d.block}, nil
}

// check tells whether the opened f is still what Find looked at, and a person
// was asked about: another card may have come into the reader since.
func (d Device) check(f *os.File, h host) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &stat); err != nil {
		return fmt.Errorf("%s: %w", d.Path, err)
	}
	now := identity{dev: uint64(stat.Dev), ino: stat.Ino, size: stat.Size}
	if stat.Mode&unix.S_IFMT == unix.S_IFBLK {
		now = h.identify(uint64(stat.Rdev))
	}
	if now != d.id {
		return fmt.Errorf("%s is not what it was when you were asked (another card, or device): nothing was written, try again", d.Path)
	}
	return nil
}

// Discard tells the card that it need not keep a stretch. Cards that cannot do
// that do without.
func (d *disk) Discard(start, size int64) {
	if d.block {
		stretch := [2]uint64{uint64(start), uint64(size)}
		unix.Syscall(unix.SYS_IOCTL, d.Fd(), unix.BLKDISCARD, uintptr(unsafe.Pointer(&stretch)))
	}
}

// finish has the kernel read the new partition table.
func (d *disk) finish() error {
	if d.block {
		unix.IoctlSetInt(int(d.Fd()), unix.BLKRRPART, 0) // fails where the kernel reads none
	}
	return d.Close()
}
