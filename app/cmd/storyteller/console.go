package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"duostoryteller/app/dialog"
	"duostoryteller/app/story"
	"duostoryteller/app/web"
)

// console is where serve prints every story, whoever asked for it, and takes
// prompts: a line begins a story, an empty one stops it.
type console struct {
	engines []web.Engine // the first one tells what is typed
	request story.Request
	out     printer
	note    func(string)
	// hold keeps notes back while a story is told, and release lets them go.
	hold, release func()
	// listen reads a story aloud until ctx ends and returns what waits for it.
	listen func(context.Context, *story.Story) (wait func())
	hush   chan struct{} // stops the reading aloud
}

// A printer shows stories. A story that is begun is told and then ended before
// another begins.
type printer interface {
	begun(s *story.Story)
	text(id string, piece []byte)
	anew(id string, next *story.Story, why error) // what follows is another story's, in its place
	told(id string, end story.End)
	ended(id string)              // the reading aloud too
	refused(story.Request, error) // a story that was asked for
	alive()                       // between stories, every now and then
}

// aliveEvery is how often a console without a story says that it is there.
const aliveEvery = 5 * time.Second

// prompts begins a story for each line of in until its end.
func (c *console) prompts(ctx context.Context, in io.Reader) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxPrompt)
	for lines.Scan() && ctx.Err() == nil {
		if lines.Text() == "" {
			c.stop(ctx)
			continue
		}
		r := c.request
		r.Prompt = lines.Text()
		if asked, ok := dialog.ParseRequest(lines.Bytes()); ok {
			r = story.Request{ID: asked.ID, Prompt: asked.Prompt, Seed: asked.Seed, Steps: asked.Steps,
				Temperature: float32(asked.Temperature), TopP: float32(asked.TopP), Exact: asked.Exact}
		}
		c.tell(ctx, r)
	}
	if err := lines.Err(); err != nil {
		c.note(fmt.Sprintf("no more prompts from standard input: %v", err))
	}
}

// stop ends the story being told and its reading aloud.
func (c *console) stop(ctx context.Context) {
	for _, e := range c.engines {
		e.Stop()
	}
	select {
	case c.hush <- struct{}{}:
	case <-ctx.Done():
	}
}

func (c *console) tell(ctx context.Context, r story.Request) {
	if _, err := c.engines[0].Tell(ctx, r); err != nil {
		c.out.refused(r, err)
	}
}

// print prints and reads aloud story after story until ctx ends.
func (c *console) print(ctx context.Context) {
	stories := make(chan *story.Story)
	for _, e := range c.engines {
		go func() {
			for s := range e.Stories(ctx) {
				select {
				case stories <- s:
				case <-ctx.Done():
				}
			}
		}()
	}
	tick := time.NewTicker(aliveEvery)
	defer tick.Stop()
	quiet := func() {}       // ends the reading aloud
	var read <-chan struct{} // closed when all is read aloud
	aloudID := ""            // of the story that is
	defer func() { quiet() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.out.alive()
		case <-c.hush:
			quiet()
		case <-read:
			read, quiet = nil, func() {}
			c.out.ended(aloudID)
		case s := <-stories:
			if s.InPlace != nil {
				if s = s.InPlace; s.ID == aloudID {
					continue // it was printed in that one's place
				}
			}
			quiet() // the voice is still busy with the story before
			if read != nil {
				c.out.ended(aloudID)
			}
			aloudID = s.ID
			aloud, cancel := context.WithCancel(ctx)
			c.hold()
			wait := c.listen(aloud, s)
			end, err := c.follow(ctx, s)
			if end.Err != nil || err != nil {
				cancel()
			}
			done := make(chan struct{})
			go func() {
				c.release()
				wait()
				close(done)
			}()
			read, quiet = done, func() {
				cancel()
				<-done
			}
			if err != nil {
				return
			}
		}
	}
}

// follow prints one story, and those that are told in its place.
func (c *console) follow(ctx context.Context, s *story.Story) (story.End, error) {
	c.out.begun(s)
	id := s.ID
	reader := s.Reader()
	for {
		event, err := reader.Next(ctx)
		if err != nil {
			return story.End{}, err
		}
		switch e := event.(type) {
		case story.Piece:
			c.out.text(id, e.Text)
		case story.End:
			if e.Next != nil {
				c.out.anew(id, e.Next, e.Err)
				reader = e.Next.Reader()
				continue
			}
			c.out.told(id, e)
			return e, nil
		}
	}
}

// forPeople prints stories as text.
type forPeople struct {
	out  io.Writer
	note func(string)
}

func (p forPeople) begun(*story.Story)          {}
func (p forPeople) text(_ string, piece []byte) { p.out.Write(piece) } // a console that fails must not end the page
func (p forPeople) anew(_ string, next *story.Story, why error) {
	fmt.Fprintf(p.out, "\n\n(%v; another one, seed %d:)\n\n", why, next.Request.Seed)
}
func (p forPeople) told(_ string, end story.End) {
	fmt.Fprintln(p.out)
	switch {
	case errors.Is(end.Err, context.Canceled):
		p.note("the story was stopped")
	case end.Err != nil:
		p.note(fmt.Sprintf("the story broke off: %v", end.Err))
	case end.Stats.Tokens > 1:
		p.note(fmt.Sprintf("achieved tok/s: %f", end.Stats.TokensPerSecond()))
	}
}
func (p forPeople) refused(_ story.Request, err error) {
	if errors.Is(err, story.ErrBusy) {
		err = fmt.Errorf("%w; an empty line stops it", err)
	}
	p.note(err.Error())
}
func (p forPeople) ended(string) {}
func (p forPeople) alive()       {}

// forInit prints stories as the events of package dialog.
type forInit struct{ out io.Writer }

func (p forInit) event(e dialog.Event) { p.out.Write(dialog.Line(e)) }
func (p forInit) begun(s *story.Story) {
	p.event(dialog.Event{Kind: dialog.Begun, ID: s.ID, Seed: s.Request.Seed})
}
func (p forInit) text(id string, piece []byte) {
	p.event(dialog.Event{Kind: dialog.Text, ID: id, Text: piece})
}
func (p forInit) anew(id string, next *story.Story, why error) {
	p.event(dialog.Event{Kind: dialog.Anew, ID: id, Seed: next.Request.Seed, Error: why.Error()})
}
func (p forInit) ended(id string) { p.event(dialog.Event{Kind: dialog.Ended, ID: id}) }
func (p forInit) refused(r story.Request, err error) {
	// ErrBusy itself: of what else keeps stories away, a shell say, no end is told.
	p.event(dialog.Event{Kind: dialog.Refused, ID: r.ID, Error: err.Error(), Busy: err == story.ErrBusy})
}
func (p forInit) alive() { p.event(dialog.Event{Kind: dialog.Alive}) }
func (p forInit) told(id string, end story.End) {
	e := dialog.Event{Kind: dialog.Told, ID: id}
	switch {
	case errors.Is(end.Err, context.Canceled):
		e.Stopped = true
	case end.Err != nil:
		e.Error = end.Err.Error()
	case end.Stats.Tokens > 1:
		e.Speed = end.Stats.TokensPerSecond()
	}
	p.event(e)
}
