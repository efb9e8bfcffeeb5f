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
	memory *machine.Memory
}

func (w weights) Close() error {
	w.memory.Available += 40 << 10
	return nil
}

// TestGuests lets people in where memory is short: the model leaves for the first and
// may come back after the last.
func TestGuests(t *testing.T) {
	memory := machine.Memory{Total: 60 << 10}
	s := &slot{}
	load := func(available int) {
		memory.Available = available
		s.name, s.engine = "exact", weights{memory: &memory}
	}
	load(2 << 10)
	g := &guests{slot: s, memory: func() machine.Memory { return memory }}

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
	// The next one finds the model gone already, and may not come back meanwhile.
	third, err := g.enter()
	if err != nil || s.busy() == nil {
		t.Errorf("enter() = %v, then %v; want it reserved", err, s.busy())
	}
	third()

	// Not even enough without the model.
	load(-100 << 10)
	if _, err := g.enter(); err == nil || s.busy() != nil {
		t.Errorf("enter() = %v, %v; want it refused and stories going on", err, s.busy())
	}

	// The suites have the memory.
	if err := s.reserve("the test suites are running"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.enter(); err == nil || err.Error() != "the test suites are running" {
		t.Errorf("enter() = %v; want what is going on", err)
	}
	s.release()

	// A story is told, the memory is that of a PC, or not.
	s.newest = new(story.Story)
	if _, err := g.enter(); err == nil || errors.Is(err, story.ErrBusy) {
		t.Errorf("enter() = %v beside a story; want it refused", err)
	}
	memory = machine.Memory{Total: roomy, Available: roomy}
	load(roomy)
	leave, err := g.enter()
	if err != nil || s.engine == nil {
		t.Errorf("enter() = %v, engine %v; want the model left alone", err, s.engine)
	}
	leave()
}
