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

// errQuiet is waitFor's when nothing was said for a while.
var errQuiet = errors.New("the board says nothing")

// waitFor waits until pattern matches what the board has said since the last
// match, and returns that and what came before it. If quiet is not 0, it gives up with
// errQuiet when the board has said nothing for so long.
func (c *Console) waitFor(ctx context.Context, pattern *regexp.Regexp, quiet time.Duration) (before, match string, err error) {
	begin := time.Now()
	for {
		c.mu.Lock()
		said, changed, last, end := c.said.Bytes(), c.changed, c.last, c.err
		if at := pattern.FindIndex(said); at != nil {
			before, match = string(said[:at[0]]), string(said[at[0]:at[1]])
			c.said.Next(at[1])
			c.mu.Unlock()
			return before, match, nil
		}
		tail := strings.TrimSpace(string(said[max(0, len(said)-200):]))
		c.mu.Unlock()
		if end != nil {
			return "", "", fmt.Errorf("%w; the console's last words: %q", end, tail)
		}
		if ctx.Err() != nil {
			return "", "", fmt.Errorf("%w while waiting for %q; the console's last words: %q", context.Cause(ctx), pattern, tail)
		}
		var silence <-chan time.Time
		if quiet > 0 {
			if last.Before(begin) {
				last = begin
			}
			left := quiet - time.Since(last)
			if left <= 0 {
				return "", "", errQuiet
			}
			silence = time.After(left)
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
		_, _, err := c.waitFor(ctx, prompt, c.quiet)
		if !errors.Is(err, errQuiet) {
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
	if _, _, err := c.waitFor(ctx, never, c.quiet/5); !errors.Is(err, errQuiet) {
		return err
	}
	c.mu.Lock()
	c.said.Reset()
	c.mu.Unlock()
	return nil
}
