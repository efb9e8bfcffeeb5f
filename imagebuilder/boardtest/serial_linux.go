package boardtest

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Serial is a serial line with a board at its other end.
type Serial struct {
	*Console
	port *os.File
	done chan struct{}
}

// OpenSerial opens a serial port, 8 data bits, no parity, 1 stop bit, and begins
// to listen. It must be closed. Copy, if not nil, gets what the board says.
func OpenSerial(path string, baud int, copy io.Writer) (*Serial, error) {
	rates := map[int]uint32{9600: unix.B9600, 19200: unix.B19200, 38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200,
		230400: unix.B230400, 460800: unix.B460800, 921600: unix.B921600, 1500000: unix.B1500000}
	rate, ok := rates[baud]
	if !ok {
		return nil, fmt.Errorf("%d is no speed of a serial line; the board's is 115200", baud)
	}
	port, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("there is no %s: plug the serial adapter in; `ls /dev/ttyUSB* /dev/ttyACM*` shows its name", path)
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("%s: %w: serial ports belong to the group dialout: `sudo adduser $USER dialout`, and log in again", path, errors.Unwrap(err))
	case errors.Is(err, unix.EBUSY):
		return nil, fmt.Errorf("another program has %s open: end it first", path)
	case err != nil:
		return nil, err
	}
	// Not Fd, which would make the file blocking: Close would wait for Read.
	conn, err := port.SyscallConn()
	if err == nil {
		if ctl := conn.Control(func(fd uintptr) { err = configure(int(fd), rate) }); ctl != nil {
			err = ctl
		}
	}
	if err != nil {
		port.Close()
		return nil, fmt.Errorf("%s is no serial port: %w", path, err)
	}
	s := &Serial{Console: NewConsole(port), port: port, done: make(chan struct{})}
	var to io.Writer = s.Console
	if copy != nil {
		to = io.MultiWriter(s.Console, copy)
	}
	go func() {
		defer close(s.done)
		_, err := io.Copy(to, port)
		if err == nil {
			err = io.EOF
		}
		s.Console.Close(fmt.Errorf("the serial line %s is gone: %w", path, err))
	}()
	return s, nil
}

// configure makes a terminal a plain line, and this program's alone.
func configure(fd int, rate uint32) error {
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = unix.IGNBRK, 0, 0 // damaged bytes are not ignored: a garbled line must show
	t.Cflag = t.Cflag&^(unix.CBAUD|unix.CSIZE|unix.PARENB|unix.CSTOPB|unix.CRTSCTS|unix.HUPCL) | rate | unix.CS8 | unix.CREAD | unix.CLOCAL
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return err
	}
	return unix.IoctlSetInt(fd, unix.TIOCEXCL, 0)
}

// Close gives the port back.
func (s *Serial) Close() error {
	err := s.port.Close()
	<-s.done
	return err
}
