package hearing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"duostoryteller/app/sound"
)

// A Source is a microphone or a recording.
type Source interface {
	// Name says which it is.
	Name() string
	// Read waits for samples at Rate; io.EOF ends a recording.
	Read() ([]int16, error)
	Close() error
}

const (
	pollEvery = 5 * time.Second        // for a microphone that is not there
	seldom    = 5 * time.Minute        // for one that is there and fails
	steady    = time.Minute            // after which one that works counts as mended
	echo      = 400 * time.Millisecond // that a room and a card's buffer keep a word
	linger    = 5 * time.Second        // for which the recogniser waits for more
)

// A Listener hears what is said near a microphone, whenever there is one.
type Listener struct {
	Open func() (Source, error) // sound.ErrNoMicrophone: there is none
	Ear  *Ear
	// Deaf is asked whether the storyteller is speaking itself: what comes
	// meanwhile is not heard. Nil: never.
	Deaf func() bool
	// Enter, unless nil, makes room for the recogniser before an utterance is handed
	// to it, or says that it cannot: the utterance is passed over. What it returns is
	// called when the recogniser has ended, whatever became of the utterance.
	Enter func() (leave func(), ok bool)
	// Level, unless nil, is told the levels of each Read, in dB below full scale.
	Level func(level, floor float64, open bool)
	Log   func(string)

	wait func(ctx context.Context, d time.Duration) // nil: until then, or ctx ends
}

// Listen calls heard for each utterance, understood or not, until ctx or a
// recording ends. It is normal that there is no microphone: Log is told once, and
// the listener waits for one to be plugged in. One that fails is told of once, too,
// and tried less and less often, for each time the kernel may complain.
func (l *Listener) Listen(ctx context.Context, heard func(Heard)) error {
	defer l.Ear.Rest()
	told, delay := "", pollEvery
	for ctx.Err() == nil {
		source, err := l.Open()
		_, recording := source.(*Recording)
		var begun time.Time
		if err == nil {
			err = l.follow(ctx, source, heard, func() {
				if begun = time.Now(); !recording {
					l.Log("listening on " + source.Name())
				}
			})
			source.Close()
		}
		if !begun.IsZero() && time.Since(begun) >= steady {
			told, delay = "", pollEvery
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case recording && err != nil:
			return err
		case err != nil && err.Error() != told && ctx.Err() == nil:
			told = err.Error()
			line := told + "; everything else works"
			if !errors.Is(err, sound.ErrNoMicrophone) {
				line = "cannot listen: " + line
			}
			l.Log(line)
		}
		l.Ear.Rest()
		if errors.Is(err, sound.ErrNoMicrophone) {
			delay = pollEvery
		}
		l.pause(ctx, delay)
		delay = min(2*delay, seldom)
	}
	return ctx.Err()
}

func (l *Listener) pause(ctx context.Context, d time.Duration) {
	if l.wait != nil {
		l.wait(ctx, d)
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// follow listens to one source. It calls begun when that has given its first samples.
func (l *Listener) follow(ctx context.Context, source Source, heard func(Heard), begun func()) error {
	var gate Gate
	var failed error
	deaf, last := time.Time{}, time.Now()
	utterance := func(samples []int16) {
		h, passed, err := l.hear(ctx, samples)
		last = time.Now()
		switch {
		case ctx.Err() != nil, passed:
		case err != nil:
			failed = err
		default:
			heard(h)
		}
	}
	for ctx.Err() == nil && failed == nil {
		samples, err := source.Read()
		if errors.Is(err, io.EOF) {
			if gate.Flush(utterance); failed != nil {
				return failed
			}
			return err
		}
		if err != nil {
			return fmt.Errorf("%s: %w", source.Name(), err)
		}
		if begun != nil {
			begun()
			begun = nil
		}
		now := time.Now()
		if l.Deaf != nil && l.Deaf() {
			deaf = now
			l.Ear.Rest()
		}
		if now.Sub(deaf) < echo {
			gate.Forget()
			continue
		}
		gate.Listen(samples, utterance)
		if l.Level != nil {
			level, floor := gate.Level()
			l.Level(level, floor, gate.Open())
		}
		if !gate.Open() && now.Sub(last) > linger {
			l.Ear.Rest()
		}
	}
	return failed
}

// hear has the recogniser make out an utterance, in a turn of its own if there are any.
func (l *Listener) hear(ctx context.Context, samples []int16) (h Heard, passed bool, err error) {
	if l.Enter != nil {
		leave, ok := l.Enter()
		if !ok {
			return Heard{}, true, nil
		}
		defer leave()
		defer l.Ear.Rest() // its memory is the turn's
	}
	h, err = l.Ear.Hear(ctx, samples)
	return h, false, err
}

// A Recording is a Source out of memory, at Rate.
type Recording struct{ samples []int16 }

// NewRecording returns a source of samples of hz a second.
func NewRecording(hz int, samples []int16) *Recording {
	if hz != Rate {
		c := sound.NewResampler(hz, Rate)
		samples = c.Flush(c.Process(nil, samples))
	}
	return &Recording{samples}
}

// Name implements Source.
func (r *Recording) Name() string { return "the recording" }

// Read implements Source: a twentieth of a second.
func (r *Recording) Read() ([]int16, error) {
	n := min(len(r.samples), Rate/20)
	if n == 0 {
		return nil, io.EOF
	}
	s := r.samples[:n]
	r.samples = r.samples[n:]
	return s, nil
}

// Close implements Source.
func (r *Recording) Close() error { return nil }
