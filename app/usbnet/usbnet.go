// Package usbnet makes the board's USB port a network card for the PC at the
// other end of the cable: the PC gets an address by DHCP and finds the board
// at 192.168.42.1, as with the vendor's image, or as storyteller.local. The PC
// is given neither a router nor a name server, so its other networks stay as
// they are.
//
// Where there is no USB device controller, as in an emulator, the first
// network card stands in for it, with the same address and servers.
package usbnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// Roles of the USB port.
const (
	Device = "device" // the board is a network card for a PC
	Host   = "host"   // the board uses a sound card; there is no network
)

// Name is what the board is called on the link.
const Name = "storyteller.local"

// Address returns the board's address and the link's network.
func Address() netip.Prefix { return netip.MustParsePrefix("192.168.42.1/24") }

// peer is the one address that is handed out.
func peer() netip.Addr { return netip.MustParseAddr("192.168.42.2") }

// Setup makes the link and runs its servers until ctx ends; their troubles go
// to note, a line each. It may be called again after a restart of the program.
// It needs root.
func Setup(ctx context.Context, note func(string)) error {
	card, err := card("/")
	if err != nil {
		return fmt.Errorf("no network over USB: %w", err)
	}
	if err := bringUp(card, Address()); err != nil {
		return fmt.Errorf("no network over USB: %s: %w", card, err)
	}
	// A PC can be set up by hand where these fail.
	if err := serveDHCP(ctx, card); err != nil {
		note(fmt.Sprintf("the PC gets no address on %s: %v; give it %v/%d by hand", card, err, peer(), Address().Bits()))
	}
	if err := serveName(ctx, card); err != nil {
		note(fmt.Sprintf("the name %s is not known on %s: %v; use %v", Name, card, err, Address().Addr()))
	}
	return nil
}

// card returns the name of the network card that leads to the PC.
func card(root string) (string, error) {
	udcs, err := os.ReadDir(filepath.Join(root, "sys/class/udc"))
	if err == nil && len(udcs) > 0 {
		if err := mountConfigfs(root); err != nil {
			return "", err
		}
		return gadget(filepath.Join(root, "sys/kernel/config/usb_gadget"), udcs[0].Name(), identity(root))
	}
	cards, err := net.Interfaces()
	if err != nil {
		return "", err
	}
	for _, c := range cards {
		if c.Flags&(net.FlagLoopback|net.FlagPointToPoint) == 0 && len(c.HardwareAddr) == 6 {
			return c.Name, nil
		}
	}
	return "", errors.New("neither a USB device controller nor a network card; is usb = \"host\" meant?")
}

// identity returns what tells this board from others: the number of its card.
func identity(root string) string {
	cids, _ := filepath.Glob(filepath.Join(root, "sys/block/mmcblk*/device/cid"))
	for _, path := range cids {
		if cid, err := os.ReadFile(path); err == nil {
			return strings.TrimSpace(string(cid))
		}
	}
	return "storyteller"
}
