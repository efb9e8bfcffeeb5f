package main

import (
	"context"
	"runtime/debug"
	"sync"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

// A slot holds the one engine that is in memory: two would not fit on the
// board. It lets one story be told at a time.
type slot struct {
	arithmetic llama.Arithmetic
	name       string // the choice's
	engine     llama.Engine
	note       func(line string)

	mu       sync.Mutex
	newest   *story.Story
	reserved error // why no story may be told; nil: one may
}

// busy returns why no story may begin, a story.ErrBusy, or nil. The caller holds mu.
func (s *slot) busy() error {
	if s.newest != nil {
		if _, ended := s.newest.Current().End(); !ended {
			return story.ErrBusy
		}
	}
	return s.reserved
}

func (s *slot) close() error {
	if s.engine == nil {
		return nil
	}
	engine := s.engine
	s.name, s.engine = "", nil
	return engine.Close()
}

// choice is an engine that is opened when it is asked for a story and another
// one has the slot, and opened anew when what it tells from has been packed meanwhile.
type choice struct {
	name      string // of its own among those of the slot
	engine    string
	model     string // path of the checkpoint
	tokenizer *llama.Tokenizer
	shape     llama.Config
	slot      *slot
	until     context.Context
}

// Config is the shape of the model; once this engine has the slot, with the context that
// there is memory for.
func (c *choice) Config() llama.Config {
	if c.slot.name == c.name && c.slot.engine != nil {
		return c.slot.engine.Config()
	}
	return c.shape
}

// Until is llama.Stopper's.
func (c *choice) Until(ctx context.Context) { c.until = ctx }

func (c *choice) Start(prompt []int, s *llama.Sampler) error {
	if c.slot.name != c.name || outgrown(c.slot.engine, c.model) {
		if err := c.slot.close(); err != nil {
			return err
		}
		// The next one looks whether there is memory for it; what is garbage by now is.
		debug.FreeOSMemory()
		engine, err := engines()[c.engine](c.model, c.slot.arithmetic)
		if err != nil {
			return err
		}
		for _, line := range limits(engine) {
			c.slot.note(line)
		}
		c.slot.name, c.slot.engine = c.name, engine
	}
	if e, ok := c.slot.engine.(llama.Stopper); ok {
		e.Until(c.until)
	}
	return c.slot.engine.Start(prompt, s)
}

func (c *choice) Next() (int, error) { return c.slot.engine.Next() }

// Close leaves the engine to the slot.
func (c *choice) Close() error { return nil }

// turn is a teller that waits for no other but knows when it is not its turn.
type turn struct {
	*story.Teller
	slot *slot
}

// Tell begins a story unless any teller of the slot is telling one.
func (t turn) Tell(ctx context.Context, r story.Request) (*story.Story, error) {
	t.slot.mu.Lock()
	defer t.slot.mu.Unlock()
	if err := t.slot.busy(); err != nil {
		return nil, err
	}
	s, err := t.Teller.Tell(ctx, r)
	if err == nil {
		t.slot.newest = s
	}
	return s, err
}
