// Package regress tests a card on a board that stands on a bench: it writes the
// card, switches it to the board, switches the board on, reads its console from
// U-Boot's first line to the prompt behind the first story, and runs the suites that
// are on the card.
package regress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/app/report"
	"duostoryteller/imagebuilder/boardtest"
	"duostoryteller/imagebuilder/flash"
)

// Options say what stands on the bench and what is to be done with it.
type Options struct {
	Board  string // its name, for the results
	Card   Card
	Power  string // command that switches the board's power: on or off is added to it
	Serial string // port that the board's console is at
	Baud   int

	Image io.ReaderAt // of the card
	Size  int64       // its bytes
	Parts string      // SHA-256 of the list of its parts, as manifest.json has it; "" if it is not known

	Time    time.Time // when it begins, for the results
	Short   bool
	Silence time.Duration // after which a board that starts is given up; see also suiteSilence
	Start   time.Duration // most that may pass from power to the prompt

	Log      io.Writer                            // gets what the board says; may be nil
	Say      func(what string)                    // told of each step; may be nil
	Progress func(what string, done, total int64) // of writing the card; may be nil
	Ask      func(question string) error          // asks a person; nil if none is there
}

// suiteSilence is how long a suite may say nothing. The longest silence is a run of
// run.c, 12 minutes on a board.
const suiteSilence = 30 * time.Minute

// The steps before the board speaks; the milestones of boot.go follow.
const (
	lineStep   = "the serial line is there"
	offStep    = "the board is switched off"
	findStep   = "the card is found"
	writeStep  = "the card is written and verified"
	switchStep = "the card is switched to the board"
	onStep     = "the board is switched on"
	sameStep   = "the board ran the card that was written" // after the suites
)

// run is a regression under way.
type run struct {
	Options
	results boardtest.Results
	since   time.Time // when the last step ended
}

// Run does it all, and leaves the board switched off. With an error, which is one line
// for people, the results have what there is so far, and the step that failed.
func Run(ctx context.Context, o Options) (boardtest.Results, error) {
	if o.Say == nil {
		o.Say = func(string) {}
	}
	r := &run{Options: o, results: o.Nothing(), since: time.Now()}
	err := r.all(ctx)
	if r.results.Kind == "" {
		r.results.Kind = boardtest.KindOf(r.results.Suites)
	}
	return r.results, err
}

// Nothing are the results before anything was done.
func (o Options) Nothing() boardtest.Results {
	r := boardtest.Results{Board: o.Board, Way: "serial", Time: o.Time, Short: o.Short}
	if o.Card.Emulated() {
		r.Kind = bench.Emulated
	}
	return r
}

func (r *run) all(ctx context.Context) (err error) {
	var port *boardtest.Serial
	if err := r.step(lineStep, func() (err error) {
		port, err = boardtest.OpenSerial(r.Serial, r.Baud, r.Log)
		return err
	}); err != nil {
		return err
	}
	defer port.Close()
	port.Patience = suiteSilence
	if err := r.step(offStep, func() error { return power(ctx, r.Power, "off") }); err != nil {
		return err
	}
	if err := r.prepare(ctx); err != nil {
		return err
	}
	defer func() {
		// Also after Ctrl-C: nobody may be there to do it.
		if off := power(context.WithoutCancel(ctx), r.Power, "off"); off != nil {
			if err == nil {
				err = fmt.Errorf("the board stays on: %w", off)
			} else {
				err = fmt.Errorf("%w; and the board stays on: %w", err, off)
			}
		}
	}()
	port.Forget()
	if err := r.step(onStep, func() error { return power(ctx, r.Power, "on") }); err != nil {
		return err
	}
	if err := r.start(ctx, port.Console); err != nil {
		return err
	}
	return r.suites(ctx, port.Console)
}

// prepare writes the card and switches it to the board.
func (r *run) prepare(ctx context.Context) error {
	var device flash.Device
	if err := r.step(findStep, func() (err error) {
		if device, err = r.Card.toPC(ctx); err == nil {
			err = device.Fits(r.Size)
		}
		if err == nil && r.Card.ByHand() && r.Ask != nil {
			err = r.Ask(fmt.Sprintf("%s\nEverything on it will be lost. Write?", device))
		}
		return err
	}); err != nil {
		return err
	}
	if err := r.step(writeStep, func() error {
		_, err := flash.Write(ctx, device, r.Image, r.Size, r.Progress)
		if errors.Is(err, fs.ErrPermission) {
			// As root, the results would be root's.
			return fmt.Errorf("%s may not be written by this user: a udev rule for it, or the group disk, allows that", device)
		}
		return err
	}); err != nil {
		return err
	}
	return r.step(switchStep, func() error { return r.Card.toBoard(ctx, r.Ask) })
}

// start reads the console to the prompt.
func (r *run) start(ctx context.Context, c *boardtest.Console) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Start, fmt.Errorf("%v have passed since the power came on", r.Start))
	defer cancel()
	w := watch{console: c, silence: r.Silence, reached: func(name string) { r.did(name, nil) }}
	if err := w.toPrompt(ctx); err != nil {
		r.did(milestones[w.next].name, err)
		return err
	}
	return nil
}

// suites runs the suites that are on the card.
func (r *run) suites(ctx context.Context, c *boardtest.Console) (err error) {
	r.results.Suites, err = boardtest.Suites(ctx, c, r.Short, r.Say)
	if r.Card.Emulated() {
		for i, e := range r.results.Suites {
			if boardtest.KindOf([]report.Entry{e}) == bench.Measured {
				r.results.Suites[i] = report.Entry{Name: e.Name, Error: "its report calls an emulated board's figures " + bench.Measured + ", and is not kept"}
			}
		}
	}
	if err == nil && r.Parts != "" {
		err = r.step(sameStep, r.same)
	}
	return err
}

// same compares the card that was written with the one that the suites ran on.
func (r *run) same() error {
	for _, card := range boardtest.Cards(r.results.Suites) {
		if card != r.Parts {
			return fmt.Errorf("the suites ran on another card: the SHA-256 of its list of parts begins %.12s, the written one's %.12s; does the mux switch, and is no other card in the board?", card, r.Parts)
		}
	}
	return nil
}

// step does one step and keeps how it went.
func (r *run) step(name string, do func() error) error {
	err := do()
	r.did(name, err)
	return err
}

// did keeps how a step went that has ended now. Behind one that failed, those that were
// still to come are skipped.
func (r *run) did(name string, err error) {
	now := time.Now()
	s := boardtest.Step{Name: name, Seconds: now.Sub(r.since).Round(time.Millisecond).Seconds()}
	r.since = now
	if err != nil {
		s.Error = strings.Join(strings.Fields(err.Error()), " ")
	} else {
		r.Say(name)
	}
	r.results.Start = append(r.results.Start, s)
	if err == nil {
		return
	}
	steps := []string{lineStep, offStep, findStep, writeStep, switchStep, onStep}
	for _, m := range milestones {
		steps = append(steps, m.name)
	}
	found := false
	for _, later := range steps {
		if found {
			r.results.Start = append(r.results.Start, boardtest.Step{Name: later, Skipped: true})
		}
		found = found || later == name
	}
}
