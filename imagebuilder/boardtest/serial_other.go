//go:build !linux

package boardtest

import (
	"errors"
	"io"
)

// Serial is a serial line with a board at its other end.
type Serial struct{ *Console }

// OpenSerial fails: only on Linux are serial lines spoken to.
func OpenSerial(path string, baud int, copy io.Writer) (*Serial, error) {
	return nil, errors.New("serial lines are spoken to on Linux only: test over the network, --network 192.168.42.1")
}

// Close does nothing.
func (*Serial) Close() error { return nil }
