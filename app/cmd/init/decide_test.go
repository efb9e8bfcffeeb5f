//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"duostoryteller/app/config"
	"duostoryteller/app/dialog"
	"duostoryteller/app/results"
	"duostoryteller/app/story"

	"golang.org/x/sys/unix"
)

const (
	exitPanic  = unix.WaitStatus(2 << 8)
	exitCannot = unix.WaitStatus(dialog.CannotTell << 8)
	exitDone   = unix.WaitStatus(0)
	killedBy9  = unix.WaitStatus(unix.SIGKILL)
	illegal    = unix.WaitStatus(unix.SIGILL)
)

func TestStoryEnd(t *testing.T) {
	for _, tt := range []struct {
		e    storyEnd
		want deed
	}{
		{storyEnd{after: config.AfterWait}, follow},
		{storyEnd{after: config.AfterAgain}, another},
		{storyEnd{after: config.AfterPowerOff}, switchOff},
		{storyEnd{after: config.AfterPowerOff, failed: true}, explain},
		{storyEnd{after: config.AfterPowerOff, stopped: true}, follow},
		{storyEnd{after: config.AfterPowerOff, queued: true}, follow},
		{storyEnd{after: config.AfterAgain, queued: true, failed: true}, follow},
	} {
		if got := tt.e.next(); got != tt.want {
			t.Errorf("%+v: %v; want %v", tt.e, got, tt.want)
		}
	}
}

func TestProcessEnd(t *testing.T) {
	for _, tt := range []struct {
		e    processEnd
		want deed
	}{
		// Only one status says that it would be the same again.
		{processEnd{status: exitDone, asked: true, waits: true}, beginAsked}, // a story was asked for while it started anew
		{processEnd{status: exitDone, asked: true, waits: true, stopped: true}, bringBack},
		{processEnd{status: exitCannot}, giveUp},
		{processEnd{status: exitPanic}, startLater},
		{processEnd{status: 1 << 8}, startLater},
		{processEnd{status: exitDone}, startLater},
		{processEnd{status: illegal}, startLater},
		{processEnd{status: killedBy9}, startLater},
		// What has been told is over.
		{processEnd{status: exitPanic, told: true, after: config.AfterPowerOff}, switchOff},
		{processEnd{status: killedBy9, told: true, after: config.AfterAgain}, anotherLate},
		{processEnd{status: exitPanic, told: true, after: config.AfterWait}, startLater},
		{processEnd{status: exitPanic, told: true, failed: true, after: config.AfterPowerOff}, startLater},
		{processEnd{status: exitPanic, told: true, stopped: true, after: config.AfterPowerOff}, startLater},
		{processEnd{status: exitPanic, told: true, queued: true, after: config.AfterPowerOff}, startLater},
		{processEnd{status: exitPanic, after: config.AfterPowerOff}, startLater},
		// Init's own doing.
		{processEnd{status: exitDone, asked: true, verb: "bench"}, beginAsked},
		{processEnd{status: exitPanic, asked: true, verb: "bench"}, beginAsked},
		{processEnd{status: killedBy9, asked: true, verb: "bench", stopped: true}, bringBack},
		{processEnd{status: killedBy9, stopped: true}, bringBack}, // it did not stop
		{processEnd{status: exitPanic, stopped: true}, startLater},
		{processEnd{status: exitDone, verb: "bench"}, bringBack},
		{processEnd{status: exitPanic, verb: "shell"}, bringBack},
		{processEnd{status: exitDone, verb: "suites", run: config.RunSuites, after: config.AfterPowerOff}, switchOff},
		{processEnd{status: exitDone, verb: "suites", run: config.RunSuites, after: config.AfterPowerOff, stopped: true}, bringBack},
	} {
		if got := tt.e.next(); got != tt.want {
			t.Errorf("%+v: %v; want %v", tt.e, got, tt.want)
		}
	}
}

func TestDeaths(t *testing.T) {
	var d deaths
	for i, tt := range []struct {
		status   unix.WaitStatus
		portable bool
	}{{exitPanic, false}, {killedBy9, false}, {illegal, false}, {killedBy9, false}, {exitPanic, true}, {killedBy9, true}} {
		if d = d.after(tt.status); d.portable != tt.portable || d.inRow != i+1 {
			t.Errorf("after death %d: %+v; want portable %v", i+1, d, tt.portable)
		}
	}
	if d = d.storyTold(); d != (deaths{portable: true}) {
		t.Errorf("after a story: %+v", d)
	}
	if d = (deaths{inRow: 2, crashes: 2}).storyTold().after(exitPanic); d.portable {
		t.Error("crashes with stories between them count together")
	}
	for d = (deaths{}); d.inRow < 20; {
		if d = d.after(killedBy9); d.portable {
			t.Fatal("want of memory is held for the vector unit's fault")
		}
	}
}

