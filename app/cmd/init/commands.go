//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"duostoryteller/app/config"
	"duostoryteller/app/machine"
	"duostoryteller/app/version"

	"golang.org/x/sys/unix"
)

// A command is a word that the console knows. A line is a command only if its
// argument fits too; every other line is the prompt of a story, so that a story
// may begin with "cat and dog".
type command struct {
	name, argument, help string
	fits                 func(argument string) bool
	run                  func(r *robot, argument string) power
}

func commands() []command {
	none := func(a string) bool { return a == "" }
	path := func(a string) bool { return strings.HasPrefix(a, "/") }
	pathOrNone := func(a string) bool { return none(a) || path(a) }
	flags := func(a string) bool { return none(a) || strings.HasPrefix(a, "-") }
	verb := func(name string) func(*robot, string) power {
		return func(r *robot, a string) power {
			r.tell(request{verb: name, options: strings.Fields(a)})
			return stayOn
		}
	}
	show := func(f func(out io.Writer, argument string) error) func(*robot, string) power {
		return func(r *robot, argument string) power {
			r.show(func(out io.Writer) error { return f(out, argument) })
			return stayOn
		}
	}
	return []command{
		{"help", "", "show this", none, show(help)},
		{"tell", "[OPTIONS] PROMPT", "tell a story; options of run.c: -s seed -t temperature -p topp -n steps", func(a string) bool { return a != "" },
			func(r *robot, a string) power {
				q, err := r.parseTell(a)
				if err != nil {
					r.show(func(io.Writer) error { return err })
					return stayOn
				}
				r.tell(q)
				return stayOn
			}},
		{"stop", "", "end the story (so does Ctrl-C)", none, func(r *robot, _ string) power { r.stop(); return stayOn }},
		{"bench", "[OPTIONS]", "measure how fast stories are told; `bench --help` knows the options", flags, verb("bench")},
		{"verify", "[OPTIONS]", "compare stories with llama2.c's; `verify --help` likewise", flags, verb("verify")},
		{"suites", "[OPTIONS]", "run all test suites and keep the results on the card", flags,
			func(r *robot, a string) power { r.tell(suites(a)); return stayOn }},
		{shell, "", "look around in a shell, while the storyteller rests; `exit` comes back", none,
			func(r *robot, _ string) power { r.tell(request{verb: shell, at: r.typedAt}); return stayOn }},
		{"version", "", "of the programs, and of the card", none, show(showVersion)},
		{"stats", "", "memory, swap, kills and card reads since the start", none, show(stats)},
		{"memory", "", "what each process holds", none, show(memory)},
		{"mounts", "", "the file systems", none, show(func(out io.Writer, _ string) error { return cat(out, "/proc/mounts") })},
		{"dmesg", "", "the kernel's last messages", none, show(dmesg)},
		{"ls", "[/PATH]", "list a directory", pathOrNone, show(ls)},
		{"cat", "/PATH", "show the beginning of a file; " + speechTimes + " has the times of the last story's speech", path, show(cat)},
		{"kill", "[-SIGNAL] PID", "kill a process, or send it a signal: -STOP has it hang", func(a string) bool { _, _, ok := parseKill(a); return ok }, show(kill)},
		{"reboot", "", "start the machine again", none, func(*robot, string) power { return reboot }},
		{"poweroff", "", "switch the machine off", none, func(*robot, string) power { return powerOff }},
	}
}

// suites returns how to run the test suites.
func suites(options string) request {
	return request{verb: "suites", options: append([]string{"--results", cardDir}, strings.Fields(options)...)}
}

// line does what was typed: nothing asks for another story, a command is
// obeyed, anything else is the prompt of a story.
func (r *robot) line(line string) power {
	line = strings.TrimSpace(strings.ReplaceAll(line, "\x00", ""))
	if line == "" {
		if r.now == nil {
			r.tell(r.another())
		}
		return stayOn
	}
	if strings.HasPrefix(line, "/") {
		r.live(line)
		return stayOn
	}
	name, argument, _ := strings.Cut(line, " ")
	argument = strings.TrimSpace(argument)
	for _, c := range commands() {
		if c.name == name && c.fits(argument) {
			return c.run(r, argument)
		}
	}
	if len(line) > config.MaxPrompt {
		line = line[:config.MaxPrompt]
	}
	r.tell(r.asked(line))
	return stayOn
}

// parseTell reads the argument of the command tell.
func (r *robot) parseTell(argument string) (request, error) {
	q := r.asked("")
	for {
		option, rest, found := strings.Cut(argument, " ")
		if !found || !slices.Contains([]string{"-s", "-t", "-p", "-n"}, option) {
			break
		}
		value, prompt, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		argument = strings.TrimLeft(prompt, " ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return q, fmt.Errorf("tell %s %s: give a number", option, value)
		}
		switch option {
		case "-s":
			if number >= 1 && number <= math.MaxInt32 {
				q.Seed, q.Exact = uint64(number), true
			}
		case "-t":
			q.Temperature = number
		case "-p":
			q.TopP = number
		case "-n":
			q.Steps = int(min(max(number, 0), math.MaxInt32))
		}
	}
	q.Prompt = argument
	return q, nil
}

