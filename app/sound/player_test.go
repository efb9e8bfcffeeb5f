package sound

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeCard plays in (the test's) real time out of a buffer of 200 ms.
type fakeCard struct {
	hz    int
	mu    sync.Mutex
	heard []int16
	ends  time.Time // when what it holds is played
	gone  bool
	dry   int // times that it ran out of samples
}

func (c *fakeCard) Name() string { return "the fake card" }
func (c *fakeCard) Hz() int      { return c.hz }
func (c *fakeCard) Drain() error { time.Sleep(time.Until(c.ends)); return nil }
func (c *fakeCard) Close() error { return nil }

func (c *fakeCard) Write(s []int16) error {
	now := time.Now()
	if c.ends.Before(now) {
		if !c.ends.IsZero() && len(c.heard) > 0 {
			c.dry++
		}
		c.ends = now
	}
	c.ends = c.ends.Add(time.Duration(len(s)) * time.Second / time.Duration(c.hz))
	time.Sleep(time.Until(c.ends) - 200*time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return errors.New("unplugged")
	}
	c.heard = append(c.heard, s...)
	return nil
}

// sound is what was played so far.
func (c *fakeCard) sound() []int16 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

func (c *fakeCard) unplug() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
}

// slot is where cards are plugged in.
type slot struct {
	mu   sync.Mutex
	card *fakeCard
}

func (s *slot) open() (Card, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.card == nil || s.card.gone {
		return nil, ErrNoCard
	}
	return s.card, nil
}

func (s *slot) plug(c *fakeCard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.card = c
}

type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, s)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

// bubble runs f in a bubble with its own clock.
func bubble(t *testing.T, card *fakeCard, patience time.Duration, f func(*testing.T, *Player, *slot, *lines)) {
	synctest.Test(t, func(t *testing.T) {
		s, l := &slot{card: card}, &lines{}
		p := NewPlayer(s.open, patience, l.add)
		defer p.Close()
		f(t, p, s, l)
	})
}

// ramped counts up, so that every sample is known by its value.
func ramped(n int) []int16 {
	s := make([]int16, n)
	for i := range s {
		s[i] = int16(1 + i%30000)
	}
	return s
}

// sounds takes the silence off both ends.
func sounds(s []int16) []int16 {
	for len(s) > 0 && s[0] == 0 {
		s = s[1:]
	}
	for len(s) > 0 && s[len(s)-1] == 0 {
		s = s[:len(s)-1]
	}
	return s
}

func TestPlayer(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, l *lines) {
		want := ramped(3*Rate + 77)
		begun := time.Now()
		for part := range slices.Chunk(want, 1000) {
			if err := p.Write(t.Context(), Rate, part); err != nil {
				t.Fatal(err)
			}
		}
		p.Mark()
		if err := p.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("3 s of sound were drained after %v", took)
		}
		if !slices.Equal(sounds(card.sound()), want) {
			t.Errorf("heard %d samples, not the %d written", len(sounds(card.sound())), len(want))
		}
		if at := p.Played(); len(at) != 1 || at[0].Sub(begun) < 0 || at[0].Sub(begun) > 100*time.Millisecond {
			t.Errorf("played at %v; want one sentence, at most 100 ms after %v", at, begun)
		}
		if l.String() != "" {
			t.Errorf("lines: %s", l)
		}
	})
}

// A sentence shorter than what is primed plays at once after its mark.
func TestPlayerShort(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		for range 3 {
			p.Write(t.Context(), 16000, sine(16000, 440, 10000)[:1600])
			p.Mark()
			if err := p.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(5 * time.Second) // long enough for the card to be let go
		}
		if n := len(p.Played()); n != 3 {
			t.Errorf("heard %d sentences; want 3", n)
		}
		if got := level(sounds(card.sound())[:Rate/10], Rate, 440); math.Abs(got-10000) > 200 {
			t.Errorf("a 440 Hz tone of 10000 is heard at %.0f", got)
		}
	})
}

// click is the greatest jump between neighbours.
func click(s []int16) int {
	most := 0
	for i := 1; i < len(s); i++ {
		most = max(most, int(s[i])-int(s[i-1]), int(s[i-1])-int(s[i]))
	}
	return most
}

