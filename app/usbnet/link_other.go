//go:build !linux

package usbnet

import (
	"errors"
	"net/netip"
)

func mountConfigfs(string) error { return errors.ErrUnsupported }

func bringUp(string, netip.Prefix) error { return errors.ErrUnsupported }
