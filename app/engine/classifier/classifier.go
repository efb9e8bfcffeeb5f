package classifier

import (
	"fmt"
	"math"
	"slices"
	"time"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
)

// Classifier settles what run.c's sampler would choose from the logits of a
// hidden state without computing them all. It is not safe for concurrent use.
type Classifier struct {
	Counters Counters

	set    *arith.Set
	screen *Screen
	head   *Head
	exact  Rows

	remainder Remainder // nil if there is none
	maxScored int
	positions []position
	batch     []*position // that are scanned together
	gathered  []int8      // their hidden states, (batch, dim)
	acc       []int32
	bounds    []float32 // (panel)
	above     []int32   // (panel)
	rows32    []int32
	index     []int32
	logits    []float32
	all       []float32
	twice     []int32 // scratch of refine
	sparing   sparing // of the decision that is
}

// position is one hidden state between Screen and Decide.
type position struct {
	decision
	x           []float32
	q           []int8  // x, quantised, (dim)
	scale       float32 // of x, quantised
	a, b, c     float32 // a row's logit is off by at most Error·a + Norm·b + c
	along       float32 // Direction·x
	allErrors   float64 // the norm of all the screen's errors is at most that, over the temperature
	temperature float32
	best        float32 // no larger than the largest logit
	threshold   float32 // of upper bounds: below, a row is no candidate
	headed      int     // candidates from the head
	crowded     bool    // there are too many candidates: not all were taken
	light       bool    // the groups bound the screen's rows, which are no candidates
	coldTop     float32 // if light: the largest of these bounds
	coldSum     float64 // if light: the sum of their exponentials, relative to best's
	aside       []candidate
	bound       arith.Bound
	lanes       [32]float32 // what bound sums
	tailUnit    float64     // an exponential is at most so many of that, relative to best's
	hint        candidate
}

// panel is how many rows are screened at a time, for all positions: their sums
// stay in the cache. A multiple of both kinds of blocks.
const panel = 16 * arith.BlockI4

// New returns a classifier for up to positions hidden states at a time. remainder may be
// nil: it spares some decisions the whole classifier, which is no gain in memory.
func New(set *arith.Set, screen *Screen, head *Head, exact Rows, remainder Remainder, positions int) *Classifier {
	c := &Classifier{
		set: set, screen: screen, head: head, exact: exact, remainder: remainder,
		maxScored: 2048,
		positions: make([]position, positions),
		batch:     make([]*position, 0, positions),
		gathered:  make([]int8, 0, positions*screen.Dim),
		acc:       make([]int32, positions*panel),
		bounds:    make([]float32, panel), above: make([]int32, panel),
		logits: make([]float32, 512),
	}
	q := make([]int8, positions*screen.Dim)
	for p := range c.positions {
		c.positions[p].q = q[p*screen.Dim:][:screen.Dim]
	}
	return c
}

// Screen bounds the logits of k hidden states x (k, dim), to be sampled at the
// given temperature; x is kept until the next call. A row hints[p] >= 0 is
// scored exactly at once: the better the guess, the fewer rows are looked at.
// Each position serves one decision.
func (c *Classifier) Screen(x []float32, k int, hints []int, temperature float32) error {
	begin := time.Now()
	dim := c.screen.Dim
	if k > len(c.positions) || len(x) < k*dim {
		return fmt.Errorf("classifier: %d positions asked for, room for %d", k, len(c.positions))
	}
	c.batch = c.batch[:0]
	for p := range k {
		if err := c.prepare(&c.positions[p], x[p*dim:][:dim], hints[p], temperature); err != nil {
			return err
		}
		c.batch = append(c.batch, &c.positions[p])
	}
	c.scanHead(c.batch, depth, maxCandidates)
	c.batch = slices.DeleteFunc(c.batch, func(p *position) bool { return c.lighten(p) || p.crowded })
	c.scanScreen(c.batch, maxCandidates)
	for p := range k {
		c.positions[p].finish()
	}
	c.Counters.Screening += time.Since(begin)
	return nil
}

// gather brings the hidden states of positions side by side.
func (c *Classifier) gather(batch []*position) []int8 {
	c.gathered = c.gathered[:0]
	for _, p := range batch {
		c.gathered = append(c.gathered, p.q...)
	}
	return c.gathered
}

