package usbnet

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// mountConfigfs mounts configfs where the kernel expects it, unless it is there.
func mountConfigfs(root string) error {
	dir := filepath.Join(root, "sys/kernel/config")
	if _, err := os.Stat(filepath.Join(dir, "usb_gadget")); err == nil {
		return nil
	}
	if err := unix.Mount("configfs", dir, "configfs", 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("mount configfs on %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "usb_gadget")); errors.Is(err, fs.ErrNotExist) {
		return errors.New("the kernel has no USB gadgets (CONFIG_USB_CONFIGFS)")
	}
	return nil
}

// bringUp gives a network card its address and switches it on.
func bringUp(card string, address netip.Prefix) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(fd)
	ifr, err := unix.NewIfreq(card)
	if err != nil {
		return err
	}
	ip := address.Addr().As4()
	if err := ifr.SetInet4Addr(ip[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, ifr); err != nil {
		return fmt.Errorf("set address %v: %w", address.Addr(), err)
	}
	var mask [4]byte
	for i := range address.Bits() {
		mask[i/8] |= 0x80 >> (i % 8)
	}
	if err := ifr.SetInet4Addr(mask[:]); err != nil {
		return err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFNETMASK, ifr); err != nil {
		return fmt.Errorf("set network mask: %w", err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return fmt.Errorf("get flags: %w", err)
	}
	ifr.SetUint16(ifr.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr); err != nil {
		return fmt.Errorf("switch on: %w", err)
	}
	return nil
}
