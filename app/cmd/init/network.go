//go:build linux

package main

import "golang.org/x/sys/unix"

// loopback switches the network within the machine on; the kernel gives it its
// address.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	card, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	card.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, card)
}
