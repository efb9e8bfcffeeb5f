package machine

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

func sinceBoot() time.Duration {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return 0
	}
	return time.Duration(now.Nano())
}

func kernelMessages() ([]byte, error) {
	buf := make([]byte, 16<<10)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	if err != nil {
		return nil, fmt.Errorf("kernel messages: %w", err)
	}
	return buf[:n], nil
}
