package flock

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := Acquire(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}

	// Whoever waits says for whom, once, and stops when told to.
	ctx, cancel := context.WithCancel(t.Context())
	log := &cancelling{cancel: cancel}
	if _, err := Acquire(ctx, path, log); !errors.Is(err, context.Canceled) {
		t.Errorf("Acquire() = %v; want %v", err, context.Canceled)
	}
	if want := fmt.Sprintf("process %d", os.Getpid()); !strings.Contains(log.String(), want) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("log = %q; want one line with %q", &log.Buffer, want)
	}

	// Whoever goes on waiting gets it in the end.
	got := make(chan error, 1)
	go func() {
		unlock, err := Acquire(t.Context(), path, nil)
		if err == nil {
			unlock()
		}
		got <- err
	}()
	time.Sleep(time.Millisecond)
	unlock()
	if err := <-got; err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); len(text) != 0 || err != nil {
		t.Errorf("the free lock says %q, %v; want nothing", text, err)
	}
}

// cancelling stops the waiting as soon as it was announced.
type cancelling struct {
	bytes.Buffer
	cancel func()
}

func (c *cancelling) Write(p []byte) (int, error) {
	defer c.cancel()
	return c.Buffer.Write(p)
}

func TestAcquireFails(t *testing.T) {
	if _, err := Acquire(t.Context(), filepath.Join(t.TempDir(), "none", "lock"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Acquire() in a folder that is not there = %v; want %v", err, os.ErrNotExist)
	}
}
