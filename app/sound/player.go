package sound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// A Card is a sound card that is open for playing.
type Card interface {
	// Name says which card it is.
	Name() string
	// Hz is its sample rate, at best Rate.
	Hz() int
	// Write plays mono samples, waiting until the card has taken them all.
	Write(samples []int16) error
	// Drain waits until everything is played.
	Drain() error
	// Close lets the card go.
	Close() error
}

// ErrNoCard is what an Opener reports when there is no card to play on.
var ErrNoCard = errors.New("no sound card")

// ErrNoMicrophone is what OpenMicrophone reports when no sound card records.
var ErrNoMicrophone = errors.New("no microphone")

const (
	// period is what a card is given at once, in samples of Rate: 50 ms, so
	// that playing wakes the processor 20 times a second.
	period = Rate / periods
	// periods are those of a second.
	periods = 20
	// ringSeconds is how far the voice may be ahead.
	ringSeconds = 6
	// prime is what must be there before a sentence begins to play, in hundredths
	// of a second. A card holds some of it, the ring the rest: together they
	// outlast a voice that stalls for 300 ms.
	prime = 45
	// idle is how long silence is played after the last sentence before the
	// card is let go.
	idle = 40 // periods
	// grace is how long a card's buffer of 200 ms can do without more.
	grace = 120 * time.Millisecond
	// settle is how long silence is played until a card, whose buffer is 200 ms,
	// has surely played the last sound.
	settle = 6 // periods
	// held is after how many periods a card surely plays: it holds four.
	held = 6
	// ramps are how many of the fades where sound is cut are a second: 4 ms each.
	ramps = 250
	// replug is how long a card that was there is waited for at least: somebody
	// has it in his hand.
	replug = time.Minute
	// pollEvery is how often a missing card is looked for.
	pollEvery = 500 * time.Millisecond
)

// Player plays sentences on a sound card. A writer is only held up by a full
// ring; a goroutine of its own feeds the card. Samples stay at the voice's rate,
// at 16 kHz a third of the memory, until the card is about to play them: by then
// the story may be over, which needs the processor more.
//
// A card that is not there is waited for, and what was written is kept until it
// comes, but no longer than the patience given (a minute at least for one that
// was there before): then it is dropped, and so is
// what is written as long as no card is there.
type Player struct {
	open     func() (Card, error)
	patience time.Duration
	poll     time.Duration
	log      func(string)
	done     chan struct{} // closed when the goroutine has ended
	stop     chan struct{} // closed to end it

	mu      sync.Mutex
	changed chan struct{} // closed and replaced when something below changes
	hz      int           // of the ring's samples; 0: nothing was written yet
	ring    []int16       // [start, start+n) modulo its length, ringSeconds
	start   int
	n       int
	taken   int64       // samples taken from the ring, ever
	marks   []int64     // values of taken at which sentences end
	played  []time.Time // when those that have ended began
	begun   time.Time   // when the one that is being played began; zero: it has not
	primed  time.Time   // when the first sample of the one being written came
	ahead   bool        // its writer had to wait for room
	flowing bool
	failed  bool // no card within the patience
	empty   bool // the card has played everything as well
	closed  bool

	writing sync.Mutex // one writer at a time
	toRing  converter  // to the ring's rate; without a resampler where that is the writer's
}

// NewPlayer returns a player on the card that open finds (see OpenCard), which
// reports ErrNoCard when there is none. log gets one line when a card is
// missing, goes, fails or comes back.
func NewPlayer(open func() (Card, error), patience time.Duration, log func(string)) *Player {
	return newPlayer(open, patience, pollEvery, log)
}

func newPlayer(open func() (Card, error), patience, poll time.Duration, log func(string)) *Player {
	p := &Player{
		open: open, patience: patience, poll: poll, log: log,
		done: make(chan struct{}), stop: make(chan struct{}), changed: make(chan struct{}),
		empty: true,
	}
	go p.run()
	return p
}

// Write implements Sink. It returns ErrNoCard, and drops the samples, while no
// card came within the patience.
func (p *Player) Write(ctx context.Context, hz int, samples []int16) error {
	p.writing.Lock()
	defer p.writing.Unlock()
	own := p.rate(hz)
	if hz == own {
		p.toRing.Resampler = nil
		return p.put(ctx, samples)
	}
	return p.put(ctx, p.toRing.convert(hz, own, samples))
}

// rate returns that of the ring for a writer of hz: its own, unless there are
// samples of another.
func (p *Player) rate(hz int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hz != hz && p.n == 0 {
		p.hz, p.ring, p.start = hz, make([]int16, ringSeconds*hz), 0
	}
	return p.hz
}

func (p *Player) put(ctx context.Context, samples []int16) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(samples) > 0 {
		if p.closed || p.failed {
			return ErrNoCard
		}
		if p.n == len(p.ring) {
			p.ahead = true
			if err := p.wait(ctx); err != nil {
				return err
			}
			continue
		}
		if p.n == 0 || len(p.marks) > 0 && p.marks[len(p.marks)-1] == p.taken+int64(p.n) {
			p.primed, p.ahead = time.Now(), false
		}
		end := (p.start + p.n) % len(p.ring)
		k := copy(p.ring[end:min(len(p.ring), end+len(p.ring)-p.n)], samples)
		samples = samples[k:]
		p.n += k
		p.empty = false
		p.change()
	}
	return nil
}

