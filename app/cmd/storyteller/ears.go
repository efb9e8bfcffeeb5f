package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"duostoryteller/app/hearing"
	"duostoryteller/app/panel"
	"duostoryteller/app/story"

	"github.com/spf13/cobra"
)

const (
	// attention is how long the storyteller listens when its button was held.
	attention = 10 * time.Second
	// pause is how long it listens between two sentences that it reads aloud: the
	// room's echo must die away, and somebody begin to speak.
	pause = time.Second
	// held is how long a story is held up at most by who speaks in a pause.
	held = 30 * time.Second
	// poll is how often is looked what becomes of it.
	poll = 50 * time.Millisecond
)

// The microphones that --microphone can name beside those of sound cards.
const (
	firstMicrophone = "auto"
	noMicrophone    = "off"
)

// ears have a console asked for stories by voice and push-button, and show on
// the board's light what it does.
type ears struct {
	earFlags
	microphone string // firstMicrophone, noMicrophone or a sound card's name
	button     string // GPIO line; empty: none. With one, it has to be held to be heard
	usual      string // how a story begins that was asked for without saying how

	ask    func(prompt string) // begins a story
	stop   func()              // stops it and its reading aloud
	say    func(context.Context, string)
	louder func(factor float64)
	slot   *slot
	note   func(string)

	light    *panel.Light // nil: none
	telling  atomic.Bool  // a story is told or read aloud
	pausing  atomic.Bool  // between two sentences of it
	ready    atomic.Bool  // there is a microphone
	hearing  atomic.Bool  // somebody speaks, or is being understood
	speaking atomic.Bool  // an answer is
	until    atomic.Int64 // when attention ends, Unix nanoseconds

	mu   sync.Mutex
	last string // prompt that was asked for by voice
	hush func() // ends the answer that is being spoken and waits for its silence; nil: none is
}

// add gives cmd the flags.
func (e *ears) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&e.microphone, "microphone", noMicrophone, "with --console: listen on the first sound card, auto, or that of a name")
	flags.StringVar(&e.words, "words", boardWords, "file with the words that stories asked for by voice can be about")
	flags.StringVar(&e.usual, "usual", "Once upon a time", "how a story begins that is asked for by voice or push-button without saying how")
	e.addGain(cmd)
	flags.StringVar(&e.button, "button", "", "with --console: GPIO line of a push-button, as gpiochip1/15")
}

// wanted says whether there is anything to attend to.
func (e *ears) wanted() bool { return e.listens() || e.button != "" }

func (e *ears) listens() bool { return e.microphone != noMicrophone }

// join begins to attend for a console until ctx ends.
func (e *ears) join(ctx context.Context, cmd *cobra.Command, c *console, voices *voiceFlags, memory *slot) {
	if e.microphone != firstMicrophone {
		e.card = e.microphone
	}
	e.slot, e.note = memory, c.note
	e.ask = func(prompt string) {
		r := c.request
		r.Prompt, r.Seed, r.Exact = cmp.Or(prompt, e.usual), 0, false
		if _, err := c.engines[0].Tell(ctx, r); err != nil {
			e.note(err.Error())
		}
	}
	e.stop = func() { c.stop(ctx) }
	e.louder = voices.louder
	e.say = func(ctx context.Context, text string) {
		if !voices.wanted() {
			return
		}
		speaker, err := voices.open(cmd)
		if err == nil {
			err = voices.close(speaker, speaker.Text(ctx, strings.NewReader(text)))
		}
		if err != nil {
			e.note(err.Error())
		}
	}
	e.light, _ = panel.FindLight("/sys/class/leds")
	if voices.bedtime { // it stays dark
		e.show(panel.Idle)
		e.light = nil
	}
	c.out = attentive{c.out, e}
	e.rest()
	go e.attend(ctx)
}

