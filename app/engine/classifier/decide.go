package classifier

import (
	"cmp"
	"math"
	"slices"
	"time"

	"duostoryteller/app/llama"
)

// candidate is a row whose logit may matter. Everything but logit is divided by
// the temperature (or by 1 for the greedy choice).
type candidate struct {
	row      int32
	scored   bool
	screened bool    // bounded by the screen, not by the head
	refined  bool    // bounded with the remainder: z is as far above approx as it can be below
	z        float32 // the exact logit over the temperature, or no less as long as it is not scored
	approx   float32 // what that bound is around
	e        float32 // exp(z - ref), or no less
	around   float32 // exp(approx - ref), or 0 if it is less than tiny
}

// tiny is no sum's concern, and far from where float32 loses digits.
const tiny = 1e-35

// others are rows that are not scored, and what they add to run.c's running sum.
type others struct {
	lo, hi   float64 // of the head's rows
	screened float64 // sum of what is around those of the screen
	squares  float64 // and of its squares
	largest  float64
	top      float64 // sum of their upper bounds
}

func (o *others) add(c *candidate) {
	e, around := float64(c.e), float64(c.around)
	if !c.screened || around == 0 {
		o.hi += e
		o.lo += around * around / e
		return
	}
	o.screened += around
	o.squares += around * around
	o.largest = max(o.largest, around)
	o.top += e
}

// bounds are no larger and no smaller than the sum of the exponentials. errors
// is at least the Euclidean norm of all the screen's errors, of z, together;
// curve is k where 1+d <= exp(d) <= 1+d+k·d² for each of them.
func (o *others) bounds(errors, curve float64) (lo, hi float64) {
	lo, hi = o.lo, o.hi
	if o.screened > 0 {
		// By Cauchy-Schwarz sum(w·d) is between -|w|·|d| and |w|·|d|.
		first := math.Sqrt(o.squares) * errors
		lo += max(0, o.screened-first)
		hi += min(o.top, o.screened+first+curve*o.largest*errors*errors)
	}
	return lo * (1 - slack), hi * (1 + slack)
}

// curvature is the least k where exp(d) <= 1+d+k·d² for all d up to worst.
func curvature(worst float64) float64 {
	if worst < 1e-3 {
		return 0.501
	}
	return (math.Exp(worst) - 1 - worst) / (worst * worst)
}

const (
	ulp = 0x1p-24 // unit roundoff of float32

	// slack covers, relative to a term that is not known exactly or to a sum of
	// such: the rounding of z - max and of expf, of a division, and our own
	// float64 exponentials.
	slack = 1e-5

	// same is how close, relative to each other, exponentials can be whose
	// probabilities are equal.
	same = 4 * ulp
)

// depth says which rows are candidates: those within depth·temperature of the
// largest logit.
const depth = 10

// decision is the state of one decision: candidates in the order of the
// vocabulary, and what the rest of the rows add up to.
type decision struct {
	n       int // rows in all
	of      llama.Arithmetic
	cands   []candidate
	heap    []int32 // candidates not scored yet, the largest upper first
	order   []int32 // scored candidates, the most likely first
	restTop float32 // above every row that is no candidate

	// If tailKnown, the exponentials exp(z - tailRef) of those rows that are not
	// below 2^-vanishing add up to at most tailSum; tailRef is at most the largest z.
	tailSum, tailRef float64
	tailKnown        bool

	ref      float32 // largest z scored so far: exp's reference
	sLo, sHi float32 // run.c's sum of exponentials is between them
	cumLo    []float32
	cumHi    []float32
	errors   float64 // of the screen, see others.bounds
	curve    float64
	worst    float64
	splits   int // how often the sum's range may still be halved
	read     int // how many rows were scored that were not in memory
	sparing  *sparing
}

// reset begins a decision over n rows.
func (d *decision) reset(n int) {
	*d = decision{cands: d.cands[:0], heap: d.heap[:0], order: d.order[:0], cumLo: d.cumLo[:0], cumHi: d.cumHi[:0], n: n, ref: float32(math.Inf(-1))}
}