// lighten finds out whether the groups' bounds are so low that the decision may do
// without the screen: its rows are all far below the largest logit, and
// hardly count together. A greedy choice needs the former only.
func (c *Classifier) lighten(p *position) bool {
	const (
		far    = 4       // of the temperature
		hardly = 1. / 16 // of the largest's exponential
	)
	if p.crowded || len(c.head.Rows) == c.screen.Rows {
		return false
	}
	along, x := float64(p.along), float64(p.a)
	off := float64(p.c) + 1e-5*math.Abs(along)*float64(c.screen.Limits[MaxNorm])
	best, top, sum := float64(p.best), math.Inf(-1), 0.0
	for i := range c.screen.Groups {
		g := &c.screen.Groups[i]
		if g.Count == 0 {
			continue
		}
		bound := max(along*float64(g.Low), along*float64(g.High)) + x*float64(g.Rest) + off
		top = max(top, bound)
		if p.temperature != 0 {
			below := (bound - best + 8*ulp*(math.Abs(bound)+math.Abs(best))) / float64(p.temperature)
			if !(below < -far) {
				return false
			}
			sum += float64(g.Count) * exp(below)
		}
	}
	p.coldTop, p.coldSum = float32(top)+float32(math.Abs(top)*2*ulp), sum*(1+slack)
	p.light = p.coldTop < p.best && p.coldSum < hardly && (p.temperature == 0 || p.tailUnit > 0)
	return p.light
}

// maxCandidates bounds the memory of the positions: with the logits' usual spread,
// one decision in a thousand has more.
const maxCandidates = 1536

// scanHead finds the candidates of positions, up to most of each, among the head's
// rows.
func (c *Classifier) scanHead(batch []*position, depth float32, most int) {
	h, dim, k := c.head, c.screen.Dim, len(batch)
	x := c.gather(batch)
	for lo := 0; lo < len(h.Rows); lo += panel {
		n := min(panel, len(h.Rows)-lo)
		acc := c.acc[:k*n]
		weights := h.Weights[lo*dim:]
		c.set.MatMulI8(acc, weights[:arith.PackedI8Len(dim, n)], x, dim, n, k, 127)
		for p, at := range batch {
			if lo == 0 {
				c.setThreshold(at, acc[p*n:][:n], depth)
			}
			at.bound.Along, at.bound.Error = at.b, at.a
			if !c.collect(at, acc[p*n:][:n], h.Norm[lo:][:n], h.Scale[lo:][:n], h.Error[lo:][:n], most) {
				continue
			}
			for _, i := range c.above {
				approx := float32(float32(acc[p*n+int(i)])*at.scale) * h.Scale[lo+int(i)]
				at.take(h.Rows[lo+int(i)], approx, c.bounds[i], false)
			}
		}
	}
	for _, at := range batch {
		at.headed = len(at.cands)
	}
}

// scanScreen finds them among the rows that the head does not have.
func (c *Classifier) scanScreen(batch []*position, most int) {
	s, dim, k := c.screen, c.screen.Dim, len(batch)
	if len(c.head.Rows) == s.Rows || k == 0 {
		return
	}
	x := c.gather(batch)
	for lo := 0; lo < s.Rows; lo += panel {
		n := min(panel, s.Rows-lo)
		acc := c.acc[:k*n]
		weights := s.Weights[lo/2*dim:]
		c.set.MatMulI4(acc, weights[:arith.PackedI4Len(dim, n)], x, dim, n, k)
		for p, at := range batch {
			at.bound.Along, at.bound.Error = at.along, at.a+at.b*s.Limits[NormToError]
			if !c.collect(at, acc[p*n:][:n], s.Along[lo:][:n], s.Scale[lo:][:n], s.Error[lo:][:n], most) {
				continue
			}
			for _, i := range c.above {
				if r := lo + int(i); s.Error[r] >= 0 { // the head does not have it
					approx := float32(float32(acc[p*n+int(i)])*at.scale)*s.Scale[r] + float32(s.Along[r]*at.along)
					at.take(int32(r), approx, c.bounds[i], true)
				}
			}
		}
	}
}

