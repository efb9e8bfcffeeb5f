//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"duostoryteller/app/config"
	"duostoryteller/app/dialog"
	"duostoryteller/app/results"

	"golang.org/x/sys/unix"
)

// A robot tells stories: the configured one first, then what it is asked for on
// the console or, without init's doing, on the page. All its state belongs to
// the goroutine that calls run.
type robot struct {
	out      io.Writer // the console
	settings config.Config
	program  string
	shell    string // the shell's program
	launch   func(argv, environment []string) (*teller, error)
	sit      func(program string, at *terminal) (*teller, error) // starts a shell at a terminal
	keep     func(results.File)                                  // on the card, meanwhile
	delay    func(deaths int) time.Duration                      // before the storyteller is started again
	silence  time.Duration                                       // of a storyteller that waits for nothing
	feed     func()                                              // the watchdog, while all is well
	reads    func(ahead int)                                     // called with how far ahead files are to be read from now on, in KB
	worked   func()                                              // called when a story was told
	tidy     func()                                              // gives memory back: called when something is over
	trial    func() bool                                         // whether this system is an update that has told no story yet
	damage   string                                              // of the card, with which no story is told; "" for none

	teller   *teller          // nil when no storyteller runs
	now      *telling         // nil when nothing is being told
	next     *request         // to be told after this one
	pending  *request         // to be told when the storyteller is started, or asked, again
	deaths   deaths           // of the storyteller
	boot     string           // tells this run of init from others, in the IDs of stories
	asks     int              // how many stories init has asked for
	crashes  []string         // reports of this start's
	again    <-chan time.Time // when a storyteller that died is started again, or one that refused is asked again
	last     *request         // the last story asked for here
	anew     bool             // the storyteller is to start anew after this story
	prompted bool             // the console's last line is a prompt
	typedAt  *terminal        // where the last line was typed
}

// A telling is a story that is being told, or was asked for, or what else the
// storyteller does.
type telling struct {
	request  *request // nil when init did not ask for it
	id       string   // of the story
	begun    bool
	told     bool // there is no more text
	failed   bool
	stopped  bool      // by request
	stopBy   time.Time // when it was
	midLine  bool
	first    moment   // of the first word
	lowest   int      // MemAvailable, kB
	held     [][]byte // what was said to people meanwhile
	heldSize int
}

// maxHeld bounds what is held back while a story is told, in bytes.
const maxHeld = 32 << 10

// maxTries is how often a storyteller may die in a row before the story that it was
// telling is left.
const maxTries = 8

const (
	// hangs is how long a storyteller may say nothing. One that computes, as at
	// the start of a long prompt, may do so for much longer on a slow machine.
	hangs    = 2 * time.Minute
	computes = 10
	// stops is how long a story may take to stop.
	stops = 10 * time.Second
	// dies is how long a killed process may take to die, before the machine is
	// held for broken.
	dies = 10 * time.Second
)

func newRobot(out io.Writer, settings config.Config, children *reaper) *robot {
	return &robot{out: out, settings: settings, program: program, shell: shellProgram,
		boot:   strconv.FormatUint(rand.Uint64(), 36), // the storyteller has kept stories of earlier starts
		launch: func(argv, env []string) (*teller, error) { return startTeller(children, argv, env) },
		sit:    func(program string, at *terminal) (*teller, error) { return startShell(children, program, at) },
		keep:   func(results.File) {},
		delay:  backOff, silence: hangs, feed: func() {}, reads: func(int) {}, worked: func() {}, tidy: func() {}, trial: func() bool { return false }}
}

// first returns what the configuration asks for.
func (r *robot) first() request {
	if r.settings.Run == config.RunSuites {
		return suites("")
	}
	q := r.asked(r.settings.Prompt)
	q.unasked = true
	return q
}

// onward returns the story that follows by itself.
func (r *robot) onward() *request {
	q := r.another()
	q.unasked = true
	return &q
}

