package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"duostoryteller/app/story"
)

// suitesButton runs the suites when the page asks for them. They are run by a
// storyteller of their own, which needs the memory that ours holds.
type suitesButton struct {
	slot    *slot
	options []string // of the verb suites
	dir     string   // where the results are kept; "" for nowhere
}

// Run implements web.Suites.
func (b suitesButton) Run(ctx context.Context, short bool, report io.Writer) error {
	if err := b.slot.reserve("the test suites are running"); err != nil {
		return err
	}
	defer b.slot.release()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program: %w", err)
	}
	options := b.options
	if short {
		options = append(slices.Clone(options), "--short")
	}
	fmt.Fprintln(report, "The suites take a while: they tell dozens of stories.")
	cmd := exec.CommandContext(ctx, program, append([]string{"suites"}, options...)...)
	cmd.Stdout, cmd.Stderr = report, report
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	err = cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() == 1 {
		return nil // and the report says why
	}
	return err
}

// Result implements web.Suites.
func (b suitesButton) Result(name string) ([]byte, error) {
	if b.dir == "" || !slices.Contains(resultFiles(), name) {
		return nil, fs.ErrNotExist
	}
	return os.ReadFile(filepath.Join(b.dir, name))
}

// busyWith is the story.ErrBusy that says with what.
type busyWith string

func (b busyWith) Error() string      { return string(b) }
func (busyWith) Is(target error) bool { return target == story.ErrBusy }

// reserve empties the slot and lets no story begin until release; why tells those
// who ask for one.
func (s *slot) reserve(why string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.busy(); err != nil {
		return err
	}
	s.reserved = busyWith(why)
	return s.close()
}

func (s *slot) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved = nil
}