// patience is how long a command may keep the console waiting: a bad card or a
// file without end must not take the console away.
const patience = 3 * time.Second

// show prints what f writes, and the prompt.
func (r *robot) show(f func(out io.Writer) error) {
	done := make(chan string, 1)
	go func() {
		defer func() {
			if fault := recover(); fault != nil {
				done <- fmt.Sprintf("init: %v\n", fault)
			}
		}()
		var b bytes.Buffer
		if err := f(&b); err != nil {
			fmt.Fprintf(&b, "init: %v\n", err)
		}
		done <- b.String()
	}()
	select {
	case text := <-done:
		fmt.Fprint(r.out, text)
	case <-time.After(patience):
		fmt.Fprintln(r.out, "init: no answer; try `dmesg`")
	}
	if r.now == nil {
		r.prompt()
	}
}

func help(out io.Writer, _ string) error {
	fmt.Fprintln(out, "Type the beginning of a story and press Enter; Enter alone tells another one.")
	for _, c := range commands() {
		fmt.Fprintf(out, "  %-23s %s\n", strings.TrimSpace(c.name+" "+c.argument), c.help)
	}
	fmt.Fprintln(out, "For the stories asked for here until the machine is switched off (Tab completes; alone they show what is set):")
	for _, d := range dials() {
		fmt.Fprintf(out, "  %-23s %s\n", d.name+" VALUE", d.help)
	}
	fmt.Fprintf(out, "  %-23s %s\n", "/again", "tell the last story again")
	return nil
}

func showVersion(out io.Writer, _ string) error {
	_, err := fmt.Fprintln(out, version.Text())
	return err
}

// stats prints one line that programs read; its form does not change.
func stats(out io.Writer, _ string) error {
	m, err := machine.ReadMemory()
	if err != nil {
		return err
	}
	c, err := machine.ReadCounters()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "stats: MemTotal %d kB, MemAvailable %d kB, swap-ins %d, swap-outs %d, OOM kills %d, major faults %d, reads %d, read %d kB\n",
		m.Total, m.Available, c.SwapIn, c.SwapOut, c.OOMKills, c.MajorFaults, c.Reads, c.ReadKB)
	return nil
}

func memory(out io.Writer, _ string) error {
	m, err := machine.ReadMemory()
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "MemTotal %d kB, MemAvailable %d kB\n  PID  RSS kB  anonymous kB  OOM order  name\n", m.Total, m.Available)
	processes, err := machine.Processes()
	for _, p := range processes {
		fmt.Fprintf(out, "%5d  %6d  %12d  %9d  %s\n", p.ID, p.Resident, p.Anonymous, p.OOMOrder, p.Name)
	}
	return err
}

// klogctl is syslog(2), as the C library calls it.
func klogctl(action int, length int) error {
	_, _, errno := unix.Syscall(unix.SYS_SYSLOG, uintptr(action), 0, uintptr(length))
	if errno != 0 {
		return errno
	}
	return nil
}

func dmesg(out io.Writer, _ string) error {
	messages, err := machine.KernelMessages()
	if err != nil {
		return err
	}
	lines := bytes.SplitAfter(messages, []byte("\n"))
	const last = 30
	for _, line := range lines[max(0, len(lines)-last):] {
		out.Write(line)
	}
	return nil
}

func ls(out io.Writer, path string) error {
	if path == "" {
		path = "/"
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			fmt.Fprintf(out, "%v %10d  %s\n", info.Mode(), info.Size(), e.Name())
		}
	}
	return nil
}

// cat shows at most 16 KB of a file, without what could upset a terminal.
func cat(out io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	const most = 16 << 10
	data, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return err
	}
	out.Write(bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == utf8.RuneError {
			return '.'
		}
		return r
	}, data))
	if len(data) > 0 && data[len(data)-1] != '\n' {
		fmt.Fprintln(out)
	}
	if len(data) == most {
		fmt.Fprintln(out, "(and more)")
	}
	return nil
}

func kill(_ io.Writer, argument string) error {
	pid, signal, _ := parseKill(argument)
	err := unix.Kill(pid, signal)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("no process %d; `memory` lists them", pid)
	}
	return err
}

// parseKill reads the argument of the command kill: PID or -SIGNAL PID.
func parseKill(argument string) (pid int, signal unix.Signal, ok bool) {
	signal = unix.SIGKILL
	if name, rest, found := strings.Cut(argument, " "); found {
		name, dash := strings.CutPrefix(name, "-")
		if signal = unix.SignalNum("SIG" + name); !dash || signal == 0 {
			return 0, 0, false
		}
		argument = rest
	}
	pid, err := strconv.Atoi(argument)
	return pid, signal, err == nil && pid > 1
}