// begin orders the candidates; all other rows are below restTop.
func (d *decision) begin(restTop float32) {
	d.restTop, d.curve = restTop, curvature(d.worst)
	for i := range d.cands {
		if d.cands[i].scored {
			d.order = append(d.order, int32(i))
		} else {
			d.heap = append(d.heap, int32(i))
		}
	}
	d.heapify()
}

func (d *decision) heapify() {
	for i := len(d.heap)/2 - 1; i >= 0; i-- {
		d.sift(i)
	}
}

func (d *decision) sift(i int) {
	for {
		c := 2*i + 1
		if c >= len(d.heap) {
			return
		}
		if c+1 < len(d.heap) && d.cands[d.heap[c+1]].z > d.cands[d.heap[c]].z {
			c++
		}
		if d.cands[d.heap[i]].z >= d.cands[d.heap[c]].z {
			return
		}
		d.heap[i], d.heap[c] = d.heap[c], d.heap[i]
		i = c
	}
}

// pop takes the candidate with the largest upper bound.
func (d *decision) pop() int32 {
	top := d.heap[0]
	last := len(d.heap) - 1
	d.heap[0] = d.heap[last]
	d.heap = d.heap[:last]
	if last > 0 {
		d.sift(0)
	}
	return top
}

// next is the largest bound of a candidate not scored.
func (d *decision) next() float32 {
	f := float32(math.Inf(-1))
	if len(d.heap) > 0 {
		f = d.cands[d.heap[0]].z
	}
	if s := d.sparing; s != nil && len(s.putOff) > 0 {
		f = max(f, d.cands[s.putOff[0]].z)
	}
	return f
}

// frontier is no smaller than any z not scored.
func (d *decision) frontier() float32 {
	if len(d.cands) < d.n {
		return max(d.restTop, d.next())
	}
	return d.next()
}

// score records the exact z of candidate i.
func (d *decision) score(i int32, z float32) {
	c := &d.cands[i]
	c.scored, c.z = true, z
	d.order = append(d.order, i)
}

// sort orders what is scored by e, then by number: as run.c orders what has
// equal probabilities.
func (d *decision) sort() {
	slices.SortFunc(d.order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(d.cands[b].e, d.cands[a].e), cmp.Compare(a, b))
	})
}

// exponentials brings them up to date, as far as ok: when the largest z is
// known. Those of scored rows are run.c's to the bit.
func (d *decision) exponentials() (ok bool) {
	ref := d.ref
	for _, i := range d.order {
		z := d.cands[i].z
		if z-z != 0 {
			return false
		}
		ref = max(ref, z)
	}
	if !(ref >= d.frontier()) {
		return false
	}
	if ref != d.ref {
		d.ref = ref
		for i := range d.cands {
			c := &d.cands[i]
			if !c.scored {
				c.e = float32(max(tiny, d.upper(c.z)) * (1 + 2*ulp))
				if c.around = float32(exp(float64(c.approx) - float64(ref))); c.around < tiny {
					c.around = 0
				}
			}
		}
	}
	for _, i := range d.order {
		c := &d.cands[i]
		c.e = llama.Exp(c.z - ref)
	}
	d.sort()
	return true
}

// upper is no smaller than run.c's exponential of any z up to this one.
func (d *decision) upper(z float32) float64 {
	below := float64(z) - float64(d.ref)
	if below < -700 {
		return 0
	}
	return exp(below) * (1 + slack + 1e-7*math.Abs(below))
}

