package web

import (
	"context"
	"errors"
	"sync"
)

// errFull is what a writer is told when a byteLog has reached its limit.
var errFull = errors.New("too long to keep in memory")

// byteLog is an append-only run of bytes with one writer and any number of
// readers, each with its own offset: a slow reader holds up nobody.
type byteLog struct {
	limit int // bytes kept at most

	mu      sync.Mutex
	bytes   []byte
	done    bool
	err     error
	changed chan struct{} // closed and replaced at every change
}

func newByteLog(limit int) *byteLog {
	return &byteLog{limit: limit, changed: make(chan struct{})}
}

// Write appends p, or as much of it as the limit allows.
func (l *byteLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(len(p), l.limit-len(l.bytes))
	l.bytes = append(l.bytes, p[:n]...)
	l.wake()
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

// size returns the bytes kept so far.
func (l *byteLog) size() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.bytes)
}

// close ends the log; err says why if it ended too early.
func (l *byteLog) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done, l.err = true, err
	l.wake()
}

func (l *byteLog) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// next returns what lies behind offset, waiting until there is something.
// Whole reports that the log has ended and the bytes reach its end, err how it
// ended. The bytes must not be changed.
func (l *byteLog) next(ctx context.Context, offset int) (bytes []byte, whole bool, err error) {
	for {
		l.mu.Lock()
		bytes, whole, err = l.bytes[offset:], l.done, l.err
		changed := l.changed
		l.mu.Unlock()
		if len(bytes) > 0 || whole {
			return bytes, whole, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}
