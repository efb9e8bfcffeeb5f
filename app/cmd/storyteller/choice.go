package main

import "duostoryteller/app/llama"

// A slot holds the one engine that is in memory: two would not fit on the
// board. Its engines tell one story at a time.
type slot struct {
	model  string
	name   string
	engine llama.Engine
}

// choice is an engine that is opened when it is first asked for a story, and
// again when another one had the slot since.
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

func (s *slot) close() error {
	if s.engine == nil {
		return nil
	}
	engine := s.engine
	s.name, s.engine = "", nil
	return engine.Close()
}