// Mark implements Sink.
func (p *Player) Mark() {
	p.writing.Lock()
	defer p.writing.Unlock()
	if p.toRing.Resampler != nil {
		// The filter's tail; no context needed: 1 ms waits for nobody.
		_ = p.put(context.Background(), p.toRing.Flush(nil))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed || p.closed {
		p.played = append(p.played, time.Time{})
		return
	}
	p.marks = append(p.marks, p.taken+int64(p.n))
	p.pass() // all of it may have been played
	p.change()
}

// Listens implements Sink.
func (p *Player) Listens() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.failed && !p.closed
}

// Drain implements Sink. It returns ErrNoCard when no card came.
func (p *Player) Drain(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.empty {
		if p.failed || p.closed {
			return ErrNoCard
		}
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	if p.failed {
		return ErrNoCard
	}
	return nil
}

// Discard drops what was written and not played yet.
func (p *Player) Discard() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// Played implements Sink.
func (p *Player) Played() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.played)
}

// Close implements Sink.
func (p *Player) Close() error {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		p.change()
		close(p.stop)
	}
	p.mu.Unlock()
	<-p.done
	return nil
}

// wait lets go of mu until something changes.
func (p *Player) wait(ctx context.Context) error {
	c := p.changed
	p.mu.Unlock()
	defer p.mu.Lock()
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// change tells all who wait.
func (p *Player) change() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// drop gives up what is in the ring. The caller holds mu.
func (p *Player) drop() {
	p.taken += int64(p.n)
	p.played = append(p.played, make([]time.Time, len(p.marks))...)
	p.start, p.n, p.marks, p.flowing, p.empty, p.begun = 0, 0, nil, false, true, time.Time{}
	p.change()
}

// run feeds the card until the player is closed.
func (p *Player) run() {
	defer close(p.done)
	told := false // that there is no card
	patience := p.patience
	var since time.Time // when sound was there last; zero: now, or never
	for p.awaitSound() {
		card := p.awaitCard(patience, &told)
		if card == nil {
			return
		}
		err := p.feed(card, func() {
			since = time.Time{}
			if told {
				p.log(fmt.Sprintf("sound: speaking on %s", card.Name()))
				told = false
			}
		})
		patience = max(p.patience, replug)
		if err != nil {
			if !told {
				p.log(fmt.Sprintf("sound: %s: %v; the story goes on, its sound when a card is there again", card.Name(), err))
				told = true
			}
			if since.IsZero() {
				since = time.Now()
			}
			p.lose()
		}
		card.Close()
		if err != nil && time.Since(since) >= patience {
			// A card that opens and does not play is none. It may come round.
			p.give(true)
			select {
			case <-p.stop:
				return
			case <-time.After(replug):
			}
			p.give(false)
			since = time.Time{}
		}
	}
}

// lose gives up what a card held that failed. If that was all, all is played.
func (p *Player) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n == 0 {
		p.empty = true
		p.change()
	}
}

// give gives up, or takes heart again.
func (p *Player) give(up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = up
	if up {
		p.drop()
	}
}

// awaitSound waits until there is something to play; false: closed.
func (p *Player) awaitSound() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.n == 0 && !p.closed {
		p.wait(context.Background())
	}
	return !p.closed
}

// awaitCard opens a card, however long that takes; nil: closed. One that is there and
// does not open is tried less and less often: each time the kernel may complain.
func (p *Player) awaitCard(patience time.Duration, told *bool) Card {
	since := time.Now()
	for wait := p.poll; ; {
		card, err := p.open()
		if err == nil {
			p.give(false)
			return card
		}
		if !*told {
			*told = true
			p.log(fmt.Sprintf("sound: %v; the story goes on, its sound when a card is plugged in", err))
		}
		if time.Since(since) >= patience {
			p.give(true)
		}
		select {
		case <-p.stop:
			return nil
		case <-time.After(wait):
		}
		if errors.Is(err, ErrNoCard) {
			wait = p.poll
		} else {
			wait = min(2*wait, replug)
		}
	}
}

// feed plays until the ring has been empty for a while, or the card fails. It
// calls playing when the card has taken more than it can hold.
func (p *Player) feed(card Card, playing func()) error {
	var toCard converter
	var buf []int16
	p.mu.Lock()
	cut := p.flowing // the last sound ended inside a sentence, here on a card that is gone
	p.mu.Unlock()
	for silent, given := 0, 1; silent < idle; given++ {
		select {
		case <-p.stop:
			return nil
		default:
		}
		p.awaitMore()
		var hz int
		var sounding bool
		buf, hz, sounding = p.next(buf, &cut)
		if sounding {
			silent = 0
		} else {
			silent++
		}
		out := buf
		if hz != card.Hz() {
			out = toCard.convert(hz, card.Hz(), buf)
		}
		if err := card.Write(out); err != nil {
			return err
		}
		if given == held {
			playing()
		}
		if silent == settle {
			p.mu.Lock()
			if p.n == 0 {
				p.empty = true
				p.change()
			}
			p.mu.Unlock()
		}
	}
	// Some cards (virtio) report an error for a drain that was one.
	_ = card.Drain()
	return nil
}

