package desk

import (
	"context"
	"errors"
	"strings"
	"time"

	"duostoryteller/app/story"
)

// Batch is what a reader found at once.
type Batch struct {
	Pieces []string // valid UTF-8
	End    *story.End
}

// Follow returns all that is there for reader, waiting until there is something.
func Follow(ctx context.Context, reader *story.Reader) (Batch, error) {
	var b Batch
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for {
		event, err := reader.Next(ctx)
		switch e := event.(type) {
		case story.Piece:
			b.Pieces = append(b.Pieces, strings.ToValidUTF8(string(e.Text), "\ufffd"))
		case story.End:
			b.End = &e
			return b, nil
		}
		if err != nil && len(b.Pieces) > 0 {
			return b, nil
		}
		if err != nil {
			return b, err
		}
		ctx = done // take what else is there, but wait no more
	}
}

// SoFar returns what is told of a story.
func SoFar(s *story.Story) Batch {
	now, cancel := context.WithCancel(context.Background())
	cancel()
	b, _ := Follow(now, s.Reader())
	return b
}

// Avoided tells whether a story was left for what it came to: of its last sentence, which
// is unfinished, nothing is to be read aloud.
func Avoided(end story.End) bool { return errors.As(end.Err, new(*story.Avoided)) }

// EndOf says why a story of so many pieces ended.
func EndOf(end story.End, pieces int) End {
	switch {
	case errors.Is(end.Err, context.Canceled):
		return End{Stopped: true}
	case Avoided(end):
		return End{Avoided: true, Anew: end.Next != nil}
	case end.Err != nil:
		return End{Error: end.Err.Error()}
	}
	// A story that ended by itself has one position more, that of its end.
	return End{Cut: pieces == end.Stats.Tokens}
}

// Speed returns tokens a second and the time to the first word of a story, as
// far as they are known. While it is told, the rate is that of the pieces.
func Speed(s *story.Story) (perSecond float64, first time.Duration) {
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