// A crash of the storyteller is reported on the card: with its trace, what it was to
// tell, and not once a minute for ever.
func TestCrashReport(t *testing.T) {
	settings := config.Default()
	settings.Prompt, settings.Seed = "crashing", 7
	var kept []results.File
	told := make(chan bool)
	b := newBench(t, settings, func(r *robot) {
		r.keep = func(f results.File) { kept = append(kept, f) }
		r.worked = func() { close(told) }
	})
	<-told
	b.waitFor(t, "storyteller> ")
	if len(kept) != 3 {
		t.Fatalf("%d reports; want 3", len(kept))
	}
	text := string(kept[2].Data)
	for _, want := range []string{"the storyteller died (exit status 2), ", `prompt "crashing", seed 7`, "  panic: bad luck\r\n  goroutine 1 [running]:\r\n", "serve"} {
		if strings.Count(text, want) < 3 {
			t.Errorf("%s says %q; want %q three times", kept[2].Name, text, want)
		}
	}
	if kept[2].Name != "crash.txt" || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Errorf("%s is not a text file for any PC: %q", kept[2].Name, text)
	}
}

func TestCrashReportsAreFew(t *testing.T) {
	settings := config.Default()
	settings.Prompt = "dead"
	n := 0
	b := newBench(t, settings, func(r *robot) { r.keep = func(results.File) { n++ } })
	b.waitFor(t, "that story is left")
	b.waitFor(t, "storyteller> ")
	if n != maxCrashReports {
		t.Errorf("%d reports of %d deaths; want %d", n, maxTries, maxCrashReports)
	}
}

func TestTrace(t *testing.T) {
	var tr trace
	for i := range 1000 {
		tr.add(fmt.Appendf(nil, "storyteller: note %d", i))
	}
	for _, line := range []string{"panic: bad luck", "goroutine 1 [running]:"} {
		tr.add([]byte(line))
	}
	for range 10_000 {
		tr.add([]byte("\tmain.go:1"))
	}
	text := string(bytes.Join(tr.said, []byte("\n")))
	if !strings.Contains(text, "note 999\npanic: bad luck\ngoroutine 1") || strings.Contains(text, "note 1\n") || len(text) > 2*maxSaid+maxTrace {
		t.Errorf("%d bytes are kept: %.300q", len(text), text)
	}
}

// A storyteller that is played by the test.
type played struct {
	t       *testing.T
	rng     *rand.Rand
	robot   *robot
	teller  *teller
	heard   interface{ Read([]byte) (int, error) } // the other end of its input; nil: not a storyteller
	said    chan []byte
	telling string // ID of the story
	by      string // its prompt
	text    bool
	unheard bool     // that it has begun
	guest   bool     // somebody has a shell, so that no story begins
	told    []string // prompts
	ill     bool     // starts fail
	cannot  bool     // the last one has said that it cannot tell stories
}

func (p *played) launch(argv, _ []string) (*teller, error) {
	if p.ill && p.rng.IntN(4) == 0 {
		return nil, unix.ENOMEM
	}
	p.telling, p.text, p.unheard, p.heard, p.cannot = "", false, false, nil, false
	t, err := p.sit(argv[0], nil)
	if err != nil || argv[1] != "serve" {
		return t, err
	}
	in, input, err := pipe(1)
	if err != nil {
		return nil, err
	}
	if err := unix.SetNonblock(int(in.Fd()), true); err != nil {
		return nil, err
	}
	p.t.Cleanup(func() { in.Close(); input.Close() })
	t.input, p.heard = input, nonblocking{in.Fd()}
	return t, nil
}

type nonblocking struct{ fd uintptr }

func (n nonblocking) Read(b []byte) (int, error) { return unix.Read(int(n.fd), b) }

func (p *played) sit(string, *terminal) (*teller, error) {
	p.said = make(chan []byte, 16)
	p.teller = &teller{pid: 1 << 30, said: p.said, gone: make(chan struct{}), heard: time.Now(), args: []string{"played"}}
	p.heard, p.telling, p.unheard = nil, "", false
	return p.teller, nil
}

