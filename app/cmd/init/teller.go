//go:build linux

package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"duostoryteller/app/avoid"
	"duostoryteller/app/cardmodels"
	"duostoryteller/app/config"
	"duostoryteller/app/dialog"

	"golang.org/x/sys/unix"
)

const (
	// speechTimes is where the storyteller keeps the times of the last story's
	// speech, for `cat` to show: JSON, see package speech.
	speechTimes = "/run/speech.json"
	program     = "/bin/storyteller"
	share       = "/usr/share/storyteller/"
)

// A request is a story to tell, or something else that the storyteller does. A
// story's seed is never 0.
type request struct {
	verb    string // of the storyteller; "" to tell a story
	options []string
	at      *terminal // of a shell
	unasked bool      // nobody has typed it, so nobody would type it again: it waits until it can be told
	refused int       // so often, for another reason than a story's
	dialog.Request
}

// String names what is begun.
func (q request) String() string {
	if q.verb != "" {
		return q.verb + " starts"
	}
	return fmt.Sprintf("story starts, seed %d", q.Seed)
}

// newSeed returns a seed that is easy to type again.
func newSeed() uint64 { return 1 + rand.Uint64N(999999) }

// arguments returns the storyteller's command line.
func arguments(program string, c config.Config, verb string) []string {
	number := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	args := []string{program, cmp.Or(verb, "serve"),
		"--model", onCard("model.packed", "model.bin"), "--tokenizer", onCard("tokenizer.bin")}
	if verb != "" {
		return args
	}
	args = append(args, "--models", onCard(cardmodels.Folder), "--console", "--events", "--usb", c.USB, "--results", cardDir, "--authorized-keys", cardDir+"/authorized_keys")
	if c.Model != "" {
		args = append(args, "--choose", c.Model)
	}
	if c.Engine != "" {
		args = append(args, "--engine", c.Engine)
	}
	if c.Arithmetic != "" {
		args = append(args, "--arithmetic", c.Arithmetic)
	}
	if c.Voice != config.Silent {
		args = append(args, "--speak", "--voice", c.Voice, "--rate", number(c.Rate), "--pitch", number(c.Pitch), "--volume", number(c.Volume),
			"--timing", speechTimes)
	}
	args = append(args, "--microphone", c.Microphone, "--gain", strconv.Itoa(c.Gain),
		// of stories that are asked for by voice or push-button
		"--usual", c.Prompt, "--temperature", number(c.Temperature), "--topp", number(c.TopP), "--steps", strconv.Itoa(c.Steps))
	list := c.Avoid
	if list != config.Off {
		list = cardDir + "/" + avoid.File
	}
	args = append(args, "--avoid", list, "--keep", strconv.Itoa(c.Stories))
	if c.Bedtime == config.On {
		args = append(args, "--bedtime")
	}
	if c.Button != "" {
		args = append(args, "--button", c.Button)
	}
	return args
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
var environment = []string{"PATH=/bin:/sbin", "HOME=/tmp", "TERM=vt100",
	"GOGC=20"} // a little more work for the processor, 2 MB less of the memory

// A teller is a storyteller that runs. It says and hears what package dialog
// describes.
type teller struct {
	pid    int
	args   []string
	exited <-chan unix.WaitStatus
	input  *os.File
	said   chan []byte   // its lines; closed at the end of its output
	mute   bool          // said is closed
	gone   chan struct{} // closed when nobody reads said any more
	heard  time.Time     // when it said its last line, or started
	used   time.Duration // of the processor until then
	leaves time.Time     // when it was asked to; zero: not
	killed time.Time     // zero: not
	ended  bool          // it has exited
	trace  trace

	release func() // of a shell: takes its terminal back
}

// startTeller starts the storyteller. Its words go through init, which thus
// knows when they come.
func startTeller(children *reaper, argv, environment []string) (*teller, error) {
	// Our ends never block; the storyteller's do.
	in, input, err := pipe(1)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	output, out, err := pipe(0)
	if err != nil {
		input.Close()
		return nil, err
	}
	defer out.Close()
	pid, exited, err := children.start(argv, environment, [3]*os.File{in, out, out},
		&syscall.SysProcAttr{Setpgid: true})
	if err != nil {
		input.Close()
		output.Close()
		return nil, err
	}
	// A child inherits init's protection against out-of-memory kills: give it
	// back. What the storyteller starts in turn (a voice) offers itself first.
	write(fmt.Sprintf("/proc/%d/oom_score_adj", pid), "0")
	t := &teller{pid: pid, args: argv, exited: exited, input: input, said: make(chan []byte), gone: make(chan struct{}), heard: time.Now()}
	go guard(func() { t.listen(output) })
	return t, nil
}

// pipe returns the ends of a pipe of which one does not block.
func pipe(nonblocking int) (r, w *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	if err := unix.SetNonblock(p[nonblocking], true); err != nil {
		return nil, nil, fmt.Errorf("pipe: %w", err)
	}
	return os.NewFile(uintptr(p[0]), "pipe"), os.NewFile(uintptr(p[1]), "pipe"), nil
}

// listen sends the lines of output to said.
func (t *teller) listen(output io.ReadCloser) {
	defer close(t.said)
	defer output.Close()
	// Long enough for any token and report; what is longer comes in parts.
	for lines := bufio.NewReaderSize(output, 16<<10); ; {
		line, _, err := lines.ReadLine()
		if err != nil {
			return
		}
		select {
		case t.said <- slices.Clone(line):
		case <-t.gone:
			return
		}
	}
}

// say writes to the storyteller, which must not make init wait: what does not fit
// into the pipe at once is an error. No deadline does that: on a slow machine one
// has passed before the first try.
func (t *teller) say(line []byte) error {
	pipe, err := t.input.SyscallConn()
	if err != nil {
		return err
	}
	var n int
	var failure error
	err = pipe.Write(func(fd uintptr) (done bool) {
		for {
			if n, failure = unix.Write(int(fd), line); failure != unix.EINTR {
				return true
			}
		}
	})
	if err = cmp.Or(err, failure); err == nil && n < len(line) {
		err = io.ErrShortWrite
	}
	return err
}

// hangs reports whether a storyteller has said nothing for so long a silence
// without computing, or ten times as long even so.
func (t *teller) hangs(silence time.Duration) bool {
	silent := time.Since(t.heard)
	if silent <= silence {
		return false
	}
	return silent > computes*silence || t.processorTime()-t.used < silence/20
}

// processorTime is what the storyteller has used of the processor.
func (t *teller) processorTime() time.Duration {
	clock := int32(^t.pid<<3 | 2) // of a process, as clock_getcpuclockid(3) makes it
	var used unix.Timespec
	if err := unix.ClockGettime(clock, &used); err != nil {
		return 0
	}
	return time.Duration(used.Nano())
}

// end asks the storyteller to leave.
func (t *teller) end() {
	if t.leaves.IsZero() {
		t.leaves = time.Now()
	}
	unix.Kill(-t.pid, unix.SIGTERM)
}

// kill ends the storyteller and all it has started.
func (t *teller) kill() {
	t.killed = time.Now()
	unix.Kill(-t.pid, unix.SIGKILL)
}

// rest returns the lines that are left of a storyteller that has exited, and
// ends what it has started.
func (t *teller) rest() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		unix.Kill(-t.pid, unix.SIGKILL)
		if t.input != nil { // a shell has none
			t.input.Close()
		}
		if t.release != nil {
			t.release()
		}
		defer close(t.gone)
		for late := time.After(time.Second); ; { // something else may hold the pipe
			select {
			case line, ok := <-t.said:
				if !ok || !yield(line) {
					return
				}
			case <-late:
				return
			}
		}
	}
}
