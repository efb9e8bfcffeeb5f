// Package story tells one story at a time and lets any number of readers
// follow it. A story is a log of events that only grows: a reader keeps its own
// place in it, so one who comes late reads from the start, and one who is slow
// or has gone costs the telling nothing.
package story

import (
	"context"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync"
	"time"

	"duostoryteller/app/llama"
)

// Request asks for a story. The zero values of Seed and Steps mean the clock
// and the whole context.
type Request struct {
	ID          string  `json:"-"` // of the story; not valid: one is drawn. See [Story]
	Prompt      string  `json:"prompt"`
	Temperature float32 `json:"temperature"` // 0 for the most likely story
	TopP        float32 `json:"topp"`        // nucleus sampling in (0, 1); 0 or 1 for none
	Seed        uint64  `json:"seed"`
	Steps       int     `json:"steps"` // tokens, the prompt's included
	// Exact asks for this very story, whatever is in it: see [Teller.Avoid].
	Exact bool `json:"-"`
}

// Defaults is what run.c does unasked.
func Defaults() Request {
	return Request{Temperature: 1, TopP: 0.9, Steps: 256}
}

// Settled replaces what is out of range by run.c's rules.
func (r Request) Settled(now time.Time) Request {
	if r.Seed == 0 {
		r.Seed = uint64(uint32(now.Unix()))
	}
	if !(r.Temperature >= 0) {
		r.Temperature = 0
	}
	if !(r.TopP >= 0 && r.TopP <= 1) {
		r.TopP = 0.9
	}
	r.Temperature = min(r.Temperature, math.MaxFloat32) // as good as infinite, and JSON has it
	r.Steps = max(0, r.Steps)
	return r
}

// Event is a [Piece] or, last of all, an [End].
type Event interface{ event() }

// Piece is one token of the story, the prompt's tokens first.
type Piece struct {
	Token  int
	Text   []byte        // as printed by run.c: nothing for an unprintable byte; not to be changed
	At     time.Duration // since the story was asked for
	Prompt bool          // it is one of the prompt's, not the model's
}

// End closes a story.
type End struct {
	Stats Stats
	Err   error // nil, the context's error when stopped, an [*Avoided], or what failed
	// Next, unless nil, is told in this story's place: it begins alike, and has another seed.
	// Of this one the last words were left out, see [Teller.Avoid].
	Next *Story
}

func (Piece) event() {}
func (End) event()   {}

// Stats is what a story took.
type Stats struct {
	llama.Stats
	FirstToken time.Duration // from the request to the first token that is not the prompt's
}

// Story is one story, being told or told.
type Story struct {
	ID      string  // letters, digits and dashes; tells it from all others, as equal requests do not
	Request Request // as told: seed, temperature and top-p within their ranges
	Begun   time.Time
	InPlace *Story // the one asked for, in whose place this is told; nil: this one was asked for

	mu     sync.Mutex
	events []Event
	grown  chan struct{} // closed, and replaced, with each event
	ended  bool
}

// validID is what an ID is made of, so that it can stand in an address or a file name.
var validID = regexp.MustCompile(`^[0-9A-Za-z-]{1,64}$`)

func newStory(r Request, now time.Time) *Story {
	id := r.ID
	if !validID.MatchString(id) {
		id = strconv.FormatUint(rand.Uint64(), 36)
	}
	return &Story{ID: id, Request: r, Begun: now, grown: make(chan struct{})}
}

// ValidID tells whether a story can have an ID.
func ValidID(id string) bool { return validID.MatchString(id) }

// Restored returns a story that was told earlier, its text in one piece.
func Restored(r Request, text string, end End) *Story {
	s := newStory(r, time.Time{})
	s.add(Piece{Text: []byte(text)})
	s.add(end)
	return s
}

func (s *Story) add(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	_, s.ended = e.(End)
	close(s.grown)
	s.grown = make(chan struct{})
}

// from returns the events from the n-th on, whether they include the last, and
// what will be closed when there are more.
func (s *Story) from(n int) (events []Event, ended bool, grown <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[n:len(s.events):len(s.events)], s.ended, s.grown
}

// End returns the story's end, if it has come.
func (s *Story) End() (End, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		return End{}, false
	}
	return s.events[len(s.events)-1].(End), true
}

// Current returns the story that is told in this one's place by now: itself, or the last
// one that was begun anew.
func (s *Story) Current() *Story {
	for {
		end, ended := s.End()
		if !ended || end.Next == nil {
			return s
		}
		s = end.Next
	}
}

// Wait returns the story's end when it has come, or ctx's error.
func (s *Story) Wait(ctx context.Context) (End, error) {
	for {
		_, ended, grown := s.from(0)
		if ended {
			end, _ := s.End()
			return end, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return End{}, ctx.Err()
		}
	}
}

// Reader returns a reader at the story's start. It may be dropped at any time.
func (s *Story) Reader() *Reader { return &Reader{story: s} }

// Reader follows a story at its own pace. It is not for several goroutines.
type Reader struct {
	story *Story
	next  int
}

// Next returns the next event and waits for it if need be; after the End it
// returns io.EOF. It returns ctx's error if that is done first.
func (r *Reader) Next(ctx context.Context) (Event, error) {
	for {
		events, ended, grown := r.story.from(r.next)
		if len(events) > 0 {
			r.next++
			return events[0], nil
		}
		if ended {
			return nil, io.EOF
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