// total bounds run.c's sum of exponentials.
func (d *decision) total() (ok bool) {
	r := d.running(1, 1)
	if d.refined() {
		r.refined()
	} else {
		for i := range d.cands {
			if c := &d.cands[i]; c.scored {
				r.known(c.e, c.e)
			} else {
				r.open(c)
			}
		}
	}
	r.bound()
	d.sLo, d.sHi = float32(r.least), float32(r.most)
	if float64(d.sLo) < r.least {
		d.sLo = math.Nextafter32(d.sLo, 1e38)
	}
	if float64(d.sHi) > r.most {
		d.sHi = math.Nextafter32(d.sHi, 0)
	}
	return d.sLo > 0 && d.sLo <= d.sHi && !math.IsInf(float64(d.sHi), 0)
}

// rest is at most what the rows that are no candidates add to a sum of terms
// unit times their exponentials: where they stand in it is not known, but
// the small ones vanish once the sum is large.
func (d *decision) rest(unitLo, unitHi float64) float64 {
	rows := float64(d.n - len(d.cands))
	if rows == 0 {
		return 0
	}
	top := d.upper(d.restTop)
	sum, small, first := rows*top, top, rows
	if d.tailKnown {
		shift := d.tailRef - float64(d.ref)
		shift = exp(shift) * (1 + slack + 1e-7*math.Abs(shift))
		sum, small = min(sum, d.tailSum*shift), math.Ldexp(shift, -vanishing)
		// A running sum is at least its terms but for the rounding.
		least, before := 1-2*ulp*float64(d.n), 0.0
		for i := range d.cands {
			if c := &d.cands[i]; c.scored {
				if before += float64(c.e); small*unitHi < halfULP(before*unitLo*least) {
					first = min(first, float64(c.row))
					break
				}
			}
		}
		sum += first * small
	}
	return 2 * sum * unitHi
}

// running bounds a float32 sum that run.c adds up in the order of the vocabulary:
// of exponentials, or of probabilities.
//
// Rounded addition is monotone. And as long as the sum stays between two powers
// of two, it is a multiple of some unit, so what a term adds is the term
// rounded to that unit, whatever the sum is: known terms add known
// amounts, others one that is off by at most half a unit, or nothing at all if
// they are certainly less.
type running struct {
	d              *decision
	unitLo, unitHi float64 // an exponential makes a term of at least and at most so much
	lo, hi         float64 // what the known terms have added
	rounding       float64 // at most how much the others' additions are off
	rest           float64 // at most what rows have added that are no candidates
	others         others
	unknown        bool    // any of the last three
	least, most    float64 // of the sum, from bound
}

func (d *decision) running(unitLo, unitHi float64) running {
	r := running{d: d, unitLo: unitLo, unitHi: unitHi, rest: d.rest(unitLo, unitHi)}
	r.unknown = r.rest > 0
	r.bound()
	return r
}

// bound brings least and most up to date.
func (r *running) bound() {
	if !r.unknown {
		r.least, r.most = r.lo, r.hi
		return
	}
	lo, hi := r.others.bounds(r.d.errors, r.d.curve)
	const off = 1e-11 // of our own sums
	r.least = (r.lo + max(0, lo*r.unitLo-r.rounding)) * (1 - off)
	r.most = (r.hi + hi*r.unitHi + r.rest + r.rounding) * (1 + off)
}

// known adds a term between lo and hi.
func (r *running) known(lo, hi float32) {
	if !r.unknown {
		r.lo, r.hi = float64(float32(r.lo)+lo), float64(float32(r.hi)+hi)
		r.bound()
		return
	}
	r.bound()
	if b := base(r.least); b >= 0x1p-100 && b == base(r.most+float64(hi)) {
		half := halfULP(b)
		l, h := float64(float32(b)+lo)-b, float64(float32(b)+hi)-b
		if float64(lo)-l == -half { // a tie may go down too
			l -= 2 * half
		}
		if float64(hi)-h == half {
			h += 2 * half
		}
		r.lo, r.hi = r.lo+l, r.hi+h
	} else {
		half := halfULP(r.most + 2*float64(hi))
		r.lo, r.hi = r.lo+max(0, float64(lo)-half), r.hi+float64(hi)+half
	}
	r.bound()
}

