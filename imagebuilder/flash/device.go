package flash

import (
	"fmt"
	"strings"
)

// Device is a disk that may be written to.
type Device struct {
	Path  string
	Name  string // what it calls itself: "SanDisk Ultra"; may be empty
	Kind  string // "USB", "SD card", "removable disk", "loop device" or "file"
	Size  int64  // bytes
	block bool

	id identity // of what Find looked at
}

// String says what the device is, for a person who must recognise it.
func (d Device) String() string {
	what := strings.TrimSpace(d.Kind + " " + d.Name)
	return fmt.Sprintf("%s: %s, %.1f GB", d.Path, what, float64(d.Size)/1e9)
}