// awaitMore waits, inside a sentence, for the samples of a whole period, but
// only as long as the card has enough to go on with.
func (p *Player) awaitMore() {
	p.mu.Lock()
	defer p.mu.Unlock()
	lacks := func() bool {
		return p.flowing && p.n < p.hz/periods+p.hz/ramps && len(p.marks) == 0 && !p.closed
	}
	if !lacks() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	for lacks() {
		if p.wait(ctx) != nil {
			return
		}
	}
}

// next returns the next period, made in buf if that is long enough, and its rate:
// sound as far as there is any that may begin, else silence. cut keeps between calls
// that sound ended inside a sentence, for lack of samples; there it is faded, for a
// sudden end would click.
func (p *Player) next(buf []int16, cut *bool) (_ []int16, hz int, sounding bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	buf = slices.Grow(buf[:0], p.hz/periods)[:p.hz/periods]
	clear(buf)
	ramp := p.hz / ramps
	n := 0
	for {
		p.pass()
		if n == len(buf) || !p.flowing && !p.mayBegin() {
			break
		}
		p.flowing = true
		if p.begun.IsZero() {
			p.begun = time.Now()
		}
		k, dry := min(len(buf)-n, p.n), false
		if len(p.marks) > 0 {
			k = min(k, int(p.marks[0]-p.taken))
		} else {
			dry = p.n < len(buf)-n+ramp // what to fade must be left
		}
		part := buf[n : n+k]
		copy(part[copy(part, p.ring[p.start:]):], p.ring)
		p.start = (p.start + k) % len(p.ring)
		p.n -= k
		p.taken += int64(k)
		n += k
		if *cut {
			fade(part[:min(k, ramp)], false)
			*cut = k == 0
		}
		if dry { // nothing follows for now
			fade(buf[max(0, n-ramp):n], true)
			p.flowing, *cut = false, true
			break
		}
	}
	p.change()
	return buf, p.hz, n > 0
}

// pass ends the sentences that were taken to their ends. The caller holds mu.
func (p *Player) pass() {
	for len(p.marks) > 0 && p.marks[0] <= p.taken {
		p.marks = p.marks[1:]
		p.played = append(p.played, p.begun)
		p.flowing, p.begun = false, time.Time{} // the next one begins on its own terms
	}
}

// mayBegin says whether what is in the ring is enough to begin, or go on, with:
// a whole sentence, or as much as bridges a stall of a voice that is faster than
// its speech. The speech of a slower one would be full of holes, so its sentence
// is collected first.
func (p *Player) mayBegin() bool {
	if p.n == 0 {
		return false
	}
	if len(p.marks) > 0 || p.n == len(p.ring) {
		return true
	}
	if p.ahead && p.n >= len(p.ring)/2 {
		return true
	}
	took := time.Since(p.primed)
	return p.n >= p.hz*prime/100 && took < time.Duration(p.n)*time.Second/time.Duration(p.hz*3/2)
}

// fade lets s rise from silence, or fall to it.
func fade(s []int16, fall bool) {
	for i := range s {
		k := i + 1
		if fall {
			k = len(s) - i
		}
		s[i] = int16(int(s[i]) * k / (len(s) + 1))
	}
}

// A Tee is a sink that gives everything to several.
type Tee []Sink

// Write implements Sink; all sinks get the samples, whatever one of them says.
func (t Tee) Write(ctx context.Context, hz int, samples []int16) error {
	return t.each(func(s Sink) error { return s.Write(ctx, hz, samples) })
}

// Mark implements Sink.
func (t Tee) Mark() {
	for _, s := range t {
		s.Mark()
	}
}

// Listens implements Sink: one of them is enough.
func (t Tee) Listens() bool { return slices.ContainsFunc(t, Sink.Listens) }

// Played implements Sink: when the first of them played each sentence.
func (t Tee) Played() (first []time.Time) {
	for _, s := range t {
		for i, at := range s.Played() {
			if i == len(first) {
				first = append(first, at)
			} else if !at.IsZero() && (first[i].IsZero() || at.Before(first[i])) {
				first[i] = at
			}
		}
	}
	return first
}

// Drain implements Sink.
func (t Tee) Drain(ctx context.Context) error {
	return t.each(func(s Sink) error { return s.Drain(ctx) })
}

// Close implements Sink.
func (t Tee) Close() error { return t.each(Sink.Close) }

// each calls f for every sink. The error is nil when one sink at least did
// well, unless another has news: only ErrNoCard beside a good sink is none.
func (t Tee) each(f func(Sink) error) error {
	errs := make([]error, 0, len(t))
	for _, s := range t {
		if err := f(s); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) < len(t) {
		errs = slices.DeleteFunc(errs, func(err error) bool { return errors.Is(err, ErrNoCard) })
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}