// open adds the term of a row that is not scored.
func (r *running) open(c *candidate) {
	e := float64(c.e)*r.unitHi*(1+slack) + 0x1p-149
	if e < halfULP(r.least) {
		return
	}
	r.unknown = true
	r.others.add(c)
	r.rounding += min(e, halfULP(r.most+2*e))
	r.most += 3 * e // enough until the next known term
}

// base is the power of two that a number is a multiple below two of.
func base(x float64) float64 {
	return math.Float64frombits(math.Float64bits(x) &^ (1<<52 - 1))
}

// halfULP is half a unit in the last place of a float32 of that size.
func halfULP(x float64) float64 { return max(base(x)*ulp, 0x1p-150) }

// decide makes the decision, if it is certain.
func (d *decision) decide(s *llama.Sampler, coin float32) (row int32, ok bool) {
	d.of = s.Arithmetic
	if s.Temperature == 0 {
		return d.greedy()
	}
	if !d.exponentials() || !d.total() {
		return 0, false
	}
	d.splits = 64
	return d.drawn(d.sLo, d.sHi, func(sLo, sHi float32) (int32, bool) {
		if s.TopP <= 0 || s.TopP >= 1 {
			return d.multinomial(coin, sLo, sHi)
		}
		return d.topP(s.TopP, coin, sLo, sHi)
	})
}

// greedy is run.c's argmax, if it is certain: the first of the largest.
func (d *decision) greedy() (row int32, ok bool) {
	best := &d.cands[d.order[0]]
	for _, i := range d.order {
		c := &d.cands[i]
		if c.z-c.z != 0 {
			return 0, false
		}
		if c.z > best.z || c.z == best.z && c.row < best.row {
			best = c
		}
	}
	if len(d.cands) < d.n && best.z < d.restTop { // the rest is below restTop
		return 0, false
	}
	return best.row, best.z > d.next()
}

// drawn tries a draw for every sum of exponentials from sLo to sHi: for all of
// them at once, or else for each half.
func (d *decision) drawn(sLo, sHi float32, draw func(sLo, sHi float32) (int32, bool)) (row int32, ok bool) {
	if row, ok = draw(sLo, sHi); ok || sLo == sHi || d.splits == 0 {
		return row, ok
	}
	d.splits--
	middle := sLo + (sHi-sLo)/2
	if middle == sHi {
		middle = sLo
	}
	if row, ok = d.drawn(sLo, middle, draw); !ok {
		return 0, false
	}
	other, ok := d.drawn(math.Nextafter32(middle, sHi), sHi, draw)
	return row, ok && row == other
}

// multinomial is run.c's draw from the whole vocabulary, if it is certain: the
// running sum before the row cannot be above the coin and the sum with it
// cannot be at or below.
func (d *decision) multinomial(coin, sLo, sHi float32) (row int32, ok bool) {
	r, refined := d.running(1/float64(sHi), 1/float64(sLo)), d.refined()
	for i := range d.cands {
		c := &d.cands[i]
		if !c.scored {
			if refined && c.refined {
				r.known(d.of.Probability(c.least(), sHi), d.of.Probability(c.e, sLo))
			} else {
				r.open(c)
			}
			continue
		}
		r.bound()
		if r.most > float64(coin) && (i > 0 || c.row > 0) {
			return 0, false // and so it is for every later row
		}
		r.known(d.of.Probability(c.e, sHi), d.of.Probability(c.e, sLo))
		if float64(coin) < r.least {
			return c.row, true
		}
	}
	return 0, false
}

