//go:build !linux

package web

import "net"

// giveUpVanished has the kernel look whether the other end of a connection is there.
func giveUpVanished(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: vanished / 2, Interval: vanished / 4, Count: 2})
	}
}
