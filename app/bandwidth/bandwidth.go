// Package bandwidth measures on a machine what the model of the board's speed
// assumes: the processor's clock, what a fill of its cache costs, how fast the card
// is read, and how fast the kernels go that a token is made of.
//
// The model adds cycles and fills as if nothing overlapped. So the cost of a fill
// is measured apart: the time to touch every line of a stretch of memory, less
// the time of the same instructions within the cache. Each figure is that of the
// median of several passes.
package bandwidth

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"duostoryteller/app/arith"
	"duostoryteller/app/bench"
)

// Options say what is measured.
type Options struct {
	File  string        // a large file on the card; "" leaves the card out
	Short time.Duration // how long each figure is looked for; 0: half a second
	// Progress, if not nil, is told before each figure how many are done.
	Progress func(done, total int)
}

// Report is what was measured.
type Report struct {
	Environment bench.Environment `json:"environment"`
	Clock       float64           `json:"clock_hz"`
	Memory      Memory            `json:"memory"`
	Card        *Card             `json:"card,omitempty"`
	Kernels     []Kernel          `json:"kernels"`
}

// Memory is the way from memory into the cache.
type Memory struct {
	Fill float64 `json:"fill_bytes_per_s"`        // beside the instructions, which is what the model means
	Line float64 `json:"ns_per_line"`             // of 64 bytes: the same
	Read float64 `json:"read_bytes_per_s"`        // eight bytes at a time, instructions included
	Hit  float64 `json:"cached_read_bytes_per_s"` // the same within the cache
}

// Card is the card, read past the page cache.
type Card struct {
	File       string  `json:"file"`
	Sequential float64 `json:"sequential_bytes_per_s"`
	Random     float64 `json:"random_4k_ms"`
	Direct     bool    `json:"direct"` // false: the file system cannot read past the page cache, and both figures may be the memory's
}

// Kernel is one of the products that a token is made of. MAC is a multiplication
// with its addition.
type Kernel struct {
	Name   string  `json:"name"`
	Bytes  float64 `json:"weight_bytes_per_s"` // weights from memory
	MACs   float64 `json:"mac_per_s"`          // the same
	Cached float64 `json:"cached_mac_per_s"`   // weights in the cache
	Cycles float64 `json:"cycles_per_mac"`     // the same, by Report.Clock
	// Fill is what the weights' way from memory costs beside the arithmetic; 0
	// where it costs nothing.
	Fill float64 `json:"fill_bytes_per_s,omitempty"`
}

const (
	line   = 64
	region = 8 << 20 // bytes of memory, much more than a cache of the board
	inside = 16 << 10
	usual  = time.Second / 2
)

// Measure measures, for some seconds.
func Measure(ctx context.Context, o Options) (*Report, error) {
	if o.Short == 0 {
		o.Short = usual
	}
	if o.Progress == nil {
		o.Progress = func(int, int) {}
	}
	memory, free, err := takeMemory(region)
	if err != nil {
		return nil, err
	}
	defer free()
	set, err := arith.Select()
	if err != nil {
		return nil, err
	}
	r := &Report{Environment: bench.ThisMachine()}
	m := &meter{set: set, memory: memory, least: o.Short}
	steps := []func() error{
		func() error { r.Clock = m.clock(); return nil },
		func() error { r.Memory = m.fills(); return nil },
		func() (err error) { r.Card, err = m.card(ctx, o.File); return err },
	}
	for _, k := range kernels() {
		steps = append(steps, func() error { r.Kernels = append(r.Kernels, m.kernel(k, r.Clock)); return nil })
	}
	for i, step := range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		o.Progress(i, len(steps))
		if err := step(); err != nil {
			return nil, err
		}
	}
	o.Progress(len(steps), len(steps))
	return r, nil
}

// meter measures with the memory it has.
type meter struct {
	set    *arith.Set
	memory []byte
	least  time.Duration
}

// median is the time that f takes, in seconds.
func (m *meter) median(f func()) float64 {
	var passes []time.Duration
	for begin := time.Now(); len(passes) < 3 || time.Since(begin) < m.least; {
		start := time.Now()
		f()
		passes = append(passes, time.Since(start))
	}
	slices.Sort(passes)
	return max(passes[len(passes)/2], 1).Seconds()
}

// sink keeps what is computed from being optimized away.
//
//go:noinline
func sink(uint64) {}

// clock counts additions of which each waits for the one before: processors do
// one a cycle. One that does them in order has two more cycles a round.
func (m *meter) clock() float64 {
	const rounds, cycles = 500_000, 32 + 2
	t := m.median(func() { sink(additions(rounds)) })
	return rounds * cycles / t
}

// additions computes Fibonacci numbers modulo 2^64, 32 a round. Written out: the
// compiler marks inlined calls with instructions that do nothing.
func additions(rounds int) uint64 {
	a, b := uint64(1), uint64(1)
	for range rounds {
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
		a += b
		b += a
	}
	return b
}

// fills touches lines in the cache and out of it.
func (m *meter) fills() Memory {
	big, small := view[uint64](m.memory), view[uint64](m.memory[:inside])
	const again = region / inside
	outside := m.median(func() { sink(touch(big)) })
	within := m.median(func() {
		for range again {
			sink(touch(small))
		}
	})
	var r Memory
	if stall := outside - within; stall > 0 {
		r.Fill, r.Line = region/stall, stall/(region/line)*1e9
	}
	r.Read = region / m.median(func() { sink(sum(big)) })
	r.Hit = region / m.median(func() {
		for range again {
			sink(sum(small))
		}
	})
	return r
}

// touch reads one word of each line.
func touch(words []uint64) (s uint64) {
	const step = line / 8
	for ; len(words) >= 8*step; words = words[8*step:] {
		w := words[: 8*step : 8*step]
		s += w[0] + w[step] + w[2*step] + w[3*step] + w[4*step] + w[5*step] + w[6*step] + w[7*step]
	}
	return s
}

// sum reads every word.
func sum(words []uint64) (s uint64) {
	for ; len(words) >= 8; words = words[8:] {
		w := words[:8:8]
		s += w[0] + w[1] + w[2] + w[3] + w[4] + w[5] + w[6] + w[7]
	}
	return s
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	e := r.Environment
	row("machine", "%s, %s arithmetic: figures are %s", cmp.Or(e.Machine, "without a name"), e.Arithmetic, e.Kind)
	row("clock", "%.3f GHz, by a chain of additions", r.Clock/1e9)
	m := r.Memory
	if m.Fill > 0 {
		row("memory", "%.3f GB/s into the cache beside the instructions, %.1f ns a line of 64 bytes", m.Fill/1e9, m.Line)
	} else {
		row("memory", "a fill of the cache costs nothing beside the instructions")
	}
	row("", "%.3f GB/s read eight bytes at a time; %.3f GB/s within the cache", m.Read/1e9, m.Hit/1e9)
	if c := r.Card; c != nil {
		past := ""
		if !c.Direct {
			past = ", NOT past the page cache"
		}
		row("card", "%.2f MB/s in order, %.3f ms for 4 KB anywhere%s", c.Sequential/1e6, c.Random, past)
	} else {
		row("card", "not measured: no file to read")
	}
	for _, k := range r.Kernels {
		row(k.Name, "%.1f M MAC/s, %.3f GB/s of weights from memory; %.3f cycles a MAC in the cache", k.MACs/1e6, k.Bytes/1e9, k.Cycles)
	}
	return t.Flush()
}