// attend listens until ctx ends.
func (e *ears) attend(ctx context.Context) {
	if e.button != "" {
		go func() {
			if err := panel.Watch(ctx, e.button, e.telling.Load, func(a panel.Action) { e.pressed(a) }); err != nil {
				e.note(err.Error())
			}
		}()
	}
	if !e.listens() {
		return
	}
	ear, err := e.open(e.note)
	if err != nil {
		e.note(err.Error() + "; everything else works")
		return
	}
	defer ear.Close()
	l := hearing.Listener{
		Open: func() (hearing.Source, error) {
			source, err := e.source(e.note)
			e.ready.Store(err == nil)
			return source, err
		},
		Ear: ear, Log: e.note, Deaf: e.deaf,
		Level: func(_, _ float64, open bool) { e.hearing.Store(open) },
		Enter: func() (leave func(), ok bool) {
			e.show(panel.Thinking)
			if !e.free(ctx) {
				e.rest()
				return nil, false
			}
			return func() {
				debug.FreeOSMemory() // what the sound took is the model's
				e.slot.release()
				e.rest()
			}, true
		},
	}
	err = l.Listen(ctx, func(h hearing.Heard) {
		e.note(fmt.Sprintf("heard: %s (%.1f s of sound, %.2f s of computing)", h.Answer, h.Sound.Seconds(), h.Compute.Seconds()))
		e.heard(ctx, h.Understood)
		e.rest()
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		e.note(err.Error())
	}
}

// free makes room for the recogniser. In a pause the model may still be at work
// on the story's end: that is waited for.
func (e *ears) free(ctx context.Context) bool {
	for begun := time.Now(); ; {
		err := e.slot.reserve("the storyteller makes out what somebody said; ask again in a moment")
		if err == nil || !errors.Is(err, story.ErrBusy) || !e.pausing.Load() || time.Since(begun) > held {
			return err == nil
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(poll):
		}
	}
}

// between listens for a moment between two sentences that are read aloud, and,
// if somebody speaks, until what was said is done or the story goes on. A button
// stops a story at any time, so that with one there are no pauses.
func (e *ears) between(ctx context.Context) {
	if !e.listens() || e.button != "" || !e.ready.Load() {
		return
	}
	e.hearing.Store(false)
	e.pausing.Store(true)
	defer e.pausing.Store(false)
	e.show(panel.Listening)
	defer e.show(panel.Speaking)
	for begun := time.Now(); time.Since(begun) < pause || e.hearing.Load() && time.Since(begun) < held; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(poll):
		}
	}
}

// deaf says whether what the microphone hears is none of ours.
func (e *ears) deaf() bool {
	return e.telling.Load() && !e.pausing.Load() || e.speaking.Load() || e.button != "" && time.Now().UnixNano() > e.until.Load()
}

func (e *ears) pressed(a panel.Action) {
	switch a {
	case panel.Stop:
		e.stop()
	case panel.Story:
		e.ask(e.asked(nil))
	case panel.Listen:
		e.until.Store(time.Now().Add(attention).UnixNano())
		e.show(panel.Listening)
		time.AfterFunc(attention, e.rest)
	}
}

// heard does what was understood. In a pause of a story what was not is passed
// over, and the story ends before an answer.
func (e *ears) heard(ctx context.Context, u hearing.Understood) {
	if e.telling.Load() {
		switch u.Command {
		case hearing.Nothing:
			return
		case hearing.Louder, hearing.Quieter: // the next sentence is the answer
			e.louder(loudness(u.Command))
			return
		}
		e.stop()
		for e.telling.Load() && ctx.Err() == nil {
			time.Sleep(poll)
		}
	}
	e.reply(ctx, u.Answer)
	switch u.Command {
	case hearing.Tell:
		e.ask(e.asked(&u.Opening))
	case hearing.Again:
		e.ask(e.asked(nil))
	case hearing.Louder, hearing.Quieter:
		e.louder(loudness(u.Command))
	}
}

// reply speaks an answer, unless a story has begun meanwhile. One that begins now ends it:
// there is one sound card, and not the memory for two voices.
func (e *ears) reply(ctx context.Context, answer string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silent := make(chan struct{})
	defer close(silent)
	e.mu.Lock()
	if e.telling.Load() {
		e.mu.Unlock()
		return
	}
	e.speaking.Store(true)
	e.hush = func() {
		cancel()
		<-silent
	}
	e.mu.Unlock()
	e.say(ctx, answer)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.speaking.Store(false)
	e.hush = nil
}

// giveWay leaves voice and sound card to a story, which is to begin once it returns.
func (e *ears) giveWay() {
	e.mu.Lock()
	e.telling.Store(true)
	hush := e.hush
	e.mu.Unlock()
	if hush != nil {
		hush()
	}
}

// loudness is the factor that a command asks for.
func loudness(c hearing.Command) float64 {
	if c == hearing.Louder {
		return 1.25
	}
	return 1 / 1.25
}

// asked returns the prompt asked for last, which is now prompt unless that is nil.
func (e *ears) asked(prompt *string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if prompt != nil {
		e.last = *prompt
	}
	return e.last
}

// show changes the light, if there is one; a light that fails is no matter.
func (e *ears) show(s panel.State) {
	if e.light != nil {
		_ = e.light.Show(s)
	}
}

// rest shows what goes on between stories.
func (e *ears) rest() {
	switch {
	case e.telling.Load():
	case e.listens() && !e.deaf():
		e.show(panel.Listening)
	default:
		e.show(panel.Idle)
	}
}

// attentive is a printer that tells the ears what goes on.
type attentive struct {
	printer
	ears *ears
}

func (a attentive) begun(s *story.Story) {
	a.ears.telling.Store(true)
	a.ears.show(panel.Thinking)
	a.printer.begun(s)
}

func (a attentive) text(id string, piece []byte) {
	a.ears.show(panel.Speaking)
	a.printer.text(id, piece)
}

func (a attentive) ended(id string) {
	a.ears.telling.Store(false)
	a.ears.rest()
	a.printer.ended(id)
}
