//go:build !linux

package panel

import "errors"

// press fails: GPIO lines are Linux's.
func press(chip string, line int) (edges <-chan bool, release func(), err error) {
	return nil, nil, errors.ErrUnsupported
}
