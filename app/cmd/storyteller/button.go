package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"duostoryteller/app/story"
)

// suitesButton runs the suites when the page asks for them. They are run by a
// storyteller of their own, which needs the memory that ours holds.
type suitesButton struct {
	slot    *slot
	options []string // of the verb suites
}

// Run implements web.Suites.
func (b suitesButton) Run(ctx context.Context, report io.Writer) error {
	if err := b.slot.reserve(); err != nil {
		return err
	}
	defer b.slot.release()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	fmt.Fprintln(report, "The suites take a while: they tell dozens of stories.")
	cmd := exec.CommandContext(ctx, program, append([]string{"suites"}, b.options...)...)
	cmd.Stdout, cmd.Stderr = report, report
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd.Run()
}

// reserve empties the slot and lets no story begin until release.
func (s *slot) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy() {
		return story.ErrBusy
	}
	s.reserved = true
	return s.close()
}

func (s *slot) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved = false
}
