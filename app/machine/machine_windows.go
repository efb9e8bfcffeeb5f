package machine

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/windows"
)

func sinceBoot() time.Duration { return windows.DurationSinceBoot() }

func kernelMessages() ([]byte, error) {
	return nil, fmt.Errorf("kernel messages: %w", errors.ErrUnsupported)
}
