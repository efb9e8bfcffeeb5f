//go:build !linux && !darwin && !windows

package machine

import (
	"errors"
	"fmt"
	"time"
)

func sinceBoot() time.Duration { return 0 }

func kernelMessages() ([]byte, error) {
	return nil, fmt.Errorf("kernel messages: %w", errors.ErrUnsupported)
}