// prepare quantises x and computes what the bounds of its logits need.
func (c *Classifier) prepare(p *position, x []float32, hint int, temperature float32) error {
	p.reset(c.screen.Rows)
	p.x, p.temperature, p.crowded, p.light = x, temperature, false, false
	q, largest := p.q, c.set.MaxAbs(x)
	p.scale = largest / 127
	if p.scale > 0 && !math.IsInf(float64(1/p.scale), 0) {
		c.set.Quantize(q, x, 1/p.scale, 127)
	} else {
		p.scale = 0
		clear(q)
	}
	var sum, off, along float64
	for i, v := range x {
		d := float64(v) - float64(q[i])*float64(p.scale)
		sum += float64(v) * float64(v)
		off += d * d
		along += float64(v) * float64(c.screen.Direction[i])
	}
	norm, off := math.Sqrt(sum), math.Sqrt(off)
	norm, off = max(norm, 1e-15), max(off, 1e-20) // the squares may have underflowed
	if norm*max(1, float64(c.screen.Limits[MaxNorm])) > 1e24 {
		norm = math.Inf(1) // float32 bounds may overflow
	}
	gamma := float64(len(x)+2) * ulp * 1.01
	p.a = float32(norm * (1 + 1e-5))
	p.b = float32(off * (1 + 1e-5))
	p.c = float32((gamma + 2e-6) * (norm + off) * float64(c.screen.Limits[MaxNorm]))
	p.along = float32(along)
	if temperature != 0 {
		all := float64(p.a)*float64(c.screen.Limits[AllErrors]) + float64(p.b)*float64(c.screen.Limits[AllNorms])
		all += float64(p.c) * math.Sqrt(float64(c.screen.Rows))
		p.allErrors = all / float64(temperature)
	}
	p.best = float32(math.Inf(-1))
	p.hint = candidate{row: -1}
	if hint >= 0 {
		c.rows32 = append(c.rows32[:0], int32(hint))
		if err := c.exact.Score(c.logits[:1], c.rows32, x, true); err != nil {
			return err
		}
		c.Counters.RowsScored++
		z := c.logits[0]
		p.best = z
		if temperature != 0 {
			z /= temperature
		}
		p.hint = candidate{row: int32(hint), scored: true, z: z}
	}
	return nil
}

// setThreshold decides, from the head's first rows, which rows are candidates:
// those whose logit may be within depth·temperature of the largest.
func (c *Classifier) setThreshold(p *position, acc []int32, depth float32) {
	h, n, none := c.head, len(acc), [32]float32{}
	least := arith.Bound{Scale: p.scale, Along: -p.b, Error: -p.a, Add: -p.c}
	c.set.BoundRows(c.bounds[:n], &none, acc, h.Norm[:n], h.Scale[:n], h.Error[:n], &least)
	p.best = max(p.best, c.set.Max(c.bounds[:n]))
	p.threshold = p.best - p.temperature*depth
	p.bound = arith.Bound{Scale: p.scale, Add: p.c, Top: p.threshold}
	p.lanes, p.tailUnit = none, 0
	// The bits of exp((v-best)/temperature) times 2^(vanishing+1-127): those
	// that reach 2^23 belong to terms that may matter. They are
	// computed with errors of at most off, so off is added.
	const one = 0x1p23
	slope := one / math.Ln2 / float64(p.temperature)
	off := 8 * ulp * (math.Abs(float64(p.best))*slope + 100*one)
	if p.temperature > 0 && off < one/8 {
		p.bound.Slope = float32(slope)
		p.bound.Offset = float32((vanishing+1)*one - float64(p.best)*slope + off)
		p.tailUnit = math.Ldexp(1, 127-vanishing-1)
	}
}

// vanishing says that a term below 2^-vanishing of a sum adds nothing to it.
const vanishing = 25

// collect bounds rows, leaves the bounds in c.bounds and the indices of those
// that are candidates in c.above, and adds up the exponentials of the others. It
// fails if there are, or were, more than most candidates.
func (c *Classifier) collect(p *position, acc []int32, along, scale, rowError []float32, most int) bool {
	if p.crowded {
		return false
	}
	n := len(acc)
	c.set.BoundRows(c.bounds[:n], &p.lanes, acc, along, scale, rowError, &p.bound)
	c.above = c.above[:c.set.CollectAbove(c.above[:n], c.bounds[:n], p.threshold)]
	p.crowded = len(p.cands)+len(c.above) > most
	return !p.crowded
}

// take makes row a candidate.
func (p *position) take(row int32, approx, upper float32, screened bool) {
	c := candidate{row: row, z: upper, approx: approx, screened: screened}
	if row == p.hint.row {
		c = p.hint
	}
	p.cands = append(p.cands, c)
}

// tail is at most the sum of the exponentials, relative to best's, of the rows
// that are no candidates, but for those below 2^-vanishing.
func (p *position) tail() float64 {
	var sum float64
	for _, v := range p.lanes {
		sum += float64(v)
	}
	// The candidates are in it as if they were at the threshold.
	bits := float32(p.threshold*p.bound.Slope) + p.bound.Offset
	top := float64(math.Float32frombits(uint32(math.RoundToEven(float64(max(0, bits))))))
	return (sum*(1+1e-3*float64(p.n)/32000) - float64(len(p.cands))*top) * p.tailUnit
}

