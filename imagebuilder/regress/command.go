package regress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// commandTime is the most that a switch of a mux or of the power may take.
const commandTime = time.Minute

// command runs a program and waits for it. The error ends with the last line that the
// program wrote.
func command(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, commandTime, fmt.Errorf("it has not ended in %v", commandTime))
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // what it leaves running may keep its output open
	err := cmd.Run()
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return fmt.Errorf("%s is not installed", name)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
		err = fmt.Errorf("%w: %s", err, last)
	}
	return err
}

// power switches the board's power by the user's command line, which gets "on" or
// "off" behind its own arguments.
func power(ctx context.Context, line, state string) error {
	if err := command(ctx, "/bin/sh", "-c", line+` "$1"`, "sh", state); err != nil {
		return fmt.Errorf("`%s %s` fails: %w", line, state, err)
	}
	return nil
}