// A voice that stalls for 300 ms is not noticed; one that stalls for a second
// leaves a gap without clicks.
func TestPlayerStall(t *testing.T) {
	for _, test := range []struct {
		stall  time.Duration
		gapped bool
	}{{300 * time.Millisecond, false}, {time.Second, true}} {
		card := &fakeCard{hz: Rate}
		bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
			tone := sine(Rate, 300, 20000)
			p.Write(t.Context(), Rate, tone[:Rate/2]) // 150 whole waves
			time.Sleep(test.stall)
			p.Write(t.Context(), Rate, tone[Rate/2:])
			p.Mark()
			p.Drain(t.Context())
			heard := sounds(card.sound())
			if whole := slices.Equal(heard, sounds(tone)); whole == test.gapped {
				t.Errorf("a stall of %v: whole %v; want %v", test.stall, whole, !test.gapped)
			}
			if got, most := click(heard), click(tone)*11/10; got > most {
				t.Errorf("a stall of %v: a jump of %d; want at most %d", test.stall, got, most)
			}
			if card.dry > 0 {
				t.Errorf("a stall of %v: the card ran dry %d times", test.stall, card.dry)
			}
		})
	}
}

// The sentence of a voice that is slower than its speech has no holes.
func TestPlayerSlowVoice(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		want := ramped(4 * Rate)
		for part := range slices.Chunk(want, Rate/10) {
			p.Write(t.Context(), Rate, part)
			time.Sleep(150 * time.Millisecond)
		}
		p.Mark()
		p.Drain(t.Context())
		if !slices.Equal(sounds(card.sound()), want) {
			t.Error("the sentence has holes")
		}
	})
}

// A sentence that begins while the one before is still played is no different:
// if its voice is slow, it is collected first.
func TestPlayerSlowSecond(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		first, second := ramped(2*Rate), ramped(4*Rate)
		p.Write(t.Context(), Rate, first)
		p.Mark()
		time.Sleep(1500 * time.Millisecond)
		for part := range slices.Chunk(second, Rate/10) {
			p.Write(t.Context(), Rate, part)
			time.Sleep(150 * time.Millisecond)
		}
		p.Mark()
		p.Drain(t.Context())
		heard := sounds(card.sound())
		if !slices.Equal(heard[:len(first)], first) || !slices.Equal(sounds(heard[len(first):]), second) {
			t.Error("a sentence has holes")
		}
		if at := p.Played(); len(at) != 2 || at[1].Sub(at[0]) < 3*time.Second {
			t.Errorf("played at %v; want the second sentence when it was collected", at)
		}
	})
}

// A sentence's end may be told when all of it has been played.
func TestPlayerLateMark(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		p.Write(t.Context(), Rate, ramped(Rate))
		time.Sleep(3 * time.Second)
		p.Mark()
		p.Drain(t.Context())
		if heard(p) != 1 {
			t.Errorf("played at %v; want one sentence", p.Played())
		}
	})
}

// A voice that is fast enough to fill the ring leaves no gap between sentences,
// nor at the ends of periods.
func TestPlayerAhead(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		var want []int16
		for i := range 5 {
			text := ramped(4*Rate + 1234*i)
			for part := range slices.Chunk(text, Rate/25) {
				p.Write(t.Context(), Rate, part)
				time.Sleep(time.Millisecond)
			}
			p.Mark()
			want = append(want, text...)
		}
		p.Drain(t.Context())
		if got := sounds(card.sound()); !slices.Equal(got, want) {
			t.Errorf("heard %d samples; want all %d without a gap", len(got), len(want))
		}
	})
}

// However a voice dawdles, all is heard once and in order; only the fades where
// it kept the card waiting change it.
func TestPlayerAnyVoice(t *testing.T) {
	for seed := range uint64(60) {
		card := &fakeCard{hz: Rate}
		bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
			random := rand.New(rand.NewPCG(seed, 0))
			var want []int16
			sentences := 1 + random.IntN(4)
			for range sentences {
				slow := time.Duration(random.IntN(80)) * time.Millisecond
				for range random.IntN(60) {
					text := ramped(1 + random.IntN(4000))
					for i := range text {
						text[i] = int16(20000 + (len(want)+i)%10000)
					}
					p.Write(t.Context(), Rate, text)
					want = append(want, text...)
					time.Sleep(time.Duration(random.Int64N(int64(slow) + 1)))
					if random.IntN(15) == 0 {
						time.Sleep(1500 * time.Millisecond)
					}
				}
				p.Mark()
				time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
			}
			if err := p.Drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(p.Played()); n != sentences {
				t.Errorf("seed %d: %d of %d sentences played", seed, n, sentences)
			}
			got := slices.DeleteFunc(card.sound(), func(s int16) bool { return s == 0 })
			faded := 0
			for i := range min(len(got), len(want)) {
				if got[i] > want[i] {
					t.Fatalf("seed %d: sample %d is %d; want %d, or faded", seed, i, got[i], want[i])
				}
				if got[i] < want[i] {
					faded++
				}
			}
			if len(got) != len(want) || faded > len(want)/10 {
				t.Errorf("seed %d: %d samples heard, %d of them faded; want %d", seed, len(got), faded, len(want))
			}
		})
	}
}

