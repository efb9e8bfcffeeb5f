// Package process starts programs that end with the one that started them, with all
// that they started themselves. Only Linux does that; on other systems the program
// alone is ended.
package process

import (
	"net"
	"os"
	"os/exec"
)

// Group has cmd and all that it starts end together, by SIGTERM, when its context
// ends. It must not have been started.
func Group(cmd *exec.Cmd) { group(cmd) }

// Bind has cmd end when this program does, however that ends, and keeps Ctrl-C from
// it. It must not have been started.
func Bind(cmd *exec.Cmd) { bind(cmd) }

// Socket returns a connection: one end for a program that is started, one for us. Where
// the operating system has none, the error is errors.ErrUnsupported.
func Socket() (theirs *os.File, ours net.Conn, err error) { return socket() }
