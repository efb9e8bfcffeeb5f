package usbnet

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// gadget describes the board as a USB device below the folder configfs, hands
// it to the controller udc, and returns the name of its network card. The
// functions are NCM, which Linux, macOS and Windows 11 take without a driver,
// and a serial port for a console. See the kernel's
// Documentation/usb/gadget_configfs.rst.
func gadget(configfs, udc, identity string) (card string, err error) {
	dir := filepath.Join(configfs, "storyteller")
	const (
		config = "configs/c.1"
		ncm    = "functions/ncm.usb0"
		acm    = "functions/acm.usb0"
	)
	bound, err := os.ReadFile(filepath.Join(dir, "UDC"))
	if err == nil && strings.TrimSpace(string(bound)) == udc {
		return cardName(dir, ncm)
	}
	serial := fmt.Sprintf("%x", sha256.Sum256([]byte(identity)))[:16]
	same := []attribute{ // for every board
		{"idVendor", "0x1d6b"},  // Linux Foundation
		{"idProduct", "0x0104"}, // Multifunction Composite Gadget
		{"bcdUSB", "0x0200"},
		{"bDeviceClass", "0xef"}, // functions of several interfaces
		{"bDeviceSubClass", "0x02"},
		{"bDeviceProtocol", "0x01"},
		{"strings/0x409/manufacturer", "Duo Storyteller"},
		{"strings/0x409/product", "Duo Storyteller"},
		{config + "/strings/0x409/configuration", "Stories over the cable"},
		{config + "/MaxPower", "500"},
		// Windows asks for these to choose its own NCM driver.
		{"os_desc/use", "1"},
		{"os_desc/b_vendor_code", "0xcd"},
		{"os_desc/qw_sign", "MSFT100"},
		{ncm + "/os_desc/interface.ncm/compatible_id", "WINNCM"},
	}
	for _, a := range append(same,
		attribute{"bcdDevice", deviceNumber(same, ncm, acm)},
		attribute{"strings/0x409/serialnumber", serial},
		attribute{ncm + "/dev_addr", hardwareAddress("board", identity).String()},
		attribute{ncm + "/host_addr", hardwareAddress("pc", identity).String()},
	) {
		path := filepath.Join(dir, a.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", fmt.Errorf("USB gadget: %w", err)
		}
		if err := os.WriteFile(path, []byte(a.value), 0o644); err != nil {
			return "", fmt.Errorf("USB gadget: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, acm), 0o755); err != nil {
		return "", fmt.Errorf("USB gadget: %w", err)
	}
	for _, l := range []struct{ target, path string }{
		{ncm, config + "/ncm.usb0"},
		{acm, config + "/acm.usb0"},
		{config, "os_desc/c.1"},
	} {
		err := os.Symlink(filepath.Join(dir, l.target), filepath.Join(dir, l.path))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", fmt.Errorf("USB gadget: %w", err)
		}
	}
	// From here on the PC sees it.
	if err := os.WriteFile(filepath.Join(dir, "UDC"), []byte(udc), 0o644); err != nil {
		return "", fmt.Errorf("USB controller %s: %w", udc, err)
	}
	return cardName(dir, ncm)
}

// An attribute is a file of the gadget's folder and what is written to it.
type attribute struct{ path, value string }

// deviceNumber makes the device's release number, four decimal digits, from what the
// device says of itself. Windows remembers by vendor, product and release whether a
// device has descriptors of Microsoft's, and asks no more: each set of descriptors
// must have a number that no other gadget had before.
func deviceNumber(same []attribute, functions ...string) string {
	sum := sha256.Sum256(fmt.Append(nil, same, functions))
	return fmt.Sprintf("0x%04d", binary.BigEndian.Uint32(sum[:])%10000)
}

func cardName(dir, function string) (string, error) {
	name, err := os.ReadFile(filepath.Join(dir, function, "ifname"))
	if err != nil {
		return "", fmt.Errorf("USB gadget: %w", err)
	}
	return strings.TrimSpace(string(name)), nil
}

// hardwareAddress makes an Ethernet address of its own for each board and end
// of the cable, always the same, or a PC would see a new network every time.
func hardwareAddress(end, identity string) net.HardwareAddr {
	sum := sha256.Sum256([]byte(end + " " + identity))
	a := net.HardwareAddr(sum[:6])
	a[0] = a[0]&^1 | 2 // one station's, locally administered
	return a
}
