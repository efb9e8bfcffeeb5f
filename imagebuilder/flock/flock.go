// Package flock lets one process at a time work on a file or a folder, and
// tells the others whom they wait for.
package flock

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/filelock"
)

// Acquire locks the file at path, which is made if need be, until unlock is
// called or the process ends. While another process has it, Acquire says so
// once on log, which may be nil, and waits until ctx is cancelled.
//
// The file stays: removing it would let two processes lock two files of one name.
func Acquire(ctx context.Context, path string, log io.Writer) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	const interval = 100 * time.Millisecond
	for said := false; ; said = true {
		ours, err := filelock.Try(f)
		if err != nil {
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if ours {
			break
		}
		if !said && log != nil {
			fmt.Fprintf(log, "waiting for %s, which has %s\n", owner(f), path)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(interval):
		}
	}
	// For the others' message only: a full disk does not keep from working.
	if f.Truncate(0) == nil {
		f.WriteAt(fmt.Appendf(nil, "process %d (%s)", os.Getpid(), name()), 0)
	}
	return func() {
		f.Truncate(0)
		f.Close()
	}, nil
}

// name is how a person would recognise this process.
func name() string {
	args := append([]string{filepath.Base(os.Args[0])}, os.Args[1:]...)
	text := strings.Join(strings.Fields(strings.Join(args, " ")), " ")
	return text[:min(len(text), 80)]
}

// owner returns what the process that has the lock wrote into it.
func owner(f *os.File) string {
	text := make([]byte, 200)
	n, _ := f.ReadAt(text, 0)
	if n == 0 {
		return "another process"
	}
	return string(text[:n])
}
