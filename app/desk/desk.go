// Package desk is where pages ask for stories and follow them, whatever carries what is
// said: package web carries it over the network, the browser's demo in messages between
// a page and its worker.
//
// A [Shelf] holds the stories told lately. A [Request] is checked and made one for a
// teller by [Desk.Asked]; what became of it has the numbers that HTTP has ([Status]),
// which the page knows. [Shelf.Stream] sends a page its events.
package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"duostoryteller/app/story"
)

const (
	// MaxPrompt is how many bytes a beginning may have: as a line on the console; the model
	// has 256 positions.
	MaxPrompt = 4 << 10
	// openingRunes is how much of a story the list of past ones shows.
	openingRunes = 70
)

// Teller is what *story.Teller does.
type Teller interface {
	Tell(context.Context, story.Request) (*story.Story, error)
	Stop()
	Stories(context.Context) iter.Seq[*story.Story]
}

// Engine is one way to compute stories, by its name. Among the engines of a
// Desk only one tells a story at a time; Tell of the others returns
// story.ErrBusy.
type Engine struct {
	Name string
	Teller
}

// Request is what a page sends and is told about a story.
type Request struct {
	Prompt      string  `json:"prompt"`
	Temperature float32 `json:"temperature"`
	TopP        float32 `json:"topp"`
	Seed        uint64  `json:"seed"`  // 0: the storyteller takes one
	Steps       int     `json:"steps"` // 0: as many as the model can
	Engine      string  `json:"engine,omitempty"`
	// Again is the ID of a story to tell once more, whoever asked for it: all else is then
	// that story's, exactly.
	Again string `json:"again,omitempty"`
}

// Story is the request for a teller.
func (r Request) Story() story.Request {
	return story.Request{Prompt: r.Prompt, Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed, Steps: r.Steps}
}

// Request returns how to ask for the same story again.
func (b Book) Request() Request {
	r := b.Story.Request
	return Request{Prompt: r.Prompt, Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed, Steps: r.Steps, Engine: b.Engine}
}

// Desk has what a request may ask for.
type Desk struct {
	Shelf   *Shelf
	Engines []Engine // at least one, the default first
}

// wrong is an error that comes of what the page asked for.
type wrong struct {
	error
	status int
}

func (w wrong) Unwrap() error { return w.error }

// ReadRequest reads a request. An error wraps what was wrong with reading.
func ReadRequest(r io.Reader) (request Request, err error) {
	decoder := json.NewDecoder(r)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&request); err != nil {
		return request, wrong{fmt.Errorf("this is no request for a story: %w", err), 400}
	}
	return request, nil
}

// Asked returns the engine and what it is to tell.
func (d *Desk) Asked(r Request) (Engine, story.Request, error) {
	if err := d.check(r); err != nil {
		return Engine{}, story.Request{}, wrong{err, 400}
	}
	asked := r.Story()
	if b, ok := d.Shelf.Find(r.Again); ok {
		asked, r.Engine = b.Story.Request, b.Engine
		asked.ID = "" // another story
		if d.engine(b.Engine) < 0 {
			// It was told before the settings were changed, and kept on the card.
			return Engine{}, asked, wrong{fmt.Errorf("that story was told by the engine %q, which is not offered now; type its beginning to have another told", b.Engine), 400}
		}
	} else if r.Again != "" {
		return Engine{}, asked, wrong{errors.New("no such story; /stories lists the stories kept"), 404}
	}
	return d.Engines[d.engine(r.Engine)], asked, nil
}

// engine returns the index of the engine of that name, the first for "".
func (d *Desk) engine(name string) int {
	if name == "" {
		return 0
	}
	return slices.IndexFunc(d.Engines, func(e Engine) bool { return e.Name == name })
}

// check says what is wrong with a request, in words for the person who made it.
func (d *Desk) check(r Request) error {
	switch {
	case len(r.Prompt) > MaxPrompt:
		return fmt.Errorf("the beginning has %d bytes; %d are allowed", len(r.Prompt), MaxPrompt)
	case !utf8.ValidString(r.Prompt) || strings.ContainsRune(r.Prompt, 0):
		return errors.New("the beginning is not a text")
	case !(r.Temperature >= 0):
		return fmt.Errorf("temperature %v; 0 and more are allowed", r.Temperature)
	case !(r.TopP >= 0 && r.TopP <= 1):
		return fmt.Errorf("topp %v; 0 to 1 are allowed", r.TopP)
	case r.Steps < 0 || r.Steps > math.MaxInt32:
		return fmt.Errorf("steps %d; 0 (as many as the model can) to %d are allowed", r.Steps, math.MaxInt32)
	case d.engine(r.Engine) < 0:
		return fmt.Errorf("there is no engine %q", r.Engine)
	}
	return nil
}

// Status says by HTTP's numbers why no story began, and in which words.
func Status(err error) (status int, why string) {
	var w wrong
	switch {
	case errors.As(err, &w):
		return w.status, err.Error()
	case err == story.ErrBusy:
		return 409, "another story is being told; listen along, or stop it first"
	case errors.Is(err, story.ErrBusy):
		return 503, err.Error()
	case errors.As(err, new(*story.Avoided)):
		return 422, err.Error()
	}
	return 500, fmt.Sprintf("the story could not begin: %v", err)
}

// Entry is a story in the list of past ones.
type Entry struct {
	ID      string  `json:"id"`
	Request Request `json:"request"`
	Opening string  `json:"opening"`
}

// List returns what is on the shelf, newest first.
func (s *Shelf) List() []Entry {
	entries := []Entry{}
	for _, b := range s.All() {
		if end, ended := b.Story.End(); ended && Avoided(end) {
			continue // another one is there in its place, or none
		}
		entries = append(entries, Entry{b.ID, b.Request(), firstWords(b.Story)})
	}
	return entries
}

// firstWords returns the first words of what is told of a story.
func firstWords(s *story.Story) string {
	text := []rune(strings.Join(strings.Fields(strings.Join(SoFar(s).Pieces, "")), " "))
	if len(text) <= openingRunes {
		return string(text)
	}
	text = text[:openingRunes]
	if i := strings.LastIndex(string(text), " "); i > 0 {
		return string(text)[:i] + " …"
	}
	return string(text) + "…"
}
