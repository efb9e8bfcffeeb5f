package story

import (
	"context"
	"errors"
	"iter"
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
	last   *link              // the newest story's, or the first to come's
}

// A link is a story's place among those of a teller. It leads to later ones only, so
// that who follows them keeps none in memory that it has passed.
type link struct {
	story *Story
	next  *link
	begun chan struct{} // closed when story and next are set
}

func newLink() *link { return &link{begun: make(chan struct{})} }

// NewTeller returns a teller. Engine and tokenizer stay the caller's, who may
// close them once [Teller.Stop] has returned and no story is asked for any more.
func NewTeller(e llama.Engine, t *llama.Tokenizer) *Teller {
	return &Teller{engine: e, tokenizer: t, last: newLink()}
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
	l := t.last
	if t.newest != nil {
		l = l.next
	}
	t.newest = s
	t.last = l
	l.story, l.next = s, newLink()
	close(l.begun)
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

// Stories are the current story, if there is one, and then each that begins, none left
// out however soon the next one follows, until ctx ends or the caller stops.
func (t *Teller) Stories(ctx context.Context) iter.Seq[*Story] {
	return func(yield func(*Story) bool) {
		t.mu.Lock()
		l := t.last
		t.mu.Unlock()
		for {
			select {
			case <-l.begun:
			case <-ctx.Done():
				return
			}
			if ctx.Err() != nil || !yield(l.story) {
				return
			}
			l = l.next
		}
	}
}
