package hearing

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"duostoryteller/app/sound"
)

// A broken microphone opens, and gives that many pieces of silence before it fails.
type broken struct{ pieces int }

func (b *broken) Name() string { return "the microphone" }
func (b *broken) Close() error { return nil }
func (b *broken) Read() ([]int16, error) {
	if b.pieces--; b.pieces < 0 {
		return nil, errors.New("input/output error")
	}
	return make([]int16, Rate/20), nil
}

// A microphone that fails is told of once and tried less and less often; one that is
// not there is looked for as before.
func TestListenerBacksOff(t *testing.T) {
	for name, test := range map[string]struct {
		open   func() (Source, error)
		delays []time.Duration
		lines  []string
	}{
		"does not open": {
			func() (Source, error) { return nil, errors.New("invalid argument") },
			[]time.Duration{5, 10, 20, 40, 80, 160, 300, 300},
			[]string{"cannot listen: invalid argument; everything else works"},
		},
		"gives nothing": {
			func() (Source, error) { return &broken{}, nil },
			[]time.Duration{5, 10, 20, 40, 80, 160, 300, 300},
			[]string{"cannot listen: the microphone: input/output error; everything else works"},
		},
		"is not there": {
			func() (Source, error) { return nil, sound.ErrNoMicrophone },
			[]time.Duration{5, 5, 5, 5, 5, 5, 5, 5},
			[]string{"no microphone; everything else works"},
		},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		var delays []time.Duration
		var lines []string
		l := Listener{Open: test.open, Ear: new(Ear), Log: func(s string) { lines = append(lines, s) },
			wait: func(_ context.Context, d time.Duration) {
				if delays = append(delays, d/time.Second); len(delays) == len(test.delays) {
					cancel()
				}
			}}
		if err := l.Listen(ctx, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: Listen() = %v", name, err)
		}
		if !slices.Equal(delays, test.delays) || !slices.Equal(lines, test.lines) {
			t.Errorf("%s: waited %d s and said %q; want %d, %q", name, delays, lines, test.delays, test.lines)
		}
	}
}
