// Package bench measures how fast a model tells stories, by the rules of the
// challenge: tokens per second by run.c's clock, which starts after the first
// position, over many runs, the fastest and the slowest left out of the mean.
// Beside the speed it watches the memory and what is read from the card.
package bench

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"duostoryteller/app/engine"
	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
	"duostoryteller/app/story"
)

// Options say what is measured.
type Options struct {
	Request  story.Request
	Runs     int
	NextSeed bool     // each run has the seed after the one before, not the same
	Against  *Program // measured in turns with ours, if not nil

	// Open opens what tells the stories; its time is part of the report.
	Open func() (llama.Engine, *llama.Tokenizer, error)
	// Progress, if not nil, is told before each run how many are done.
	Progress func(done, total int)
}

// Official is the challenge's run, as often as its jury made it.
func Official() Options {
	r := story.Defaults()
	r.Prompt, r.Seed = "Once upon a time", 123
	return Options{Request: r, Runs: 30}
}

// Run is one story.
type Run struct {
	Seed            uint64  `json:"seed"`
	Tokens          int     `json:"tokens"` // as run.c counts: the prompt's and a final BOS included
	TokensPerSecond float64 `json:"tokens_per_second"`
	FirstToken      float64 `json:"first_token_s"` // from the request to the first token after the prompt
	CardKB          int     `json:"card_kb"`       // read meanwhile by the whole machine
	Extreme         bool    `json:"extreme,omitempty"`
}

// Speed sums up runs. The mean is that of all runs but the fastest and the
// slowest, or of all if there are no three.
type Speed struct {
	Mean   float64 `json:"mean"`
	Spread float64 `json:"spread"` // standard deviation of what the mean is of
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// Work is what the engine did for a sampled token, on average.
type Work struct {
	Sampled    int64   `json:"sampled"`          // tokens, in all
	Rounds     float64 `json:"rounds"`           // passes through the layers
	Drafted    float64 `json:"drafted"`          // guessed tokens
	Accepted   float64 `json:"accepted"`         // right guesses
	RowsScored float64 `json:"rows"`             // of the classifier, exactly
	Deepened   int64   `json:"deepened"`         // decisions, in all, that looked at more rows than usual
	Refined    int64   `json:"refined"`          // decisions, in all, that took what the screen leaves
	Fallbacks  int64   `json:"fallbacks"`        // decisions, in all, that took the whole classifier
	RowBytes   float64 `json:"row_bytes"`        // read from the model's file
	RowReads   float64 `json:"row_reads"`        // rows read one by one
	DraftMS    float64 `json:"draft_ms"`         // guessing: rough layers, attention apart
	LayersMS   float64 `json:"layers_ms"`        // the layers for good, attention apart
	AttendMS   float64 `json:"attention_ms"`     // of both
	ScreenMS   float64 `json:"screen_ms"`        // bounding the classifier's rows
	RowsMS     float64 `json:"rows_ms"`          // scoring some of them exactly
	SampleMS   float64 `json:"sample_ms"`        // deciding
	MedianRead int64   `json:"median_row_bytes"` // of the tokens of the last run
}

// Memory is in kB.
type Memory struct {
	Total     int `json:"total"`
	Available int `json:"available"` // at its lowest during the watched story
	Peak      int `json:"peak"`      // resident, of this process
	Before    int `json:"before"`    // available before the model was opened
}

// Card counts, for the whole machine.
type Card struct {
	KBBefore       int `json:"kb_opening"`       // read while opening and telling the first story
	MedianKBAToken int `json:"median_kb_token"`  // of the watched story
	KBWatched      int `json:"kb_watched_story"` // read during it
	MajorFaults    int `json:"major_faults"`     // during all runs
	SwapIn         int `json:"swap_in"`
	SwapOut        int `json:"swap_out"`
	OOMKills       int `json:"oom_kills"`
}

// Report is what was measured. Times are in seconds unless named otherwise.
type Report struct {
	Environment Environment   `json:"environment"`
	Request     story.Request `json:"request"`
	Opening     float64       `json:"opening_s"`     // of the model and tokenizer
	FirstToken  float64       `json:"first_token_s"` // from the start of opening to the first story's first own token
	WarmToken   float64       `json:"warm_token_s"`  // the same from the request, median of the later runs
	Runs        []Run         `json:"runs"`
	Speed       Speed         `json:"tokens_per_second"`
	PerToken    []float64     `json:"ms_per_token"` // by position, mean of the runs that count
	SHA256      string        `json:"text_sha256"`  // of the first story
	Text        string        `json:"text"`         // of the first story
	Work        *Work         `json:"work,omitempty"`
	Memory      Memory        `json:"memory_kb"`
	Card        Card          `json:"card"`
	Against     *Baseline     `json:"against,omitempty"`
}

// counted is an engine that counts its work.
type counted interface{ Counters() engine.Counters }

// bench is one measurement on its way.
type bench struct {
	Options
	engine    llama.Engine
	tokenizer *llama.Tokenizer
	report    *Report
	times     [][]float64 // ms by run and position
	texts     map[uint64][32]byte
}

// Measure runs the benchmark. The engine is closed when it returns.
func Measure(ctx context.Context, o Options) (report *Report, err error) {
	if o.Runs < 1 {
		return nil, fmt.Errorf("bench: %d runs, not one or more", o.Runs)
	}
	o.Request = o.Request.Settled(time.Now())
	b := &bench{Options: o, report: &Report{Request: o.Request, Environment: ThisMachine()}, texts: make(map[uint64][32]byte)}
	resetPeak()
	b.report.Memory.Before = memory().Available
	start, begin := counters(), time.Now()
	if b.engine, b.tokenizer, err = o.Open(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.engine.Close()) }()
	b.report.Opening = time.Since(begin).Seconds()
	worked := b.work()
	if o.Against != nil {
		b.report.Against = &Baseline{Program: o.Against.Path, SameText: true}
	}
	for i := range o.Runs {
		if o.Progress != nil {
			o.Progress(i, o.Runs)
		}
		debug.FreeOSMemory() // as a [story.Teller] does after a story
		started := time.Since(begin)
		if err := b.run(ctx); err != nil {
			return nil, err
		}
		if i == 0 {
			b.report.FirstToken = started.Seconds() + b.report.Runs[0].FirstToken
			b.report.Card.KBBefore = counters().ReadKB - start.ReadKB
		}
	}
	if o.Progress != nil {
		o.Progress(o.Runs, o.Runs)
	}
	b.report.Work = per(worked, b.work())
	if err := b.watch(ctx); err != nil {
		return nil, err
	}
	end := counters()
	c := &b.report.Card
	c.MajorFaults, c.SwapIn, c.SwapOut, c.OOMKills = end.MajorFaults-start.MajorFaults, end.SwapIn-start.SwapIn, end.SwapOut-start.SwapOut, end.OOMKills-start.OOMKills
	b.sumUp()
	return b.report, nil
}