// asked returns the story for a prompt that somebody typed.
func (r *robot) asked(prompt string) request {
	c := r.settings
	q := request{Request: dialog.Request{Prompt: prompt, Seed: uint64(c.Seed), Temperature: c.Temperature, TopP: c.TopP, Steps: c.Steps}}
	if q.Exact = q.Seed != 0; !q.Exact { // whoever names a seed wants that very story
		q.Seed = newSeed()
	}
	return q
}

// another returns a story like the configured one, but another.
func (r *robot) another() request {
	q := r.asked(r.settings.Prompt)
	q.Seed, q.Exact = newSeed(), false
	return q
}

// after returns what comes after a story. At bedtime there is none after it.
func (r *robot) after() string {
	if r.settings.Bedtime == config.On && r.settings.After == config.AfterAgain {
		return config.AfterWait
	}
	return r.settings.After
}

// tell begins what q asks for, or, if a story is being told, keeps it for later.
func (r *robot) tell(q request) {
	if r.now != nil || r.teller != nil && r.teller.ended {
		r.next = &q
		fmt.Fprintln(r.out, "init: that story comes next")
		return
	}
	r.now = &telling{request: &q, lowest: now().available}
	if q.verb == "" {
		r.last = &q
	}
	if r.teller != nil && !r.teller.leaves.IsZero() {
		return // once it has left, this is begun
	}
	if q.verb != "" && r.teller != nil {
		r.teller.end() // two models do not fit into the memory; once it has, this is begun
		return
	}
	r.begin()
}

// begin begins what is to be told now.
func (r *robot) begin() {
	q := *r.now.request
	stage(r.out, q.String())
	if q.verb == shell {
		r.beginShell(q.at)
		return
	}
	if !r.start(q.verb, q.options...) {
		r.now = nil
		if r.again != nil {
			r.pending = &q
		}
		r.prompt()
		return
	}
	if q.verb != "" {
		return
	}
	r.asks++
	r.now.id = fmt.Sprintf("init-%s-%d", r.boot, r.asks)
	asked := q.Request
	asked.ID = r.now.id
	if err := r.teller.say(dialog.Line(asked)); err != nil {
		if !errors.Is(err, unix.EPIPE) { // it is just dying
			fmt.Fprintf(r.out, "init: the storyteller does not listen: %v\n", err)
		}
		r.teller.kill() // started again, it is asked again
	}
}

// beginShell starts a shell where the storyteller has left.
func (r *robot) beginShell(at *terminal) {
	r.again, r.pending = nil, nil
	fmt.Fprintln(r.out, "init: the storyteller rests, and its page; `exit` brings them back")
	t, err := r.sit(r.shell, at)
	if err == nil {
		r.teller = t
		return
	}
	r.now = nil
	fmt.Fprintf(r.out, "init: no shell: %v\n", err)
	r.start("")
	r.follow()
}

// start starts the storyteller unless it runs, to do what verb says. If it cannot be
// started now, it is tried again later.
func (r *robot) start(verb string, options ...string) bool {
	if r.teller != nil {
		return true
	}
	r.again, r.pending = nil, nil
	if r.damage != "" {
		fmt.Fprintf(r.out, "init: no story: %s; %s\n", r.damage, mend)
		return false
	}
	env := environment
	if r.deaths.portable {
		env = append(slices.Clone(env), portableKernels)
	}
	t, err := r.launch(append(arguments(r.program, r.settings, verb), options...), env)
	switch {
	case err == nil:
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE), errors.Is(err, unix.EIO):
		r.deaths.inRow++
		wait := r.delay(r.deaths.inRow)
		fmt.Fprintf(r.out, "init: no story yet: %v; trying again in %v\n", err, wait)
		r.again = time.After(wait)
		return false
	default:
		fmt.Fprintf(r.out, "init: no story: %v; write the card anew\n", err)
		return false
	}
	r.teller = t
	r.reads(startReadAhead)
	return true
}

// portableKernels has package arith compute without the vector unit.
const portableKernels = "STORYTELLER_CPU=generic"

// prompt is what the console waits with for a line.
const prompt = "storyteller> "

// prompt shows that the console waits for a line.
func (r *robot) prompt() {
	fmt.Fprint(r.out, prompt)
	r.prompted = true
}