// merge orders the candidates of the head and of the screen, both of which are
// ascending.
func (p *position) merge() {
	at := len(p.cands)
	if p.headed == at {
		return
	}
	// From the end: the head's part is copied out of the way.
	p.aside = append(p.aside[:0], p.cands[:p.headed]...)
	screen := p.cands[p.headed:]
	copy(p.cands, screen)
	n := len(screen)
	for h := len(p.aside); h > 0; {
		at--
		if n > 0 && p.cands[n-1].row > p.aside[h-1].row {
			n--
			p.cands[at] = p.cands[n]
		} else {
			h--
			p.cands[at] = p.aside[h]
		}
	}
}

// finish orders the candidates and divides by the temperature.
func (p *position) finish() {
	if p.crowded {
		return
	}
	p.merge()
	restTop := p.threshold
	if p.light {
		restTop = max(restTop, p.coldTop)
	}
	if p.temperature != 0 {
		for i := range p.cands {
			c := &p.cands[i]
			if c.scored { // the hint, divided already
				continue
			}
			c.z /= p.temperature
			c.approx /= p.temperature
			if c.screened {
				p.worst = max(p.worst, float64(c.z)-float64(c.approx)+1e-6*math.Abs(float64(c.z)))
			}
		}
		p.errors = p.allErrors
		restTop /= p.temperature
		if p.tailUnit > 0 {
			p.tailSum, p.tailRef, p.tailKnown = p.tail(), float64(p.best)/float64(p.temperature), true
			if p.light {
				p.tailSum += p.coldSum
			}
		}
	}
	p.begin(restTop)
}

// Decide returns the token that s would sample from the logits of position p,
// and advances s as that would.
func (c *Classifier) Decide(p int, s *llama.Sampler) (int, error) {
	at := &c.positions[p]
	light := at.light
	token, ok, err := c.Try(p, s)
	if ok || err != nil {
		return token, err
	}
	if !at.finite() {
		return c.full(at.x, s)
	}
	// Few decisions come here. What they take, a megabyte, is not kept: on the board a voice
	// needs it more.
	defer func() { c.sparing = sparing{} }()
	if light {
		c.Counters.Rescreened++
		token, ok, err = c.again(at, s, depth, maxCandidates)
	}
	last := at
	if !ok && err == nil && (at.crowded || len(at.cands) < at.n && len(at.order) < c.maxScored) {
		c.Counters.Deepened++
		deep := new(position)
		*deep = *at
		deep.decision = decision{order: slices.Clone(at.order),
			cands: make([]candidate, 0, at.n), heap: make([]int32, 0, at.n)} // nearly all rows may become candidates
		token, ok, err = c.again(deep, s, float32(math.Log(float64(at.n))+12), at.n)
		last = deep
	}
	if !ok && err == nil && c.remainder != nil {
		c.Counters.Refined++
		if err = c.refine(last); err == nil {
			token, ok, err = c.settle(last, s, 1)
		}
	}
	if ok || err != nil {
		return token, err
	}
	return c.full(at.x, s)
}

// Try is Decide if what Screen found is enough for it. If not, it leaves s as it is.
func (c *Classifier) Try(p int, s *llama.Sampler) (token int, ok bool, err error) {
	at := &c.positions[p]
	c.Counters.Decisions++
	if !at.finite() {
		return 0, false, nil
	}
	if at.light {
		c.Counters.Light++
	}
	return c.settle(at, s, 1)
}

// finite says whether the bounds mean anything.
func (p *position) finite() bool {
	return finite(p.a) && finite(p.b) && finite(p.c) && finite(p.along) && finite(p.best)
}

// again looks at a position's rows once more, the screen's with them, and tries to
// settle its decision by scoring as many rows at once as were scored before.
func (c *Classifier) again(p *position, s *llama.Sampler, depth float32, most int) (token int, ok bool, err error) {
	begin := time.Now()
	scored := max(1, len(p.order))
	p.reset(c.screen.Rows)
	p.crowded, p.light = false, false
	c.batch = append(c.batch[:0], p)
	c.scanHead(c.batch, depth, most)
	c.scanScreen(c.batch, most)
	c.batch[0] = nil // not to keep p
	p.finish()
	c.Counters.Screening += time.Since(begin)
	return c.settle(p, s, scored)
}

func finite(v float32) bool { return v-v == 0 }