// request is that of the n-th run.
func (b *bench) request(n int) story.Request {
	r := b.Request
	if b.NextSeed {
		r.Seed += uint64(n)
	}
	return r
}

// tell tells one story at full speed. each is called after each token, within
// the clock.
func (b *bench) tell(ctx context.Context, r story.Request, each func(token int)) (text []byte, stats llama.Stats, err error) {
	sampler := llama.NewSampler(b.tokenizer.VocabSize(), r.Temperature, r.TopP, r.Seed)
	prompt := b.tokenizer.Encode(r.Prompt, true, false)
	told := 1 // BOS
	stats, err = llama.Generate(b.engine, b.tokenizer, sampler, prompt, r.Steps, func(_ int, piece []byte) error {
		if llama.Printable(piece) {
			text = append(text, piece...)
		}
		told++
		each(told - len(prompt))
		return ctx.Err()
	})
	return text, stats, err
}

// run measures one story, and one of the program compared with.
func (b *bench) run(ctx context.Context) error {
	r := b.request(len(b.report.Runs))
	before := counters().ReadKB
	var first time.Duration
	times := make([]float64, 0, 256)
	begin := time.Now()
	last := begin
	text, stats, err := b.tell(ctx, r, func(own int) {
		now := time.Now()
		if own == 1 {
			first = now.Sub(begin)
		}
		times = append(times, float64(now.Sub(last).Microseconds())/1000)
		last = now
	})
	if err != nil {
		return err
	}
	b.report.Runs = append(b.report.Runs, Run{Seed: r.Seed, Tokens: stats.Tokens, TokensPerSecond: stats.TokensPerSecond(),
		FirstToken: first.Seconds(), CardKB: counters().ReadKB - before})
	b.times = append(b.times, times)
	sum := sha256.Sum256(text)
	if old, told := b.texts[r.Seed]; told && old != sum {
		return fmt.Errorf("bench: the same request told two different stories (seed %d): the memory or the program is faulty", r.Seed)
	}
	b.texts[r.Seed] = sum
	if b.report.SHA256 == "" {
		b.report.SHA256 = hex.EncodeToString(sum[:])
		b.report.Text = printable(text)
	}
	if b.Against == nil {
		return nil
	}
	speed, theirs, err := b.Against.tell(ctx, r)
	if err != nil {
		return err
	}
	a := b.report.Against
	a.Runs = append(a.Runs, speed)
	a.SameText = a.SameText && bytes.Equal(theirs, text)
	return nil
}

