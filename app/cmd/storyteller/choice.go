package main

import (
	"context"
	"sync"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
)

// A slot holds the one engine that is in memory: two would not fit on the
// board. It lets one story be told at a time.
type slot struct {
	model  string
	name   string
	engine llama.Engine

	mu       sync.Mutex
	newest   *story.Story
	reserved bool // for something else than a story
}

// busy tells whether a story is told or none may be. The caller holds mu.
func (s *slot) busy() bool {
	if s.newest == nil {
		return s.reserved
	}
	_, ended := s.newest.End()
	return !ended || s.reserved
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
// one has the slot.
type choice struct {
	name  string
	shape llama.Config
	slot  *slot
}

func (c *choice) Config() llama.Config { return c.shape }

func (c *choice) Start(prompt []int, s *llama.Sampler) error {
	if c.slot.name != c.name {
		if err := c.slot.close(); err != nil {
			return err
		}
		engine, err := engines()[c.name](c.slot.model)
		if err != nil {
			return err
		}
		c.slot.name, c.slot.engine = c.name, engine
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
	if t.slot.busy() {
		return nil, story.ErrBusy
	}
	s, err := t.Teller.Tell(ctx, r)
	if err == nil {
		t.slot.newest = s
	}
	return s, err
}
