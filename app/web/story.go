package web

import (
	"context"
	"errors"
	"iter"
	"strings"
	"time"

	"duostoryteller/app/story"
)

// Teller is what *story.Teller does.
type Teller interface {
	Tell(context.Context, story.Request) (*story.Story, error)
	Stop()
	Stories(context.Context) iter.Seq[*story.Story]
}

// Engine is one way to compute stories, by its name. Among the engines of a
// Server only one tells a story at a time; Tell of the others returns
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

func (r Request) story() story.Request {
	return story.Request{Prompt: r.Prompt, Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed, Steps: r.Steps}
}

// request returns how to ask for the same story again.
func (b book) request() Request {
	r := b.story.Request
	return Request{Prompt: r.Prompt, Temperature: r.Temperature, TopP: r.TopP, Seed: r.Seed, Steps: r.Steps, Engine: b.engine}
}

// watch puts an engine's stories on the shelf, whoever asked for them.
func (s *Server) watch(ctx context.Context, e Engine) {
	for begun := range e.Stories(ctx) {
		s.shelf.add(begun, e.Name)
		if s.keeper != nil {
			go s.keepWhenTold(ctx, begun)
		}
	}
}

// batch is what a reader found at once.
type batch struct {
	pieces []string // valid UTF-8
	end    *story.End
}

// follow returns all that is there for reader, waiting until there is something.
func follow(ctx context.Context, reader *story.Reader) (batch, error) {
	var b batch
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		event, err := reader.Next(ctx)
		switch e := event.(type) {
		case story.Piece:
			b.pieces = append(b.pieces, strings.ToValidUTF8(string(e.Text), "\ufffd"))
		case story.End:
			b.end = &e
			return b, nil
		}
		if err != nil && len(b.pieces) > 0 {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		ctx = done // take what else is there, but wait no more
	}
}

// soFar returns what is told of a story.
func soFar(s *story.Story) batch {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	b, _ := follow(now, s.Reader())
	return b
}

// avoided tells whether a story was left for what it came to: of its last sentence, which
// is unfinished, nothing is to be read aloud.
func avoided(end story.End) bool { return errors.As(end.Err, new(*story.Avoided)) }

// endOf says why a story of so many pieces ended.
func endOf(end story.End, pieces int) endEvent {
	switch {
	case errors.Is(end.Err, context.Canceled):
		return endEvent{Stopped: true}
	case avoided(end):
		return endEvent{Avoided: true, Anew: end.Next != nil}
	case end.Err != nil:
		return endEvent{Error: end.Err.Error()}
	}
	// A story that ended by itself has one position more, that of its end.
	return endEvent{Cut: pieces == end.Stats.Tokens}
}

// speed returns tokens a second and the time to the first word of a story, as
// far as they are known. While it is told, the rate is that of the pieces.
func speed(s *story.Story) (perSecond float64, first time.Duration) {
	if end, ok := s.End(); ok {
		return end.Stats.TokensPerSecond(), end.Stats.FirstToken
	}
	now, cancel := context.WithCancel(context.Background())
	cancel()
	var n int
	var begin, last time.Duration
	for reader := s.Reader(); ; n++ {
		event, err := reader.Next(now)
		piece, ok := event.(story.Piece)
		if err != nil || !ok {
			break
		}
		if last = piece.At; n == 0 {
			begin = last
		}
		if first == 0 && !piece.Prompt {
			first = last
		}
	}
	if n > 1 && last > begin {
		perSecond = float64(n-1) / (last - begin).Seconds()
	}
	return perSecond, first
}
