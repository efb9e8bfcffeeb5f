//go:build !linux

package uncached

import (
	"errors"
	"fmt"
	"os"
)

func open(path string) (*os.File, error) {
	return nil, fmt.Errorf("%s: %w", path, errors.ErrUnsupported)
}

func forget(*os.File, int64, int64) {}

func scattered(*os.File) {}