// topP is run.c's draw from the nucleus, if it is certain.
func (d *decision) topP(topp, coin, sLo, sHi float32) (row int32, ok bool) {
	cutoff := (1 - topp) / float32(d.n-1)
	frontier := d.upper(d.frontier()) * (1 + same)
	// first and last rows that may be the last of the nucleus
	first, last := -1, -1
	d.cumLo, d.cumHi = d.cumLo[:0], d.cumHi[:0] // of rows whose place in the sorted list is certain
	var lo, hi float32
	for k, i := range d.order {
		e := d.cands[i].e
		if !(float64(e) > frontier) {
			break
		}
		if d.of.Probability(e, sLo) < cutoff { // the list ends before
			last = k - 1
			if first < 0 {
				first = last
			}
			break
		}
		if !(d.of.Probability(e, sHi) >= cutoff) {
			break
		}
		lo, hi = lo+d.of.Probability(e, sHi), hi+d.of.Probability(e, sLo)
		d.cumLo, d.cumHi = append(d.cumLo, lo), append(d.cumHi, hi)
		if first < 0 && hi > topp {
			first = k
		}
		if lo > topp {
			last = k
			break
		}
	}
	known := len(d.cumLo)
	if known == 0 {
		return 0, false
	}
	// What the nucleus holds: more than top-p by less than its last row, if it
	// is not the whole list, which holds all but the rows below the cutoff.
	n := float64(d.n)
	holdsLo := float64(topp)
	if first >= 0 || !d.refined() || !d.passes(topp, cutoff, sHi) {
		holdsLo -= 2*(n+8)*ulp + float64(cutoff)
	}
	next := frontier
	if known < len(d.order) {
		next = max(next, float64(d.cands[d.order[known]].e))
	}
	places := known
	if first >= 0 {
		holdsLo = float64(d.cumLo[first])
		next, places = float64(d.cands[d.order[first]].e), first+1
	}
	holdsHi := (float64(topp) + next/float64(sLo)) * (1 + same)
	if last >= 0 {
		holdsHi = float64(d.cumHi[last])
	}
	rLo, rHi := float64(coin)*holdsLo*(1-ulp), float64(coin)*holdsHi*(1+ulp)
	if first >= 0 && first == last {
		rLo, rHi = float64(coin*d.cumLo[first]), float64(coin*d.cumHi[last])
	}
	for k := range places {
		if k > 0 && float64(d.cumHi[k-1]) > rLo {
			break
		}
		if float64(d.cumLo[k]) > rHi {
			return d.certain(k)
		}
	}
	if last < 0 {
		return 0, false
	}
	if k, ok := d.inNucleus(first, last, float64(coin)); ok {
		return d.certain(k)
	}
	return 0, false
}

// inNucleus finds the place in the sorted list that the coin picks, if it is
// the same whether the nucleus ends with first or with last, and so for all
// ends between them: the longer the nucleus, the later the place. The sum of
// exponentials does not matter for it, but for roundings.
func (d *decision) inNucleus(first, last int, coin float64) (place int, ok bool) {
	place, ok = d.inList(first, coin)
	if ok && last != first {
		var other int
		other, ok = d.inList(last, coin)
		ok = ok && other == place
	}
	return place, ok
}

// inList finds the place that the coin picks from a list ending with last.
func (d *decision) inList(last int, coin float64) (place int, ok bool) {
	var all, before float64
	for _, i := range d.order[:last+1] {
		all += float64(d.cands[i].e)
	}
	off := 2 * float64(last+8) * ulp
	r := coin * all
	for k, i := range d.order[:last+1] {
		after := before + float64(d.cands[i].e)
		if k > 0 && before*(1+off) > r {
			return 0, false
		}
		if after*(1-off) > r || k == last {
			return k, true
		}
		before = after
	}
	return 0, false
}

// certain refuses a place that run.c may give to another row: one whose
// probability may be the same and is then ordered by number, not by e.
func (d *decision) certain(k int) (row int32, ok bool) {
	at := &d.cands[d.order[k]]
	for _, step := range []int{-1, 1} {
		for j := k + step; j >= 0 && j < len(d.order); j += step {
			e := d.cands[d.order[j]].e
			if math.Abs(float64(e)-float64(at.e)) > same*float64(at.e) {
				break
			}
			if e != at.e {
				return 0, false
			}
		}
	}
	return at.row, true
}