// interrupt begins a new line where the console showed a prompt.
func (r *robot) interrupt() {
	if r.prompted {
		fmt.Fprintln(r.out)
	}
	r.prompted = false
}

// run serves the console, the signals and the storyteller until somebody asks
// for the machine to be switched off or started again.
func (r *robot) run(lines <-chan typed, signals <-chan os.Signal) power {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var exited <-chan unix.WaitStatus
		var said <-chan []byte
		if r.teller != nil {
			exited = r.teller.exited
			if !r.teller.mute {
				said = r.teller.said
			}
		}
		var asked power
		select {
		case line := <-lines:
			r.prompted, r.typedAt = false, line.at
			if line.interrupt {
				asked = r.signal(unix.SIGINT)
				break
			}
			asked = r.line(line.line)
		case s := <-signals:
			asked = r.signal(s)
		case line, ok := <-said:
			if r.teller.mute = !ok; ok {
				asked = r.heard(line)
			}
		case status := <-exited:
			asked = r.exited(status)
		case <-r.again:
			r.startAgain()
		case <-tick.C:
			asked = r.watch()
		}
		if asked != stayOn {
			return asked
		}
	}
}

// startAgain starts a storyteller that has died, and has it, or one that refused that
// before, tell what is pending.
func (r *robot) startAgain() {
	q := r.pending
	r.again, r.pending = nil, nil
	if q != nil {
		r.interrupt()
		r.tell(*q)
	} else {
		r.start("")
	}
}

// watch looks whether the storyteller still makes progress.
func (r *robot) watch() power {
	if r.now != nil {
		r.now.lowest = min(r.now.lowest, now().available)
	}
	t := r.teller
	switch {
	case t == nil:
		if r.trial() { // it died, or cannot tell stories
			r.interrupt()
			fmt.Fprintln(r.out, "init: no story comes of this update: starting again, with the card's own system")
			return reboot
		}
	case !t.killed.IsZero():
		if time.Since(t.killed) > dies {
			return stayOn // the kernel cannot end it: let the watchdog start the machine again
		}
	case !t.leaves.IsZero():
		if time.Since(t.leaves) > stops {
			t.kill()
		}
	case t.hangs(r.silence) && (r.now == nil || r.now.verb() == ""):
		r.interrupt()
		fmt.Fprintf(r.out, "init: the storyteller hangs (not a word for %v)\n", time.Since(t.heard).Round(time.Second))
		t.kill()
	case r.now != nil && r.now.stopped && time.Since(r.now.stopBy) > 0:
		t.kill() // the story does not stop, so the storyteller has to
	}
	r.feed()
	return stayOn
}

// signal does what process 1 is asked for by a signal.
func (r *robot) signal(s os.Signal) power {
	switch s {
	case unix.SIGTERM:
		return reboot
	case unix.SIGUSR2:
		return powerOff
	case unix.SIGINT:
		r.prompted = false
		fmt.Fprintln(r.out)
		r.stop()
	}
	return stayOn
}

// stop ends the story and forgets those that would follow.
func (r *robot) stop() {
	r.next, r.pending = nil, nil
	if r.now == nil {
		r.prompt()
		return
	}
	if !r.now.stopped {
		r.now.stopped, r.now.stopBy = true, time.Now().Add(stops)
	}
	if r.now.verb() != "" {
		r.teller.end()
		return
	}
	if err := r.teller.say([]byte("\n")); err != nil {
		r.now.stopBy = time.Now()
	}
}

