// Package shell is a shell for a machine with little memory: mvdan.cc/sh reads and
// obeys lines in the language of POSIX shells and most of bash's, x/term edits
// them on the terminal.
package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// Run obeys the script that in holds, called name in messages, with arguments, and
// returns its exit status.
func Run(ctx context.Context, in io.Reader, name string, arguments ...string) (status int) {
	program, err := syntax.NewParser().Parse(in, name)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	runner, err := newRunner(arguments...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 1
	}
	interrupts, stop := catch()
	defer stop()
	status, _ = obey(ctx, runner, program, interrupts)
	return status
}

func newRunner(arguments ...string) (*interp.Runner, error) {
	return interp.New(interp.StdIO(os.Stdin, os.Stdout, os.Stderr), interp.Env(expand.ListEnviron(os.Environ()...)),
		interp.Params(append([]string{"--"}, arguments...)...))
}

// catch has Ctrl-C end what the shell does and not the shell; programs get the signal
// as they would without us.
func catch() (interrupts <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	return c, func() { signal.Stop(c) }
}

// obey runs part of a program until its end or Ctrl-C.
func obey(ctx context.Context, runner *interp.Runner, node syntax.Node, interrupts <-chan os.Signal) (status int, exited bool) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-interrupts:
			cancel()
		case <-ended:
		}
	})
	defer cancel()
	defer watch.Wait()
	defer close(ended)
	err := runner.Run(ctx, node)
	if code, ok := errors.AsType[interp.ExitStatus](err); ok {
		if code == interrupted { // a program had it; it is on its way to us as well, and not for what comes next
			select {
			case <-ctx.Done():
			case <-time.After(late):
			}
		}
		return int(code), runner.Exited()
	}
	switch {
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr)   // behind the terminal's ^C
		return interrupted, false // though the runner holds it for the end
	case errors.Is(err, context.Canceled): // `exit` with the status of what was interrupted
		return interrupted, runner.Exited()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 1, runner.Exited()
	}
	return 0, runner.Exited()
}

// Interactive obeys what is typed on the terminal until `exit` or Ctrl-D, and
// returns the exit status. The standard streams must be that terminal.
func Interactive(ctx context.Context, terminal *os.File, programs []string) (status int) {
	runner, err := newRunner()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sh:", err)
		return 1
	}
	interrupts, stop := catch()
	defer stop()
	c := &completer{programs: programs, dir: func() string { return runner.Dir }}
	e := newEditor(terminal, c)
	for text := ""; ; {
		prompt := runner.Dir + " $ "
		if text != "" {
			prompt = "> "
		}
		line, err := e.line(prompt, interrupts)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "sh:", err)
				return 1
			}
			return status
		}
		if line == cancelled {
			text = ""
			continue
		}
		text += line + "\n"
		program, err := syntax.NewParser().Parse(strings.NewReader(text), "")
		if syntax.IsIncomplete(err) && len(text) < maxText {
			continue
		}
		text = ""
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 2
			continue
		}
		for _, statement := range program.Stmts {
			var exited bool
			if status, exited = obey(ctx, runner, statement, interrupts); exited {
				return status
			}
			if status == interrupted {
				break
			}
		}
	}
}

// interrupted is the status of what Ctrl-C ended.
const interrupted = 130

// late is how long a signal takes at most from the program that it ended to the shell.
const late = time.Second / 4

// maxText bounds what is typed over several lines, in bytes.
const maxText = 64 << 10

// cancelled is the line of one that pressed Ctrl-C.
const cancelled = "\x03"

// editor reads lines from a terminal, which is raw only while it does.
type editor struct {
	file     *os.File
	terminal *term.Terminal
	keys     *keys
}

func newEditor(file *os.File, c *completer) *editor {
	k := &keys{r: file}
	e := &editor{file: file, keys: k}
	e.terminal = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{k, file}, "")
	e.terminal.AutoCompleteCallback = c.key
	return e
}

// line reads one, and forgets the interrupts of what went before: from a raw terminal
// there come none.
func (e *editor) line(prompt string, interrupts <-chan os.Signal) (string, error) {
	before, err := term.MakeRaw(int(e.file.Fd()))
	if err != nil {
		return "", err
	}
	defer term.Restore(int(e.file.Fd()), before)
	// Serial lines do not know their size and say 0.
	if width, height, err := term.GetSize(int(e.file.Fd())); err == nil && width > 0 && height > 0 {
		e.terminal.SetSize(width, height)
	}
	e.terminal.SetPrompt(prompt)
	e.keys.cancelled = false
	line, err := e.terminal.ReadLine()
	select {
	case <-interrupts:
	default:
	}
	switch {
	case errors.Is(err, term.ErrPasteIndicator):
		err = nil
	case e.keys.cancelled && err == nil:
		line = cancelled
	}
	return line, err
}

// keys passes on what is typed. x/term takes Ctrl-C for the end of the input; here
// it empties the line and ends that.
type keys struct {
	r         io.Reader
	cancelled bool
}

func (k *keys) Read(p []byte) (int, error) {
	if len(p) < 4 {
		return k.r.Read(p)
	}
	n, err := k.r.Read(p[:len(p)/3])
	for i := range n {
		if p[i] == 3 {
			k.cancelled = true
			const toEnd, emptied = 'E' - '@', 'U' - '@'
			return i + copy(p[i:], []byte{toEnd, emptied, '\r'}), err
		}
	}
	return n, err
}
