package machine

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
)

// UsualReadAhead is the kernel's own, in KB.
const UsualReadAhead = 128

// SetReadAhead has every disk read so many KB at a time unless asked for more, and
// returns what undoes it.
func SetReadAhead(kB int) (restore func(), err error) { return setReadAhead("/sys/block", kB) }

func setReadAhead(blocks string, kB int) (restore func(), err error) {
	files, err := filepath.Glob(filepath.Join(blocks, "*", "queue", "read_ahead_kb"))
	before := make(map[string][]byte)
	for _, f := range files {
		was, readErr := os.ReadFile(f)
		if readErr == nil {
			before[f] = bytes.TrimSpace(was)
		}
		err = errors.Join(err, readErr, os.WriteFile(f, []byte(strconv.Itoa(kB)), 0))
	}
	return func() {
		for f, was := range before {
			_ = os.WriteFile(f, was, 0) // what cannot be written now could not before
		}
	}, err
}