func heard(p *Player) (n int) {
	for _, at := range p.Played() {
		if !at.IsZero() {
			n++
		}
	}
	return n
}

func TestPlayerNoCard(t *testing.T) {
	bubble(t, nil, 3*time.Second, func(t *testing.T, p *Player, s *slot, l *lines) {
		if err := p.Write(t.Context(), Rate, ramped(Rate)); err != nil {
			t.Errorf("within the patience: %v", err)
		}
		p.Mark()
		if err := p.Drain(t.Context()); err != ErrNoCard {
			t.Errorf("Drain() = %v; want %v", err, ErrNoCard)
		}
		begun := time.Now()
		for range 20 {
			if err := p.Write(t.Context(), Rate, ramped(Rate)); err != ErrNoCard {
				t.Errorf("after the patience: %v; want %v", err, ErrNoCard)
			}
			p.Mark()
		}
		if took := time.Since(begun); took > 0 {
			t.Errorf("20 sentences without a card took %v; want no time", took)
		}
		if got := strings.Count(l.String(), "no sound card"); got != 1 || heard(p) != 0 || len(p.Played()) != 21 || p.Listens() {
			t.Errorf("%d lines (%s), %d of %d heard, listens: %v; want 1 line, none of 21 heard", got, l, heard(p), len(p.Played()), p.Listens())
		}
		card := &fakeCard{hz: Rate}
		s.plug(card)
		time.Sleep(time.Second)
		p.Write(t.Context(), Rate, ramped(Rate))
		p.Mark()
		if err := p.Drain(t.Context()); err != nil || !slices.Equal(sounds(card.sound()), ramped(Rate)) {
			t.Errorf("with a card at last: %v, %d samples; want %d", err, len(sounds(card.sound())), Rate)
		}
	})
}

// A card that comes late hears the story from its beginning.
func TestPlayerLateCard(t *testing.T) {
	bubble(t, nil, time.Hour, func(t *testing.T, p *Player, s *slot, l *lines) {
		card := &fakeCard{hz: Rate}
		go func() {
			time.Sleep(20 * time.Second)
			s.plug(card)
		}()
		want := ramped(10 * Rate) // more than the ring holds
		p.Write(t.Context(), Rate, want)
		p.Mark()
		p.Drain(t.Context())
		if !slices.Equal(sounds(card.sound()), want) {
			t.Errorf("heard %d samples; want all %d", len(sounds(card.sound())), len(want))
		}
		if !strings.HasSuffix(l.String(), "speaking on the fake card") {
			t.Errorf("lines: %s; want the card's name at the end", l)
		}
	})
}

// Pulled out and plugged in again, nothing is heard twice, and no more is lost
// than the card held.
func TestPlayerUnplugged(t *testing.T) {
	card, other := &fakeCard{hz: Rate}, &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, s *slot, l *lines) {
		go func() {
			time.Sleep(2 * time.Second)
			card.unplug()
			time.Sleep(30 * time.Second)
			s.plug(other)
		}()
		want := sine(Rate, 1, 30000)
		want = slices.Concat(want, want, want, want, want)
		for i := range want {
			want[i] = int16(i/100 + 1) // every 100 samples are their own
		}
		p.Write(t.Context(), Rate, want)
		p.Mark()
		if err := p.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		first, second := sounds(card.sound()), sounds(other.sound())
		if len(first) == 0 || len(second) == 0 || first[len(first)-1] > second[Rate/ramps+100] {
			t.Fatalf("heard %d and %d samples; want some of each, in order", len(first), len(second))
		}
		if lost := len(want) - len(first) - len(second); lost < 0 || lost > 2*period {
			t.Errorf("%d samples were lost or heard twice; want at most what the card held", lost)
		}
		if got := l.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, ": unplugged;") {
			t.Errorf("lines: %s; want that it went and that it came", got)
		}
	})
}

// A card that goes when it has been given the last sound leaves nothing to wait for.
func TestPlayerUnpluggedAtTheEnd(t *testing.T) {
	card := &fakeCard{hz: Rate}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, l *lines) {
		p.Write(t.Context(), Rate, ramped(Rate))
		p.Mark()
		time.Sleep(850 * time.Millisecond) // all taken, 150 ms of it played by the card
		card.unplug()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := p.Drain(ctx); err != nil || heard(p) != 1 {
			t.Errorf("Drain() = %v, %d sentences heard; want nil, 1", err, heard(p))
		}
		if !strings.Contains(l.String(), "unplugged") {
			t.Errorf("lines: %s; want that it went", l)
		}
	})
}

// deafCard takes what it can hold and then plays nothing.
type deafCard struct {
	fakeCard
	n int
}

func (c *deafCard) Write(s []int16) error {
	if c.n += len(s); c.n > 4*period {
		time.Sleep(10 * time.Second)
		return errors.New("input/output error")
	}
	return nil
}