// heard does what follows from a line that the storyteller has said.
func (r *robot) heard(line []byte) power {
	r.teller.heard, r.teller.used = time.Now(), r.teller.processorTime()
	e, ok := dialog.ParseEvent(line)
	if !ok {
		r.note(line)
		return stayOn
	}
	switch e.Kind {
	case dialog.Begun:
		r.begun(e)
	case dialog.Refused:
		r.refused(e)
	}
	t := r.now
	if t == nil || t.id != e.ID {
		return stayOn
	}
	switch e.Kind {
	case dialog.Text:
		if t.first.time == 0 && strings.TrimSpace(string(e.Text)) != "" {
			t.first = now()
			r.reads(storyReadAhead)
		}
		if len(e.Text) > 0 {
			t.midLine = e.Text[len(e.Text)-1] != '\n'
			r.out.Write(e.Text) // a console that fails must not stop the story
		}
	case dialog.Anew:
		if t.midLine {
			fmt.Fprintln(r.out)
			t.midLine = false
		}
		fmt.Fprintf(r.out, "init: %s; another one, seed %d:\n", e.Error, e.Seed)
		if t.request != nil && t.request == r.last {
			r.last.Seed = e.Seed // for /again
		}
	case dialog.Told:
		t.told, t.midLine, t.failed = true, false, e.Error != ""
		fmt.Fprintln(r.out)
		defer r.release() // behind what belongs to the story
		if e.Speed > 0 {
			fmt.Fprintf(r.out, "achieved tok/s: %f\n", e.Speed)
		}
		if t.failed {
			fmt.Fprintf(r.out, "storyteller: %s\n", e.Error)
		}
		if e.Stopped && !t.stopped {
			t.stopped, t.stopBy = true, time.Now().Add(stops)
		}
	case dialog.Ended:
		return r.ended()
	}
	return stayOn
}

// refused does what follows when a story is not begun.
func (r *robot) refused(e dialog.Event) {
	if r.now == nil || r.now.begun || r.now.id != e.ID {
		return // it is queued
	}
	q := *r.now.request
	r.now = nil
	if e.Busy { // somebody was faster, whose story is about to be heard of
		r.queue(&q)
		return
	}
	fmt.Fprintf(r.out, "init: not now: %s\n", e.Error)
	if q.unasked {
		q.refused++
		r.pending, r.again = &q, time.After(r.delay(q.refused))
	}
	r.prompt()
}

// queue has a story told after that of somebody who was faster, unless another one was
// asked for meanwhile.
func (r *robot) queue(q *request) {
	if r.next != nil {
		return
	}
	r.next = q
	fmt.Fprintln(r.out, "init: that story comes next")
}

// note prints what the storyteller says to people, or holds it back while it is in
// the middle of a story.
func (r *robot) note(line []byte) {
	r.teller.trace.add(line)
	if t := r.now; t != nil && t.begun && !t.told && t.verb() == "" && t.heldSize+len(line) <= maxHeld {
		t.held = append(t.held, line)
		t.heldSize += len(line) + 1
		return
	}
	r.release()
	idle := r.prompted
	r.interrupt()
	if r.now != nil && r.now.midLine {
		fmt.Fprintln(r.out)
		r.now.midLine = false
	}
	fmt.Fprintf(r.out, "%s\n", line)
	if idle {
		r.prompt()
	}
}

// release prints what was held back.
func (r *robot) release() {
	t := r.now
	if t == nil || len(t.held) == 0 {
		return
	}
	if t.midLine {
		fmt.Fprintln(r.out)
		t.midLine = false
	}
	for _, line := range t.held {
		fmt.Fprintf(r.out, "%s\n", line)
	}
	t.held, t.heldSize = nil, 0
}

// verb is what else than telling a story the storyteller does.
func (t *telling) verb() string {
	if t.request == nil {
		return ""
	}
	return t.request.verb
}

// begun notes that a story begins. If it is not the one that init asked for,
// somebody else was faster, and init's is refused.
func (r *robot) begun(e dialog.Event) {
	if r.now != nil && r.now.request != nil && r.now.id == e.ID {
		r.now.begun = true
		return
	}
	r.interrupt()
	if r.now != nil && r.now.request != nil {
		r.queue(r.now.request)
	}
	stage(r.out, request{Request: dialog.Request{Seed: e.Seed}}.String())
	r.now = &telling{id: e.ID, begun: true, lowest: now().available}
}

