//go:build unix

package subprocess

import (
	"os/exec"
	"syscall"
)

// Detach keeps an interrupt that is typed at our terminal from cmd, which must not have
// been started.
func Detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