// A card that opens but does not play is none in the end, and one line.
func TestPlayerDeafCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &lines{}
		p := NewPlayer(func() (Card, error) { return &deafCard{fakeCard: fakeCard{hz: Rate}}, nil }, time.Second, l.add)
		defer p.Close()
		begun := time.Now()
		for range 20 {
			p.Write(t.Context(), Rate, ramped(3*Rate))
			p.Mark()
		}
		if err := p.Drain(t.Context()); err != ErrNoCard {
			t.Errorf("Drain() = %v; want %v", err, ErrNoCard)
		}
		if took := time.Since(begun); took > 2*replug {
			t.Errorf("given up after %v; want at most %v", took, 2*replug)
		}
		if n := len(p.Played()); n != 20 || heard(p) > 5 {
			t.Errorf("%d sentences, %d of them heard; want 20, hardly any", n, heard(p))
		}
		if got := l.String(); strings.Count(got, "\n") != 0 || !strings.Contains(got, "input/output error; the story goes on") {
			t.Errorf("lines: %s; want one", got)
		}
	})
}

// A writer that has to wait can be told to stop, and so can the player.
func TestPlayerStops(t *testing.T) {
	bubble(t, nil, time.Hour, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.Write(ctx, Rate, ramped(7*Rate)); err != context.DeadlineExceeded {
			t.Errorf("Write() = %v; want %v", err, context.DeadlineExceeded)
		}
		p.Discard()
		if err := p.Drain(t.Context()); err != nil {
			t.Errorf("Drain() after Discard() = %v", err)
		}
		p.Close()
		if err := p.Write(t.Context(), Rate, ramped(1)); err != ErrNoCard {
			t.Errorf("Write() after Close() = %v; want %v", err, ErrNoCard)
		}
	})
}

// A card of another rate gets its own.
func TestPlayerRate(t *testing.T) {
	card := &fakeCard{hz: 44100}
	bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
		p.Write(t.Context(), Rate, sine(Rate, 1000, 10000))
		p.Mark()
		p.Drain(t.Context())
		if got := level(sounds(card.sound()), 44100, 1000); math.Abs(got-10000) > 200 {
			t.Errorf("a 1 kHz tone of 10000 is heard at %.0f", got)
		}
	})
}

// A voice of another rate than the one before is heard as it is, whether its first
// samples come when all is played or behind others.
func TestPlayerRates(t *testing.T) {
	for _, pause := range []time.Duration{0, 5 * time.Second} {
		card := &fakeCard{hz: Rate}
		bubble(t, card, time.Second, func(t *testing.T, p *Player, _ *slot, _ *lines) {
			for _, hz := range []int{16000, 22050, 48000, 16000} {
				p.Write(t.Context(), hz, sine(hz, 1000, 10000))
				p.Mark()
				time.Sleep(pause)
			}
			p.Drain(t.Context())
			rest := sounds(card.sound())
			for i := range 4 {
				rest = sounds(rest) // without the pause
				if len(rest) < Rate*9/10 {
					t.Fatalf("pauses of %v: %d samples of sentence %d are heard; want %d", pause, len(rest), i+1, Rate)
				}
				if got := level(rest[Rate/10:Rate*8/10], Rate, 1000); math.Abs(got-10000) > 200 {
					t.Errorf("pauses of %v, sentence %d: a 1 kHz tone of 10000 is heard at %.0f", pause, i+1, got)
				}
				rest = rest[min(len(rest), Rate+Rate/1000):]
			}
		})
	}
}

// One good sink is enough, and what is wrong with a file is still told.
func TestTee(t *testing.T) {
	bad := errors.New("bad")
	for _, test := range []struct {
		errs []error
		want error
	}{
		{[]error{nil, nil}, nil},
		{[]error{nil, ErrNoCard}, nil},
		{[]error{ErrNoCard}, ErrNoCard},
		{[]error{bad, nil}, bad},
		{[]error{bad, ErrNoCard}, bad},
	} {
		var tee Tee
		for _, err := range test.errs {
			tee = append(tee, stubSink{err})
		}
		if got := tee.Write(t.Context(), Rate, nil); !errors.Is(got, test.want) || test.want == nil && got != nil {
			t.Errorf("sinks that say %v: %v; want %v", test.errs, got, test.want)
		}
	}
}

type stubSink struct{ err error }

func (s stubSink) Write(context.Context, int, []int16) error { return s.err }
func (s stubSink) Mark()                                     {}
func (s stubSink) Listens() bool                             { return s.err == nil }
func (s stubSink) Played() []time.Time                       { return nil }
func (s stubSink) Drain(context.Context) error               { return s.err }
func (s stubSink) Close() error                              { return s.err }
