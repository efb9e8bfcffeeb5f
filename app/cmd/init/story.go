package main

import (
	"cmp"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"duostoryteller/app/config"

	"golang.org/x/sys/unix"
)

const (
	program = "/bin/storyteller"
	share   = "/usr/share/storyteller/"
)

// A request is a story to tell, or something else that the storyteller does.
type request struct {
	verb    string // of the storyteller; "" to tell a story
	prompt  string
	seed    uint32   // never 0
	options []string // of storyteller tell, after those of the configuration
}

// String names what is begun.
func (q request) String() string {
	if q.verb != "" {
		return q.verb + " starts"
	}
	return fmt.Sprintf("story starts, seed %d", q.seed)
}

// newSeed returns a seed that is easy to type again.
func newSeed() uint32 { return 1 + rand.Uint32N(999999) }

// arguments returns the command line that does what q asks for.
func arguments(program string, c config.Config, q request) []string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	args := []string{program, cmp.Or(q.verb, "tell"),
		"--model", firstFile(share+"model.packed", share+"model.bin"), "--tokenizer", share + "tokenizer.bin"}
	if q.verb != "" {
		return append(args, q.options...)
	}
	args = append(args, "-t", number(c.Temperature), "-p", number(c.TopP), "-n", strconv.Itoa(c.Steps), "-s", strconv.FormatUint(uint64(q.seed), 10))
	if c.Engine != "" {
		args = append(args, "--engine", c.Engine)
	}
	if c.Voice != config.Silent {
		args = append(args, "--speak", "--voice", c.Voice, "--rate", number(c.Rate), "--pitch", number(c.Pitch), "--volume", number(c.Volume))
	}
	return append(append(args, q.options...), "-i", q.prompt)
}

// firstFile returns the first of paths that exists, else the last one.
func firstFile(paths ...string) string {
	i := slices.IndexFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	})
	if i < 0 {
		i = len(paths) - 1
	}
	return paths[i]
}

// environment is what programs on the machine find in their environment.
var environment = []string{"PATH=/bin:/sbin", "HOME=/tmp", "TERM=vt100"}

// A telling is a storyteller at work.
type telling struct {
	pid     int
	exited  <-chan unix.WaitStatus
	output  *output
	lowest  int  // MemAvailable, kB
	stopped bool // by request
}

// startTelling starts the storyteller. Its words go to out through init, which
// thus knows when the first came; it reads no input.
func startTelling(children *reaper, argv []string, out io.Writer) (*telling, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	// A plain pipe: os.Pipe would make the storyteller's end non-blocking.
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, fmt.Errorf("pipe: %w", err)
	}
	r, w := os.NewFile(uintptr(p[0]), "pipe"), os.NewFile(uintptr(p[1]), "pipe")
	defer w.Close()
	pid, exited, err := children.start(argv, environment, [3]*os.File{null, w, w})
	if err != nil {
		r.Close()
		return nil, err
	}
	t := &telling{pid: pid, exited: exited, output: &output{to: out, ended: make(chan struct{})}}
	// A child inherits init's protection against out-of-memory kills: give it
	// back. What the storyteller starts in turn (a voice) offers itself first.
	write(fmt.Sprintf("/proc/%d/oom_score_adj", pid), "0")
	go guard(func() { t.output.copy(r) })
	return t, nil
}

// stop ends the storyteller and all it has started.
func (t *telling) stop() {
	t.stopped = true
	unix.Kill(-t.pid, unix.SIGTERM)
	time.AfterFunc(2*time.Second, func() {
		select {
		case <-t.output.ended:
		default:
			unix.Kill(-t.pid, unix.SIGKILL)
		}
	})
}

// An output hands on what a program writes.
type output struct {
	to    io.Writer
	ended chan struct{} // closed at its end

	mu      sync.Mutex
	first   moment // of the first word
	midLine bool
}

func (o *output) copy(r io.ReadCloser) {
	io.Copy(o, r)
	r.Close()
	close(o.ended)
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	if o.first.time == 0 && strings.TrimSpace(string(p)) != "" {
		o.first = now()
	}
	o.midLine = p[len(p)-1] != '\n'
	o.mu.Unlock()
	o.to.Write(p) // a console that fails must not stop the story
	return len(p), nil
}

// finish waits for the rest of the output, ends its last line, and returns the
// moment of the first word (zero if none).
func (o *output) finish() moment {
	select {
	case <-o.ended:
	case <-time.After(time.Second): // something else still holds the pipe
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.midLine {
		fmt.Fprintln(o.to)
	}
	return o.first
}
