//go:build !linux

package flash

import (
	"errors"
	"fmt"
	"os"
)

// identity tells one file from another that has taken its path.
type identity struct{ file os.FileInfo }

// Find returns the file path, with standIn, in place of a card. Disks are written to on
// Linux only, whose kernel tells which of them is a card and whether it is in use.
func Find(path string, standIn bool) (Device, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode().IsRegular() && standIn:
		return Device{Path: path, Kind: "file", Size: info.Size(), id: identity{info}}, nil
	case err == nil && info.Mode().IsRegular():
		return Device{}, fmt.Errorf("%s is a file, not a device: --file takes it in place of a card", path)
	}
	return Device{}, errors.New("imagebuilder writes to cards on Linux only: on this system write the image with Raspberry Pi Imager (Use custom) or balenaEtcher")
}

// disk is an open file.
type disk struct{ *os.File }

func open(d Device) (*disk, error) {
	f, err := os.OpenFile(d.Path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be written to: %w", d.Path, errors.Unwrap(err))
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(info, d.id.file) {
		f.Close()
		return nil, fmt.Errorf("%s is not the file that it was when you were asked: nothing was written, try again", d.Path)
	}
	return &disk{f}, nil
}

// Discard does nothing: a file keeps what it has.
func (*disk) Discard(start, size int64) {}

func (d *disk) finish() error { return d.Close() }
