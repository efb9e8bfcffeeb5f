package machine

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func sinceBoot() time.Duration {
	begun, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return 0
	}
	return time.Since(time.Unix(begun.Unix()))
}

func kernelMessages() ([]byte, error) {
	return nil, fmt.Errorf("kernel messages: %w", errors.ErrUnsupported)
}
