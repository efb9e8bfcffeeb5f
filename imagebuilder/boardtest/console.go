package boardtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Console is a board's console. What the board says is written to it; what is
// typed goes to in.
type Console struct {
	// Patience is how long a suite may say nothing before the board is given up; 0 is
	// for ever. The suites say every 20 seconds how far they are, but not within a run.
	Patience time.Duration

	in    io.Writer
	quiet time.Duration // after which a board that said nothing is spoken to

	mu      sync.Mutex
	said    bytes.Buffer // since the last match, without carriage returns
	last    time.Time    // when it spoke
	changed chan struct{}
	err     error // why it says no more
}

// NewConsole returns a console whose keyboard is in.
func NewConsole(in io.Writer) *Console {
	return &Console{in: in, quiet: 5 * time.Second, last: time.Now(), changed: make(chan struct{})}
}

// Write takes what the board says.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said.Write(bytes.ReplaceAll(p, []byte("\r"), nil))
	c.last = time.Now()
	c.wake()
	return len(p), nil
}

// Close says that the board will say no more, and why.
func (c *Console) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
	c.wake()
}

func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// ErrQuiet is WaitFor's when nothing was said for a while.
var ErrQuiet = errors.New("the board says nothing")

// WaitFor waits until pattern matches what the board has said since the last
// match, and returns that and what came before it. If quiet is not 0, it gives up with
// ErrQuiet when the board has said nothing for so long. With an error, before is all
// that was said since the last match.
func (c *Console) WaitFor(ctx context.Context, pattern *regexp.Regexp, quiet time.Duration) (before, match string, err error) {
	begin := time.Now()
	for {
		c.mu.Lock()
		said, changed, last := c.said.Bytes(), c.changed, c.last
		if at := pattern.FindIndex(said); at != nil {
			before, match = string(said[:at[0]]), string(said[at[0]:at[1]])
			c.said.Next(at[1])
			c.mu.Unlock()
			return before, match, nil
		}
		tail := strings.TrimSpace(string(said[max(0, len(said)-200):]))
		switch {
		case c.err != nil:
			err = fmt.Errorf("%w; the console's last words: %q", c.err, tail)
		case ctx.Err() != nil:
			err = fmt.Errorf("%w while waiting for %q; the console's last words: %q", context.Cause(ctx), pattern, tail)
		}
		var silence <-chan time.Time
		if quiet > 0 && err == nil {
			if last.Before(begin) {
				last = begin
			}
			if left := quiet - time.Since(last); left > 0 {
				silence = time.After(left)
			} else {
				err = ErrQuiet
			}
		}
		if err != nil {
			before = string(said)
		}
		c.mu.Unlock()
		if err != nil {
			return before, "", err
		}
		select {
		case <-changed:
		case <-silence:
		case <-ctx.Done():
		}
	}
}

// send types a line.
func (c *Console) send(line string) error {
	_, err := io.WriteString(c.in, line+"\n")
	return err
}

var prompt = regexp.MustCompile(`storyteller> $`)

// ready waits for init's prompt. A board that boots is left alone, for a key
// would stop its boot loader; one that is silent is asked to stop its story.
func (c *Console) ready(ctx context.Context) error {
	for {
		_, _, err := c.WaitFor(ctx, prompt, c.quiet)
		if !errors.Is(err, ErrQuiet) {
			return err
		}
		if err := c.send("stop"); err != nil {
			return err
		}
	}
}

// settle waits until the board has said nothing for a moment, and forgets what
// it said: prompts that answered lines sent twice.
func (c *Console) settle(ctx context.Context) error {
	never := regexp.MustCompile(`[^\s\S]`)
	if _, _, err := c.WaitFor(ctx, never, c.quiet/5); !errors.Is(err, ErrQuiet) {
		return err
	}
	c.Forget()
	return nil
}

// Forget forgets what the board has said so far.
func (c *Console) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said.Reset()
}