// watch tells one more story and looks at memory and card after every token,
// which would disturb a clock.
func (b *bench) watch(ctx context.Context) error {
	lowest := memory()
	first := counters().ReadKB
	card := first
	var cardKB, rowBytes []int
	counting, _ := b.engine.(counted)
	var rows int64
	if counting != nil {
		rows = counting.Counters().BytesRead
	}
	_, _, err := b.tell(ctx, b.request(b.Runs), func(int) {
		lowest.Available = min(lowest.Available, memory().Available)
		now := counters().ReadKB
		cardKB, card = append(cardKB, now-card), now
		if counting != nil {
			now := counting.Counters().BytesRead
			rowBytes, rows = append(rowBytes, int(now-rows)), now
		}
	})
	m := &b.report.Memory
	m.Total, m.Available, m.Peak = lowest.Total, lowest.Available, peakMemory()
	b.report.Card.MedianKBAToken, b.report.Card.KBWatched = median(cardKB), card-first
	if b.report.Work != nil {
		b.report.Work.MedianRead = int64(median(rowBytes))
	}
	return err
}

// work is what the engine has counted, if it counts.
func (b *bench) work() *engine.Counters {
	if e, ok := b.engine.(counted); ok {
		c := e.Counters()
		return &c
	}
	return nil
}

// per is the work between two counts by sampled token.
func per(from, to *engine.Counters) *Work {
	if from == nil || to == nil || to.Sampled == from.Sampled {
		return nil
	}
	n := float64(to.Sampled - from.Sampled)
	each := func(from, to int64) float64 { return float64(to-from) / n }
	ms := func(from, to time.Duration) float64 { return (to - from).Seconds() * 1000 / n }
	return &Work{
		Sampled: to.Sampled - from.Sampled,
		Rounds:  each(from.Rounds, to.Rounds), Drafted: each(from.Drafted, to.Drafted), Accepted: each(from.Accepted, to.Accepted),
		RowsScored: each(from.RowsScored, to.RowsScored), RowBytes: each(from.BytesRead, to.BytesRead), RowReads: each(from.RowReads, to.RowReads),
		Deepened: to.Deepened - from.Deepened, Refined: to.Refined - from.Refined, Fallbacks: to.Fallbacks - from.Fallbacks,
		DraftMS: ms(from.Draft, to.Draft), LayersMS: ms(from.Verify, to.Verify), AttendMS: ms(from.Attend, to.Attend),
		ScreenMS: ms(from.Screening, to.Screening), RowsMS: ms(from.Scoring, to.Scoring),
		SampleMS: ms(from.Decide-from.Screening-from.Scoring, to.Decide-to.Screening-to.Scoring),
	}
}

// sumUp fills in what is computed from all runs.
func (b *bench) sumUp() {
	r := b.report
	speeds := make([]float64, len(r.Runs))
	for i, run := range r.Runs {
		speeds[i] = run.TokensPerSecond
	}
	var extreme []bool
	r.Speed, extreme = sumUp(speeds)
	var firsts []float64
	for i := range r.Runs {
		r.Runs[i].Extreme = extreme[i]
		if i > 0 || len(r.Runs) == 1 {
			firsts = append(firsts, r.Runs[i].FirstToken)
		}
	}
	r.WarmToken = median(firsts)
	var counts []float64
	for i, times := range b.times {
		if extreme[i] {
			continue
		}
		for at, ms := range times {
			if at == len(r.PerToken) {
				r.PerToken, counts = append(r.PerToken, 0), append(counts, 0)
			}
			r.PerToken[at] += ms
			counts[at]++
		}
	}
	for at := range r.PerToken {
		r.PerToken[at] /= counts[at]
	}
	if r.Against != nil {
		r.Against.Speed, _ = sumUp(r.Against.Runs)
		if r.Against.Speed.Mean > 0 {
			r.Against.Ratio = r.Speed.Mean / r.Against.Speed.Mean
		}
	}
}

// median of nothing is 0.
func median[T int | float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// memory and counters are zero on a machine that does not tell.
func memory() machine.Memory {
	m, _ := machine.ReadMemory()
	return m
}

func counters() machine.Counters {
	c, _ := machine.ReadCounters()
	return c
}