func (p *played) say(e dialog.Event) power {
	line := bytes.TrimSpace(dialog.Line(e))
	return p.robot.heard(line)
}

// listens obeys what init has asked for.
func (p *played) listens() power {
	if p.heard == nil || p.teller != p.robot.teller {
		return stayOn
	}
	var b [64 << 10]byte
	n, err := p.heard.Read(b[:])
	if err != nil || n <= 0 {
		return stayOn
	}
	for line := range bytes.Lines(b[:n]) {
		asked := stayOn
		switch q, ok := dialog.ParseRequest(line); {
		case !ok: // stop
			if p.telling != "" {
				asked = p.ends(dialog.Event{Stopped: true})
			}
		case p.telling != "":
			asked = p.say(dialog.Event{Kind: dialog.Refused, ID: q.ID, Error: "busy", Busy: true})
		case p.guest:
			asked = p.say(dialog.Event{Kind: dialog.Refused, ID: q.ID, Error: "somebody has a shell"})
		default:
			asked = p.begins(q.ID, q.Prompt)
		}
		if asked != stayOn {
			return asked
		}
	}
	return stayOn
}

func (p *played) begins(id, prompt string) power {
	p.telling, p.by, p.text, p.unheard = id, prompt, false, true
	if id == strangers && p.rng.IntN(2) == 0 {
		return stayOn // what is asked for meanwhile is refused before
	}
	return p.isHeard()
}

// strangers is the ID of stories that init has not asked for.
const strangers = "page"

// isHeard has init told of a story that has begun.
func (p *played) isHeard() power {
	if !p.unheard {
		return stayOn
	}
	p.unheard = false
	return p.say(dialog.Event{Kind: dialog.Begun, ID: p.telling, Seed: 7})
}

func (p *played) ends(told dialog.Event) power {
	if asked := p.isHeard(); asked != stayOn {
		return asked
	}
	id := p.telling
	told.Kind, told.ID = dialog.Told, id
	if !told.Stopped && told.Error == "" {
		p.told = append(p.told, p.by)
	}
	p.telling = ""
	if asked := p.say(told); asked != stayOn {
		return asked
	}
	return p.say(dialog.Event{Kind: dialog.Ended, ID: id})
}

// dies ends the process, with something of what it wanted to say not yet heard.
func (p *played) dies(status unix.WaitStatus) power {
	if p.telling != "" && p.rng.IntN(2) == 0 {
		p.said <- bytes.TrimSpace(dialog.Line(dialog.Event{Kind: dialog.Told, ID: p.telling}))
		if p.rng.IntN(2) == 0 {
			p.said <- bytes.TrimSpace(dialog.Line(dialog.Event{Kind: dialog.Ended, ID: p.telling}))
		}
	}
	if p.heard == nil {
		p.said <- []byte("a table of figures")
	}
	close(p.said)
	p.telling, p.unheard, p.cannot = "", false, status == exitCannot
	return p.robot.exited(status)
}

// goesOn has whatever runs do its next step, and time pass.
func (p *played) goesOn() power {
	r := p.robot
	if r.again != nil {
		select {
		case <-r.again:
			r.startAgain()
		case <-time.After(time.Second):
			p.t.Fatal("a storyteller that died is not started again in time")
		}
	}
	if asked := r.watch(); asked != stayOn {
		return asked
	}
	switch t := r.teller; {
	case t == nil:
	case !t.killed.IsZero():
		return p.dies(killedBy9)
	case !t.leaves.IsZero():
		return p.dies(exitDone)
	case p.heard == nil: // bench, or a shell
		return p.dies(exitDone)
	}
	if asked := p.listens(); asked != stayOn {
		return asked
	}
	switch {
	case r.teller == nil || p.telling == "":
	case p.unheard:
		return p.isHeard()
	case !p.text:
		p.text = true
		return p.say(dialog.Event{Kind: dialog.Text, ID: p.telling, Text: []byte("Once")})
	default:
		return p.ends(dialog.Event{})
	}
	return stayOn
}

