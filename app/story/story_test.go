package story_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"duostoryteller/app/llama"
	"duostoryteller/app/story"
	"duostoryteller/tests/testmodel"
)

// scripted is an engine that is handed its tokens one by one, and fails when
// there are no more.
type scripted struct {
	config llama.Config
	tokens chan int
	prompt []int
}

var errScript = errors.New("out of script")

func (e *scripted) Config() llama.Config { return e.config }
func (e *scripted) Close() error         { return nil }

func (e *scripted) Start(prompt []int, _ *llama.Sampler) error {
	e.prompt = prompt[1:]
	return nil
}

func (e *scripted) Next() (int, error) {
	if len(e.prompt) > 0 {
		token := e.prompt[0]
		e.prompt = e.prompt[1:]
		return token, nil
	}
	token, ok := <-e.tokens
	if !ok {
		return 0, errScript
	}
	return token, nil
}

func newTeller(t *testing.T) (*story.Teller, *scripted) {
	t.Helper()
	model := testmodel.Models()[0]
	var file bytes.Buffer
	if err := model.WriteTokenizer(&file); err != nil {
		t.Fatal(err)
	}
	tokenizer, err := llama.ReadTokenizer(&file, model.Config.VocabSize)
	if err != nil {
		t.Fatal(err)
	}
	e := &scripted{config: model.Config, tokens: make(chan int)}
	return story.NewTeller(e, tokenizer), e
}

const tokenA = 3 + 256 + 3 // "a": after the bytes come " ", "e", "t", "a"

// Readers of every pace, some there from the start and some late, some gone in
// the middle, get the same story while the teller waits for none.
func TestReaders(t *testing.T) {
	teller, engine := newTeller(t)
	s, err := teller.Tell(t.Context(), story.Request{Prompt: "tea"})
	if err != nil {
		t.Fatal(err)
	}
	var readers sync.WaitGroup
	follow := func() {
		if got := string(read(t, s)); got != "teaaaaa" {
			t.Errorf("a reader got %q; want %q", got, "teaaaaa")
		}
	}
	idle := s.Reader() // never reads until all is over
	for range 8 {
		readers.Go(follow)
	}
	for range 4 {
		readers.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			r := s.Reader()
			r.Next(ctx)
			cancel()
			for {
				if _, err := r.Next(ctx); err != nil {
					if !errors.Is(err, context.Canceled) && err != io.EOF {
						t.Error(err)
					}
					return
				}
			}
		})
		engine.tokens <- tokenA
		readers.Go(follow)
	}
	engine.tokens <- llama.BOS
	end, err := s.Wait(t.Context())
	if err != nil || end.Err != nil {
		t.Fatal(err, end.Err)
	}
	readers.Go(follow)
	readers.Wait()
	if first, err := idle.Next(t.Context()); err != nil || first.(story.Piece).Token != tokenA-3 {
		t.Errorf("the idle reader's first event = %v, %v; want the prompt's space", first, err)
	}
	// BOS, dummy space, t, e, a; four of the engine's and its BOS
	if got, want := end.Stats.Tokens, end.Stats.PromptTokens-1+4+1; got != want {
		t.Errorf("Tokens = %d; want %d", got, want)
	}
	if end.Stats.FirstToken < end.Stats.First {
		t.Errorf("the first token of the story came at %v, the first of all after %v", end.Stats.FirstToken, end.Stats.First)
	}
}

func TestOneStoryAtATime(t *testing.T) {
	teller, engine := newTeller(t)
	teller.Stop() // nothing to stop
	first, err := teller.Tell(t.Context(), story.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := teller.Tell(t.Context(), story.Request{}); err != story.ErrBusy {
		t.Errorf("Tell while telling = %v; want ErrBusy", err)
	}
	engine.tokens <- llama.BOS
	first.Wait(t.Context())
	stories, stop := iter.Pull(teller.Stories(t.Context()))
	defer stop()
	if got, _ := stories(); got != first {
		t.Errorf("the first of Stories is %p; want %p", got, first)
	}
	listener := make(chan *story.Story)
	go func() {
		s, _ := stories()
		listener <- s
	}()
	second, err := teller.Tell(t.Context(), story.Request{})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-listener; got != second {
		t.Errorf("the second of Stories is %p; want %p", got, second)
	}
	close(engine.tokens)
	if end, _ := second.Wait(t.Context()); !errors.Is(end.Err, errScript) {
		t.Errorf("a failing engine ended the story with %v; want %v", end.Err, errScript)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for s := range teller.Stories(gone) {
		t.Errorf("a story, %p, with a cancelled context", s)
	}
}

// Who follows a teller hears of every story, also of those that were over before it looked.
func TestStories(t *testing.T) {
	teller, engine := newTeller(t)
	close(engine.tokens) // each story ends at once
	var want []*story.Story
	tell := func() {
		s, err := teller.Tell(t.Context(), story.Request{})
		if err != nil {
			t.Fatal(err)
		}
		s.Wait(t.Context())
		want = append(want, s)
	}
	tell()
	stories, stop := iter.Pull(teller.Stories(t.Context()))
	defer stop()
	var got []*story.Story
	next := func() {
		s, _ := stories()
		got = append(got, s)
	}
	next()
	for range 3 {
		tell()
	}
	for range 3 {
		next()
	}
	if !slices.Equal(got, want) {
		t.Errorf("Stories gives %p; want %p", got, want)
	}
	late, stopLate := iter.Pull(teller.Stories(t.Context()))
	defer stopLate()
	if s, _ := late(); s != want[3] {
		t.Errorf("who comes late begins with %p; want the current story, %p", s, want[3])
	}
}

func TestStop(t *testing.T) {
	teller, engine := newTeller(t)
	s, err := teller.Tell(t.Context(), story.Request{})
	if err != nil {
		t.Fatal(err)
	}
	feeding, fed := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(fed)
		for i := 0; ; i++ {
			if i == 3 {
				close(feeding)
			}
			if _, ended := s.End(); ended {
				return
			}
			select {
			case engine.tokens <- tokenA:
			default:
			}
		}
	}()
	<-feeding
	teller.Stop()
	end, ended := s.End()
	if !ended || !errors.Is(end.Err, context.Canceled) {
		t.Errorf("after Stop: ended %v with %v; want context.Canceled", ended, end.Err)
	}
	<-fed
}

func TestSettled(t *testing.T) {
	teller, engine := newTeller(t)
	close(engine.tokens)
	s, err := teller.Tell(t.Context(), story.Request{Temperature: -1, TopP: 1.5, Steps: -3})
	if err != nil {
		t.Fatal(err)
	}
	s.Wait(t.Context())
	if r := s.Request; r.Temperature != 0 || r.TopP != 0.9 || r.Seed == 0 || r.Steps != 0 {
		t.Errorf("told as %+v; want temperature 0, top-p 0.9, a seed, steps 0", r)
	}
}

// Each story has an ID of its own, whatever else it has in common with another.
func TestID(t *testing.T) {
	for id, kept := range map[string]bool{"init-1": true, "a": true, "": false, "a b": false, "a.end": false, "../x": false, strings.Repeat("a", 65): false} {
		var got [2]string
		for i := range got {
			teller, engine := newTeller(t)
			close(engine.tokens)
			s, err := teller.Tell(t.Context(), story.Request{ID: id, Seed: 7})
			if err != nil {
				t.Fatal(err)
			}
			s.Wait(t.Context())
			got[i] = s.ID
		}
		if got[0] == "" || (got[0] == id) != kept || (got[0] == got[1]) != kept {
			t.Errorf("two stories asked for as %q are %q; kept: want %v", id, got, kept)
		}
	}
}
