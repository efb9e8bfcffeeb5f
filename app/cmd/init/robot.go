package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	"duostoryteller/app/config"

	"golang.org/x/sys/unix"
)

// A robot tells stories: the configured one first, then what it is asked for.
// All its state belongs to the goroutine that calls run.
type robot struct {
	out      io.Writer // the console
	settings config.Config
	children *reaper
	program  string
	delay    func(deaths int) time.Duration // before the storyteller is started again

	now    *telling         // nil when no story is being told
	next   *request         // to be told after this one
	last   request          // the last one begun
	deaths int              // of the storyteller since a story went well
	again  <-chan time.Time // when a storyteller that died is started again
}

func newRobot(out io.Writer, settings config.Config, children *reaper) *robot {
	return &robot{out: out, settings: settings, children: children, program: program, delay: backOff}
}

// backOff doubles the delay at each death: 1 s to 1 minute.
func backOff(deaths int) time.Duration {
	return min(time.Second<<min(deaths-1, 6), time.Minute)
}

// first returns the story of the configuration.
func (r *robot) first() request { return r.asked(r.settings.Prompt) }

// asked returns the story for a prompt that somebody typed.
func (r *robot) asked(prompt string) request {
	q := request{prompt: prompt, seed: r.settings.Seed}
	if q.seed == 0 {
		q.seed = newSeed()
	}
	return q
}

// another returns a story like the configured one, but another.
func (r *robot) another() request { return request{prompt: r.settings.Prompt, seed: newSeed()} }

// tell begins the story q, or, if one is being told, keeps it for later.
func (r *robot) tell(q request) {
	if r.now != nil {
		r.next = &q
		fmt.Fprintln(r.out, "init: that story comes next")
		return
	}
	r.again, r.last = nil, q
	stage(r.out, q.String())
	t, err := startTelling(r.children, arguments(r.program, r.settings, q), r.out)
	if err != nil {
		fmt.Fprintf(r.out, "init: no story: %v; write the card anew\n", err)
		r.prompt()
		return
	}
	t.lowest = now().available
	r.now = t
}

// prompt shows that the console waits for a line.
func (r *robot) prompt() { fmt.Fprint(r.out, "storyteller> ") }

// run serves the console, the signals and the storyteller until somebody asks
// for the machine to be switched off or started again.
func (r *robot) run(lines <-chan string, signals <-chan os.Signal) power {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var exited <-chan unix.WaitStatus
		if r.now != nil {
			exited = r.now.exited
		}
		var asked power
		select {
		case line := <-lines:
			asked = r.line(line)
		case s := <-signals:
			asked = r.signal(s)
		case status := <-exited:
			asked = r.ended(status)
		case <-r.again:
			r.tell(r.last)
		case <-tick.C:
			if r.now != nil {
				r.now.lowest = min(r.now.lowest, now().available)
			}
		}
		if asked != stayOn {
			return asked
		}
	}
}

// signal does what process 1 is asked for by a signal.
func (r *robot) signal(s os.Signal) power {
	switch s {
	case unix.SIGTERM:
		return reboot
	case unix.SIGUSR2:
		return powerOff
	case unix.SIGINT:
		fmt.Fprintln(r.out)
		r.stop()
	}
	return stayOn
}

// stop ends the story and forgets those that would follow.
func (r *robot) stop() {
	r.next, r.again = nil, nil
	if r.now != nil {
		r.now.stop()
		return
	}
	r.prompt()
}

// ended does what comes after the storyteller's end.
func (r *robot) ended(status unix.WaitStatus) power {
	t := r.now
	r.now = nil
	first := t.output.finish()
	if first.time != 0 {
		stageAt(r.out, "first word", first)
	}
	end := now()
	stageAt(r.out, cmp.Or(r.last.verb, "story")+" ends", end)
	stageAt(r.out, "memory at its lowest", moment{end.time, min(t.lowest, end.available)})
	next := r.next
	r.next = nil

	switch {
	case t.stopped:
		r.deaths = 0
	case status.Exited() && status.ExitStatus() == 0:
		r.deaths = 0
		if next != nil {
			break
		}
		switch r.settings.After {
		case config.AfterPowerOff:
			return powerOff
		case config.AfterAgain:
			q := r.another()
			next = &q
		}
	case status.Exited() && (status.ExitStatus() == 1 || r.last.verb != ""):
		// It has said why; it would say the same again.
		if r.last.verb == "" {
			fmt.Fprintln(r.out, "init: the storyteller cannot tell this story, see above; other prompts and `help` work here")
		}
	default:
		r.deaths++
		wait := r.delay(r.deaths)
		fmt.Fprintf(r.out, "init: the storyteller died (%s); starting it again in %v\n", cause(status), wait)
		if next == nil {
			r.again = time.After(wait)
			return stayOn
		}
	}
	if next != nil {
		r.tell(*next)
		return stayOn
	}
	r.prompt()
	return stayOn
}

// cause says in words how a process ended.
func cause(status unix.WaitStatus) string {
	if status.Signaled() {
		return unix.SignalName(status.Signal())
	}
	return fmt.Sprintf("exit status %d", status.ExitStatus())
}