// exp is e to the x, with a relative error far below slack.
func exp(x float64) float64 {
	if x < -700 {
		return 0
	}
	return math.Exp(x)
}

// Counters say how the decisions were reached.
type Counters struct {
	Decisions  int64 // in all
	Candidates int64 // rows whose bound was looked at one by one
	RowsScored int64 // rows scored exactly, a fallback's not counted
	Light      int64 // decisions tried without the screen
	Rescreened int64 // of those, in vain
	Deepened   int64 // decisions that looked at more rows than usual
	Refined    int64 // decisions that took the remainder
	Fallbacks  int64 // decisions that took the whole classifier

	Screening, Scoring time.Duration // bounding rows; computing exact logits
}

// Rows gives exact logits: run.c's sequential float32 sums.
type Rows interface {
	// Score sets dst[i] to the logit of row rows[i] for the hidden state x. keep says
	// that rows that are not in memory may be wanted again.
	Score(dst []float32, rows []int32, x []float32, keep bool) error
	// All sets dst to the logits of every row.
	All(dst, x []float32) error
	// Near says whether a row is in memory: a board takes a millisecond to read one that
	// is not, in which it scores hundreds that are.
	Near(row int32) bool
}

// settle makes the decision of a position that is prepared for it, if it can be
// proven by scoring candidates: at least so many at once.
func (c *Classifier) settle(p *position, s *llama.Sampler, atOnce int) (token int, ok bool, err error) {
	if p.crowded {
		return 0, false, nil
	}
	d, x := &p.decision, p.x
	c.Counters.Candidates += int64(len(d.cands))
	var coin float32
	state := s.State
	if s.Temperature != 0 {
		coin = s.Coin()
	}
	for {
		if len(d.order) > 0 {
			if row, ok := d.decide(s, coin); ok {
				return int(row), true, nil
			}
		}
		if len(d.heap) == 0 && d.sparing == nil || len(d.order) >= c.maxScored {
			s.State = state
			return 0, false, nil
		}
		c.rows32, c.index = c.rows32[:0], c.index[:0]
		batch := min(max(1+len(d.order)/2, atOnce), len(c.logits))
		keep := true
		if d.sparing == nil {
			for len(c.index) < batch && len(d.heap) > 0 {
				i := d.pop()
				if d.cands[i].screened && !c.exact.Near(d.cands[i].row) {
					if d.read == readFirst {
						c.spare(d, i)
						break
					}
					d.read++
				}
				c.index = append(c.index, i)
				c.rows32 = append(c.rows32, d.cands[i].row)
			}
		}
		if d.sparing != nil {
			if keep = c.choose(d, batch); len(c.index) == 0 {
				s.State = state
				return 0, false, nil
			}
		}
		if err := c.score(d, x, s.Temperature, keep); err != nil {
			return 0, false, err
		}
	}
}

// score scores the candidates c.index.
func (c *Classifier) score(d *decision, x []float32, temperature float32, keep bool) error {
	n := len(c.rows32)
	begin := time.Now()
	err := c.exact.Score(c.logits[:n], c.rows32, x, keep)
	c.Counters.Scoring += time.Since(begin)
	if err != nil {
		return err
	}
	c.Counters.RowsScored += int64(n)
	for j, i := range c.index {
		z := c.logits[j]
		if temperature != 0 {
			z /= temperature
		}
		d.score(i, z)
	}
	return nil
}

// full decides with every row's exact logit, as run.c does.
func (c *Classifier) full(x []float32, s *llama.Sampler) (int, error) {
	c.Counters.Fallbacks++
	if c.all == nil {
		c.all = make([]float32, c.screen.Rows)
	}
	begin := time.Now()
	err := c.exact.All(c.all, x)
	c.Counters.Scoring += time.Since(begin)
	if err != nil {
		return 0, err
	}
	return s.Sample(c.all), nil
}
