package main

import (
	"errors"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/app/story"
)

// weights are a model's, in an engine that only can be closed.
type weights struct {
	llama.Engine
	memory *int
}

func (w weights) Close() error {
	*w.memory += 40 << 10
	return nil
}

// TestGuests lets people in where memory is short: the model leaves for the first and
// may come back after the last.
func TestGuests(t *testing.T) {
	memory := 2 << 10
	s := &slot{}
	load := func() { s.name, s.engine = "exact", weights{memory: &memory}; memory = 2 << 10 }
	load()
	g := &guests{slot: s, available: func() int { return memory }}

	first, err := g.enter()
	if err != nil || s.engine != nil {
		t.Fatalf("enter() = %v, engine %v; want the model gone", err, s.engine)
	}
	second, err := g.enter()
	if err != nil {
		t.Fatal(err)
	}
	first()
	first() // once counts
	if err := s.busy(); !errors.Is(err, story.ErrBusy) || err == story.ErrBusy {
		t.Errorf("with one inside: %v; want ErrBusy and why", err)
	}
	second()
	if err := s.busy(); err != nil {
		t.Errorf("with nobody inside: %v; want stories", err)
	}

	// Enough for both.
	load()
	memory = machine.ShellMemory
	leave, err := g.enter()
	if err != nil || s.engine == nil || s.busy() != nil {
		t.Errorf("enter() = %v, engine %v, %v; want the model left alone", err, s.engine, s.busy())
	}
	leave()

	// Not even enough without the model.
	load()
	memory = -100 << 10
	if _, err := g.enter(); err == nil || s.busy() != nil {
		t.Errorf("enter() = %v, %v; want it refused and stories going on", err, s.busy())
	}

	// The suites have the memory.
	if err := s.reserve("the test suites are running"); err != nil {
		t.Fatal(err)
	}
	memory = 0
	if _, err := g.enter(); err == nil || err.Error() != "the test suites are running" {
		t.Errorf("enter() = %v; want what is going on", err)
	}
}
