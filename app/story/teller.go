package story

import (
	"context"
	"errors"
	"runtime/debug"
	"sync"
	"time"

	"duostoryteller/app/llama"
)

// ErrBusy is returned when a story is asked for while one is being told.
var ErrBusy = errors.New("a story is being told already")

// Teller tells stories with one engine, one at a time.
type Teller struct {
	engine    llama.Engine
	tokenizer *llama.Tokenizer

	mu     sync.Mutex
	newest *Story
	stop   context.CancelFunc // of the newest story
	begun  chan struct{}      // closed, and replaced, with each story
}

// NewTeller returns a teller. Engine and tokenizer stay the caller's, who may
// close them once [Teller.Stop] has returned and no story is asked for any more.
func NewTeller(e llama.Engine, t *llama.Tokenizer) *Teller {
	return &Teller{engine: e, tokenizer: t, begun: make(chan struct{})}
}

// Tell begins a story and returns at once; the story goes on by itself until
// it ends, ctx is done or Stop is called. It fails with ErrBusy while the one
// before has not ended.
func (t *Teller) Tell(ctx context.Context, r Request) (*Story, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newest != nil {
		if _, ended := t.newest.End(); !ended {
			return nil, ErrBusy
		}
	}
	now := time.Now()
	s := newStory(r.Settled(now), now)
	ctx, t.stop = context.WithCancel(ctx)
	t.newest = s
	close(t.begun)
	t.begun = make(chan struct{})
	go t.tell(ctx, t.stop, s)
	return s, nil
}

// tell runs one story to its end.
func (t *Teller) tell(ctx context.Context, done context.CancelFunc, s *Story) {
	defer done()
	r := s.Request
	sampler := llama.NewSampler(t.tokenizer.VocabSize(), r.Temperature, r.TopP, r.Seed)
	prompt := t.tokenizer.Encode(r.Prompt, true, false)
	var first time.Duration
	told := 1 // BOS
	stats, err := llama.Generate(t.engine, t.tokenizer, sampler, prompt, r.Steps, func(token int, piece []byte) error {
		at := time.Since(s.Begun)
		told++
		given := told <= len(prompt)
		if !given && first == 0 {
			first = at
		}
		if !llama.Printable(piece) {
			piece = nil
		}
		s.add(Piece{Token: token, Text: piece, At: at, Prompt: given})
		return ctx.Err()
	})
	s.add(End{Stats: Stats{Stats: stats, FirstToken: first}, Err: err})
	debug.FreeOSMemory() // what the story left behind: on the board a part of what is free
}

// Stop ends the story being told, if there is one, and waits until it has ended.
func (t *Teller) Stop() {
	t.mu.Lock()
	s, stop := t.newest, t.stop
	t.mu.Unlock()
	if s == nil {
		return
	}
	stop()
	s.Wait(context.Background())
}

// Newest returns the story begun last as soon as that is another than after,
// or ctx's error. With after nil it is the current story, or the first to come.
func (t *Teller) Newest(ctx context.Context, after *Story) (*Story, error) {
	for {
		t.mu.Lock()
		s, begun := t.newest, t.begun
		t.mu.Unlock()
		if s != after {
			return s, nil
		}
		select {
		case <-begun:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
