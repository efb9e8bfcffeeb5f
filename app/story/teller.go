package story

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"duostoryteller/app/avoid"
	"duostoryteller/app/llama"
)

// ErrBusy is returned when a story is asked for while one is being told.
var ErrBusy = errors.New("a story is being told already")

// Teller tells stories with one engine, one at a time.
type Teller struct {
	engine    llama.Engine
	tokenizer *llama.Tokenizer
	list      *avoid.List

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

// Avoid has stories not have what the list says, from before the first one on. When it
// comes up, the story ends with an [*Avoided] before that word, and one with the next seed
// is told in its place, at most maxAnew times. A request that is Exact is told as it is.
func (t *Teller) Avoid(l *avoid.List) { t.list = l }

// maxAnew is how often a story is begun anew.
const maxAnew = 3

// Avoided is the error of a story in which something of the list came up, or with which it
// was asked to begin.
type Avoided struct {
	Line   int  // of the list
	Tried  int  // stories; 0: the beginning itself has it
	Greedy bool // at temperature 0 another seed tells the same story
}

func (a *Avoided) Error() string {
	switch {
	case a.Tried == 0:
		return fmt.Sprintf("no story for children begins so (line %d of %s)", a.Line, avoid.File)
	case a.Greedy:
		return fmt.Sprintf("it came to what is not for children (line %d of %s); at temperature 0 it always does: begin otherwise, or take another temperature", a.Line, avoid.File)
	case a.Tried == 1:
		return fmt.Sprintf("it came to what is not for children (line %d of %s)", a.Line, avoid.File)
	}
	return fmt.Sprintf("%d stories in a row came to what is not for children (the last to line %d of %s): begin otherwise, or change the list", a.Tried, a.Line, avoid.File)
}

// Tell begins a story and returns at once; the story goes on by itself until
// it ends, ctx is done or Stop is called. It fails with ErrBusy while the one
// before has not ended, and with an [*Avoided] if the prompt has what is to be avoided.
func (t *Teller) Tell(ctx context.Context, r Request) (*Story, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newest != nil {
		if _, ended := t.newest.End(); !ended {
			return nil, ErrBusy
		}
	}
	if line := t.list.Find(r.Prompt); line > 0 && !r.Exact {
		return nil, &Avoided{Line: line}
	}
	now := time.Now()
	s := newStory(r.Settled(now), now)
	ctx, t.stop = context.WithCancel(ctx)
	t.begin(s)
	go t.tell(ctx, t.stop, s)
	return s, nil
}

// begin makes s the newest story. The caller holds mu.
func (t *Teller) begin(s *Story) {
	l := t.last
	if t.newest != nil {
		l = l.next
	}
	t.newest = s
	t.last = l
	l.story, l.next = s, newLink()
	close(l.begun)
}

// tell runs one story to its end, and those that are told in its place.
func (t *Teller) tell(ctx context.Context, done context.CancelFunc, s *Story) {
	defer done()
	defer debug.FreeOSMemory() // what the story left behind: on the board a part of what is free
	asked := s
	for tried := 1; ; tried++ {
		end := t.once(ctx, s)
		bad, avoided := errors.AsType[*Avoided](end.Err)
		if avoided && ctx.Err() != nil { // stopped just then
			end.Err, avoided = ctx.Err(), false
		}
		if !avoided {
			s.add(end)
			return
		}
		bad.Tried, bad.Greedy = 1, s.Request.Temperature == 0
		if tried > maxAnew || bad.Greedy {
			bad.Tried = tried
			s.add(end)
			return
		}
		r := s.Request
		r.ID = ""
		if r.Seed++; r.Seed == 0 { // which would be the clock's
			r.Seed = 1
		}
		end.Next = newStory(r, time.Now())
		end.Next.InPlace = asked
		t.mu.Lock() // in one step for who asks whether a story is told
		t.begin(end.Next)
		s.add(end)
		t.mu.Unlock()
		s = end.Next
	}
}

// once tells one story, and returns how it ends. A piece waits while it may be the
// beginning of what is to be avoided.
func (t *Teller) once(ctx context.Context, s *Story) End {
	r := s.Request
	sampler := llama.NewSampler(t.tokenizer.VocabSize(), r.Temperature, r.TopP, r.Seed)
	prompt := t.tokenizer.Encode(r.Prompt, true, false)
	list := t.list
	if r.Exact {
		list = nil
	}
	follow := list.Follow()
	var waiting []Piece
	release := func() {
		for _, p := range waiting {
			s.add(p)
		}
		waiting = waiting[:0]
	}
	var first time.Duration
	told := 1 // BOS
	if e, ok := t.engine.(llama.Stopper); ok {
		e.Until(ctx)
	}
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
		line, waits := follow.Write(piece)
		if line > 0 {
			return &Avoided{Line: line}
		}
		waiting = append(waiting, Piece{Token: token, Text: piece, At: at, Prompt: given})
		if !waits {
			release()
		}
		return ctx.Err()
	})
	if !errors.As(err, new(*Avoided)) {
		if line := follow.End(); line == 0 {
			release()
		} else if err == nil {
			err = &Avoided{Line: line}
		}
	}
	return End{Stats: Stats{Stats: stats, FirstToken: first}, Err: err}
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
	for s != nil {
		end, _ := s.Wait(context.Background())
		s = end.Next
	}
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
