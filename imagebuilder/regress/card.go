package regress

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/imagebuilder/flash"
)

// A Card is a board's card and how it comes from this PC to the board and back.
type Card struct {
	text   string
	kind   kind
	device string // what is written to; "": found where the mux is
	mux    string // path of usbsdmux's control device, or sd-mux-ctrl's serial number

	sys string // where the kernel tells of devices
}

type kind int

const (
	reader   kind = iota // a card in a reader of this PC, which somebody carries to the board
	usbsdmux             // a USB-SD-Mux of Linux Automation
	sdMux                // an SDWire or SD MUX, which sd-mux-ctrl switches
	file                 // a file, which is an emulated board's card
)

// ParseCard reads how a user names a card: a device (/dev/sdX), a mux (sdmux: and
// usbsdmux's control device, or sd-mux-ctrl's serial number; @ and a device behind
// it where the card's cannot be found), or file: and the file that is an emulated
// board's card.
func ParseCard(text string) (Card, error) {
	c := Card{text: text, sys: "/sys"}
	name, isFile := strings.CutPrefix(text, "file:")
	mux, isMux := strings.CutPrefix(text, "sdmux:")
	switch {
	case isFile && name != "":
		c.kind, c.device = file, name
	case isMux:
		c.mux, c.device, _ = strings.Cut(mux, "@")
		if c.kind = sdMux; strings.HasPrefix(c.mux, "/") {
			c.kind = usbsdmux
		}
		if c.mux == "" || strings.HasPrefix(c.mux, "-") || strings.HasSuffix(mux, "@") {
			return Card{}, fmt.Errorf("%q names no mux: sdmux:/dev/usb-sd-mux/id-000000001234 is one of usbsdmux, sdmux:sd-wire_11 one of sd-mux-ctrl", text)
		}
	case strings.HasPrefix(text, "/"):
		c.device = text
	default:
		return Card{}, fmt.Errorf("%q is no card: name a device such as /dev/sdX, sdmux:ID for a card in a mux, or file:NAME for an emulated board's", text)
	}
	return c, nil
}

// String is the card as its user named it.
func (c Card) String() string { return c.text }

// ByHand tells whether a person has to carry the card to the board.
func (c Card) ByHand() bool { return c.kind == reader }

// Emulated tells whether only an emulated board can have such a card.
func (c Card) Emulated() bool { return c.kind == file }

// medium is how long a card may take to be seen behind a mux that was switched.
const medium = 20 * time.Second

// toPC switches the card to this PC and returns it.
func (c Card) toPC(ctx context.Context) (flash.Device, error) {
	switch c.kind {
	case file:
		if _, err := os.Stat(c.device); errors.Is(err, os.ErrNotExist) {
			return flash.Device{}, fmt.Errorf("there is no card %s: `truncate -s 512M %s` makes a file that can be one", c.device, c.device)
		}
		return flash.Find(c.device, true)
	case reader:
		if info, err := os.Stat(c.device); err == nil && info.Mode().IsRegular() {
			return flash.Device{}, fmt.Errorf("%s is a file, not a device: file:%s takes it as an emulated board's card", c.device, c.device)
		}
		return flash.Find(c.device, false)
	}
	device, err := c.find()
	if err != nil {
		return flash.Device{}, err
	}
	if err := c.turn(ctx, pc); err != nil {
		return flash.Device{}, err
	}
	for end := time.Now().Add(medium); ; {
		d, err := flash.Find(device, false)
		switch {
		case err == nil:
			return d, nil
		case ctx.Err() != nil:
			return flash.Device{}, context.Cause(ctx)
		case time.Now().After(end):
			return flash.Device{}, fmt.Errorf("the mux is switched to this PC, but %w", err)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// toBoard switches the card to the board. One that is carried by hand is there when
// somebody says so; ask is nil where nobody can be asked.
func (c Card) toBoard(ctx context.Context, ask func(question string) error) error {
	switch c.kind {
	case usbsdmux, sdMux:
		return c.turn(ctx, board)
	case reader:
		if ask != nil {
			return ask("Put the card into the board. Is it there?")
		}
	}
	return nil
}

// turn switches the mux to this PC or to the board.
func (c Card) turn(ctx context.Context, to side) error {
	// https://linux-automation.com/usbsdmux-M01/product-operation.html
	line := []string{"usbsdmux", c.mux, map[side]string{pc: "host", board: "dut"}[to]}
	if c.kind == sdMux {
		// sd-mux-ctrl(1): the test server is the PC, the device under test the board.
		line = []string{"sd-mux-ctrl", map[side]string{pc: "--ts", board: "--dut"}[to], "--device-serial=" + c.mux}
	}
	if err := command(ctx, line[0], line[1:]...); err != nil {
		return fmt.Errorf("the mux cannot be switched to the %s: `%s`: %w", to, strings.Join(line, " "), err)
	}
	return nil
}

// side is where a mux can connect the card to.
type side string

const (
	pc    side = "PC"
	board side = "board"
)

// find returns the device that the card is for this PC while the mux is switched to it.
func (c Card) find() (string, error) {
	if c.device != "" {
		return c.device, nil
	}
	var disks string // sysfs' folders of the card reader's disks
	if c.kind == usbsdmux {
		control, err := filepath.EvalSymlinks(c.mux)
		if err != nil {
			return "", fmt.Errorf("there is no mux %s: plug it in; `ls /dev/usb-sd-mux` lists those that are there", c.mux)
		}
		// The card reader, whose control device this is.
		disks = filepath.Join(c.sys, "class/scsi_generic", filepath.Base(control), "device/block/*")
	} else {
		hub, err := c.hub()
		if err != nil {
			return "", err
		}
		// The card reader hangs at the same hub in the mux as the switch.
		disks = filepath.Join(hub, "*/*:*/host*/target*/*:*:*:*/block/*")
	}
	if found, err := filepath.Glob(disks); err == nil && len(found) == 1 {
		return "/dev/" + filepath.Base(found[0]), nil
	}
	return "", fmt.Errorf("which device the card in the mux %s is cannot be told: name it, sdmux:%s@DEVICE, with DEVICE out of /dev/disk/by-id", c.mux, c.mux)
}

// hub returns sysfs' folder of the USB hub that a mux of sd-mux-ctrl's is at.
func (c Card) hub() (string, error) {
	files, err := filepath.Glob(filepath.Join(c.sys, "bus/usb/devices/*/serial"))
	if err != nil {
		return "", err
	}
	for _, name := range files {
		serial, err := os.ReadFile(name)
		if err != nil || strings.TrimSpace(string(serial)) != c.mux {
			continue
		}
		device, err := filepath.EvalSymlinks(filepath.Dir(name))
		if err != nil {
			return "", err
		}
		return filepath.Dir(device), nil
	}
	return "", fmt.Errorf("no mux with the serial number %s is plugged in; `sd-mux-ctrl --list` lists those that are", c.mux)
}