// ended does what comes after a story.
func (r *robot) ended() power {
	t := r.sumUp()
	r.deaths = r.deaths.storyTold()
	if !t.failed {
		r.worked()
	}
	switch (storyEnd{failed: t.failed, stopped: t.stopped, queued: r.next != nil, after: r.after()}).next() {
	case switchOff:
		return powerOff
	case another:
		r.next = r.onward()
	case explain:
		fmt.Fprintln(r.out, "init: the storyteller cannot tell this story, see above; other prompts and `help` work here")
	}
	if r.anew && r.teller != nil {
		r.anew = false
		r.teller.end() // the next one tells what follows
		return stayOn
	}
	r.follow()
	return stayOn
}

// sumUp prints the stages of a story that is over.
func (r *robot) sumUp() *telling {
	r.release()
	t := r.now
	r.now = nil
	if t.midLine {
		fmt.Fprintln(r.out)
	}
	if t.first.time != 0 {
		stageAt(r.out, "first word", t.first)
	}
	end := now()
	stageAt(r.out, cmp.Or(t.verb(), "story")+" ends", end)
	stageAt(r.out, "memory at its lowest", moment{end.time, min(t.lowest, end.available)})
	r.tidy()
	return t
}

// exited does what comes after the end of what runs.
func (r *robot) exited(status unix.WaitStatus) power {
	ended := r.teller
	ended.ended = true // it can be asked for nothing any more
	for line := range ended.rest() {
		if asked := r.heard(line); asked != stayOn {
			return asked
		}
	}
	r.teller = nil
	e := processEnd{status: status, asked: !ended.leaves.IsZero(), queued: r.next != nil, run: r.settings.Run, after: r.after()}
	var t telling
	if r.now != nil {
		t = *r.now
		e.verb, e.told, e.failed, e.stopped, e.waits = t.verb(), t.told, t.failed, t.stopped, t.request != nil && !t.begun
	}
	next := e.next()
	if next == beginAsked {
		r.begin()
		return stayOn
	}
	if r.now != nil {
		r.sumUp()
	}
	r.interrupt()
	if e.verb != "" && e.verb != shell && status.Exited() && status.ExitStatus() == 0 {
		r.worked() // suites, for example, tell stories, too
	}
	switch next {
	case switchOff:
		return powerOff
	case bringBack:
		r.start("")
		r.follow()
	case giveUp:
		r.next, r.pending, r.again = nil, nil, nil
		fmt.Fprintln(r.out, "init: the storyteller cannot tell stories, see above; `help` works here")
		r.prompt()
	default:
		r.died(status, ended, &t, next)
	}
	return stayOn
}

// died has a storyteller started again that has died, and asks it for what it was
// asked for.
func (r *robot) died(status unix.WaitStatus, dead *teller, t *telling, next deed) {
	before := r.deaths
	r.deaths = before.after(status)
	what := fmt.Sprintf("the storyteller died (%s)", cause(status))
	if len(r.crashes) < maxCrashReports {
		r.crashes = append(r.crashes, crash{what, now(), dead.args, t.request, dead.trace.said}.String())
		r.keep(crashReport(r.crashes, kernelMessages()))
	}
	if r.next != nil {
		r.pending, r.next = r.next, nil
	}
	switch {
	case r.pending != nil:
	case next == anotherLate:
		r.pending = r.onward()
	case t.told || t.stopped || t.request == nil:
	case r.deaths.inRow%maxTries != 0:
		r.pending = t.request
	default:
		fmt.Fprintf(r.out, "init: that story is left: the storyteller has died %d times in a row\n", r.deaths.inRow)
		if r.after() == config.AfterAgain {
			r.pending = r.onward()
		}
	}
	wait := r.delay(r.deaths.inRow)
	fmt.Fprintf(r.out, "init: %s; starting it again in %v\n", what, wait)
	if r.deaths.portable && !before.portable {
		fmt.Fprintf(r.out, "init: it has crashed %d times in a row: from now on without the vector unit, which tells the same stories, but slowly\n", r.deaths.crashes)
	}
	r.again = time.After(wait)
	if r.pending == nil {
		r.prompt()
	}
}

// follow tells what was asked for meanwhile, or waits.
func (r *robot) follow() {
	if r.teller != nil && r.teller.ended {
		return // what comes next comes when it has been started again
	}
	next := r.next
	r.next = nil
	if next == nil {
		r.prompt()
		return
	}
	r.tell(*next)
}