// TestNothingIsStuck lets anything happen in any order, and then has everything go
// well: what a person asks for then is told.
func TestNothingIsStuck(t *testing.T) {
	lines := []string{"", "A cat", "A dog", "stop", "bench", "shell", "tell -s 7 A cat", "help"}
	statuses := []unix.WaitStatus{exitPanic, exitPanic, killedBy9, illegal, exitDone, 1 << 8, exitCannot}
	const lives = 500
	off := 0
	for seed := range uint64(lives) {
		rng := rand.New(rand.NewPCG(seed, 16))
		settings := config.Default()
		settings.After = []string{config.AfterWait, config.AfterAgain, config.AfterPowerOff}[rng.IntN(3)]
		p := &played{t: t, rng: rng, ill: true}
		r := newRobot(io.Discard, settings, newReaper())
		r.launch, r.sit = p.launch, p.sit
		r.delay = func(int) time.Duration { return 0 }
		p.robot = r
		var happened []string
		asked := stayOn
		note := func(format string, args ...any) { happened = append(happened, fmt.Sprintf(format, args...)) }
		r.tell(r.first())
		for range rng.IntN(40) {
			switch rng.IntN(10) {
			case 9:
				p.guest = !p.guest
				note("somebody has a shell: %v", p.guest)
			case 0:
				line := lines[rng.IntN(len(lines))]
				note("typed %q", line)
				asked = r.line(line)
			case 1:
				note("Ctrl-C")
				asked = r.signal(unix.SIGINT)
			case 2:
				if r.teller != nil && p.heard != nil && p.telling == "" {
					note("the page begins a story")
					asked = p.begins(strangers, "page")
				}
			case 3:
				if r.teller != nil && p.telling != "" {
					note("the story breaks off")
					asked = p.ends(dialog.Event{Error: "row 7 is damaged"})
				}
			case 4:
				if r.teller != nil {
					status := statuses[rng.IntN(len(statuses))]
					note("dies: %s", cause(status))
					asked = p.dies(status)
				}
			case 5:
				if r.teller != nil {
					note("says something")
					asked = r.heard([]byte("storyteller: something"))
				}
			default:
				note("goes on")
				asked = p.goesOn()
			}
			if asked != stayOn {
				break
			}
		}
		if asked != stayOn {
			off++
			continue
		}
		p.ill, p.guest = false, false
		for range 20 { // what was begun comes to its end
			if asked = p.goesOn(); asked != stayOn {
				break
			}
			if settings.After == config.AfterAgain && slices.Contains(p.told, settings.Prompt) {
				break
			}
		}
		if asked != stayOn {
			off++
			continue
		}
		// Nobody has to type anything for the page to come back.
		if r.teller == nil && !p.cannot {
			t.Fatalf("seed %d, after = %q: no storyteller runs; what happened:\n%s", seed, settings.After, strings.Join(happened, "\n"))
		}
		r.line("The last one")
		for range 20 {
			if asked = p.goesOn(); asked != stayOn || slices.Contains(p.told, "The last one") {
				break
			}
		}
		if asked == stayOn && !slices.Contains(p.told, "The last one") {
			t.Fatalf("seed %d, after = %q: the last story was not told (teller %v, now %+v, next %v); what happened:\n%s", seed, settings.After, r.teller != nil, r.now, r.next, strings.Join(happened, "\n"))
		}
	}
	t.Logf("%d lives, %d of which ended by switching off", lives, off)
}

// The storyteller keeps stories: those of another start of the machine have other IDs.
func TestStoryIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 3 {
		p := &played{t: t, rng: rand.New(rand.NewPCG(1, 1))}
		r := newRobot(io.Discard, config.Default(), newReaper())
		r.launch, r.sit, p.robot = p.launch, p.sit, r
		for range 2 {
			r.tell(r.first())
			if id := r.now.id; seen[id] || !story.ValidID(id) {
				t.Errorf("the ID %q is one of another story's, or none", id)
			}
			seen[r.now.id] = true
			for r.now != nil {
				p.goesOn()
			}
		}
	}
}

// A storyteller that cannot be started for want of memory is started later.
func TestNoMemoryToStart(t *testing.T) {
	var out console
	r := newRobot(&out, config.Default(), newReaper())
	tries := 0
	r.launch = func([]string, []string) (*teller, error) {
		if tries++; tries < 3 {
			return nil, syscall.ENOMEM
		}
		return startTeller(newReaper(), []string{"/bin/true"}, nil)
	}
	r.delay = func(int) time.Duration { return 0 }
	r.tell(r.first())
	for range 2 {
		<-r.again
		r.startAgain()
	}
	if r.teller == nil || r.now == nil || r.now.request.Prompt != "Once upon a time" {
		t.Errorf("after two failures: %+v, teller %v; want the story asked for", r.now, r.teller)
	}
	out.waitFor(t, "no story yet: cannot allocate memory; trying again in 0s")
}
