package web

import (
	"net"
	"testing"

	"golang.org/x/sys/unix"
)

// The kernel gives up a browser that has gone without a word.
func TestVanished(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := limit(inner, 1)
	defer l.Close()
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	raw, err := n.(*counted).Conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	raw.Control(func(fd uintptr) {
		got, err := unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		if err != nil || got != int(vanished.Milliseconds()) {
			t.Errorf("TCP_USER_TIMEOUT = %d ms, %v; want %v", got, err, vanished)
		}
		if on, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE); on == 0 || err != nil {
			t.Errorf("SO_KEEPALIVE = %d, %v; want it on", on, err)
		}
	})
}
