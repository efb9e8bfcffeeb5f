package classifier

import (
	"math"
	"slices"

	"duostoryteller/app/llama"
)

// candidate is a row whose logit may matter. Everything but logit is divided by
// the temperature (or by 1 for the greedy choice).
type candidate struct {
	row      int32
	scored   bool
	z        float32 // the exact logit over the temperature, once scored
	upper    float32 // no smaller than z
	approx   float32 // what the bound is around
	screened bool    // bounded by the screen, not by the head
	e        float64 // exp(z - ref), or exp(upper - ref) as long as it is not scored
	around   float64 // exp(approx - ref)
}

// others are rows that are not scored, and what they add to run.c's running sum.
type others struct {
	lo, hi   float64 // of the head's rows
	screened float64 // sum of what is around those of the screen
	squares  float64 // and of its squares
	largest  float64
	top      float64 // sum of their upper bounds
	rounding float64 // at most how much the additions are off
}

func (o *others) add(c *candidate, small float64) {
	o.rounding += min(c.e, small)
	if !c.screened {
		o.hi += c.e
		o.lo += c.around * c.around / c.e
		return
	}
	o.screened += c.around
	o.squares += c.around * c.around
	o.largest = max(o.largest, c.around)
	o.top += c.e
}

// bounds are no larger and no smaller than the sum of the exponentials. errors
// is at least the Euclidean norm of all the screen's errors, of z, together;
// each is at most worst.
func (o *others) bounds(errors, worst float64) (lo, hi float64) {
	lo, hi = o.lo, o.hi
	if o.screened == 0 {
		return lo, hi + o.top
	}
	// 1+d <= exp(d) <= 1+d+k·d², and by Cauchy-Schwarz sum(w·d) is between
	// -|w|·|d| and |w|·|d|.
	first := math.Sqrt(o.squares) * errors
	lo += max(0, o.screened-first)
	bound := o.top
	if worst < 3 {
		k := (math.Exp(worst) - 1 - worst) / (worst * worst)
		bound = min(bound, o.screened+first+k*o.largest*errors*errors)
	}
	return lo, hi + bound
}

// Sizes of rounding, see the package's documentation.
const (
	ulp = 0x1p-24 // unit roundoff of float32

	// vanishing is how small, relative to a sum, a term is that float32
	// addition certainly leaves out, with a margin for sums of probabilities,
	// which are only known within certainSum.
	vanishing  = 0.9 * 0x1p-25
	certainSum = 0.05

	// slack covers, relative to a term or a sum of terms: the rounding of
	// z - max and of expf, of a division, and our own float64 exponentials.
	slack = 4e-6
)

// Rows that are no candidates are counted by the size of their bounds, in bins.
const (
	depth    = 10  // rows within depth·temperature of the largest logit are candidates
	binWidth = 0.5 // in temperatures
	bins     = 18  // the last ones vanish beside the largest row
)

// decision is the state of one decision: candidates in the order of the
// vocabulary, the rest of the rows counted in bins.
type decision struct {
	n       int // rows in all
	cands   []candidate
	heap    []int32     // candidates not scored yet, the largest upper first
	order   []int32     // scored candidates, the most likely first
	bin     [bins]int32 // how many rows are at most restTop - i·binWidth
	restTop float32     // above every row that is no candidate

	ref      float32 // largest z scored so far: exp's reference
	sum      float64 // of exp(z - ref) over what is scored
	restAdds float64 // at most what the rows that are no candidates add to run.c's sum
	rounding float64 // at most how much run.c's additions are off
	small    float64 // at most how much one of them is off
	tail     float64 // at most the exponentials of what is not scored
	sumLo    float64 // run.c's sum of exponentials, in the same units, is not below
	sumHi    float64 // and not above

	errors, worst float64 // of the screen, see others.bounds
	nothing       float64 // a term below nothing times the sum before it adds nothing
}

// reset begins a decision over n rows.
func (d *decision) reset(n int) {
	*d = decision{cands: d.cands[:0], heap: d.heap[:0], order: d.order[:0], n: n, ref: float32(math.Inf(-1))}
}

// begin orders the candidates; all other rows are below restTop.
func (d *decision) begin(restTop float32) {
	d.restTop = restTop
	for i := range d.cands {
		if d.cands[i].scored {
			d.order = append(d.order, int32(i))
		} else {
			d.heap = append(d.heap, int32(i))
		}
	}
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
		if c+1 < len(d.heap) && d.cands[d.heap[c+1]].upper > d.cands[d.heap[c]].upper {
			c++
		}
		if d.cands[d.heap[i]].upper >= d.cands[d.heap[c]].upper {
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

// frontier is no smaller than any z not scored.
func (d *decision) frontier() float32 {
	f := float32(math.Inf(-1))
	if len(d.cands) < d.n {
		f = d.restTop
	}
	if len(d.heap) > 0 {
		f = max(f, d.cands[d.heap[0]].upper)
	}
	return f
}

// score records the exact z of candidate i.
func (d *decision) score(i int32, z float32) {
	c := &d.cands[i]
	c.scored, c.z, c.e = true, z, exp(float64(z)-float64(d.ref))
	d.order = append(d.order, i)
}

// update brings the exponentials and their sums up to date.
func (d *decision) update() {
	slices.SortFunc(d.order, func(a, b int32) int {
		ca, cb := &d.cands[a], &d.cands[b]
		switch {
		case ca.z > cb.z:
			return -1
		case ca.z < cb.z:
			return 1
		}
		return int(a - b)
	})
	if ref := d.cands[d.order[0]].z; ref != d.ref {
		d.ref = ref
		for i := range d.cands {
			c := &d.cands[i]
			if c.scored {
				c.e = exp(float64(c.z) - float64(ref))
				continue
			}
			c.e = exp(float64(c.upper) - float64(ref))
			c.around = exp(float64(c.approx) - float64(ref))
		}
	}
	d.sum, d.tail = 0, 0
	for _, i := range d.order {
		d.sum += d.cands[i].e
	}
	for _, i := range d.heap {
		d.tail += d.cands[i].e
	}
	for i, n := range d.bin {
		if n > 0 {
			d.tail += float64(n) * d.binTop(i)
		}
	}
	d.small = ulp * (d.sum + d.tail) * (1 + 2*ulp*float64(d.n))
	if d.total(vanishing); !(d.sumHi-d.sumLo <= certainSum*d.sumLo) {
		d.total(0)
	}
}

// total bounds run.c's sum of exponentials. A term is added with an error of at
// most itself, and of at most half a unit in the last place of the sum; one
// below nothing times the sum before it adds nothing.
func (d *decision) total(nothing float64) {
	d.nothing, d.rounding, d.restAdds = nothing, 0, 0
	var o others
	var before float64
	firstLarge := int32(d.n) // from there on the sum is at least 1/2
	for i := range d.cands {
		c := &d.cands[i]
		switch {
		case c.scored:
			before += c.e
			d.rounding += min(c.e, d.small)
			if c.e >= 0.5 {
				firstLarge = min(firstLarge, c.row)
			}
		case c.e >= nothing*before:
			o.add(c, d.small)
		}
	}
	for i, n := range d.bin {
		if n > 0 {
			e := d.binTop(i)
			if e < nothing*0.5 {
				n = min(n, firstLarge)
			}
			d.restAdds += float64(n) * (e + min(e, d.small))
		}
	}
	lo, hi := o.bounds(d.errors, d.worst)
	d.rounding += o.rounding
	d.sumLo = (d.sum+lo)*(1-slack) - d.rounding
	d.sumHi = (d.sum+hi+d.restAdds)*(1+slack) + d.rounding
}

// binTop is no smaller than exp(z - ref) of any row in bin i.
func (d *decision) binTop(i int) float64 {
	top := float64(d.restTop)
	return exp(top - binWidth*float64(i) - float64(d.ref) + 1e-3 + 4*ulp*math.Abs(top))
}

// greedy is run.c's argmax, if it is certain.
func (d *decision) greedy() (row int32, ok bool) {
	best := &d.cands[d.order[0]]
	if len(d.cands) < d.n && best.z < d.restTop { // the rest is below restTop
		return 0, false
	}
	return best.row, len(d.heap) == 0 || best.z > d.cands[d.heap[0]].upper
}

// multinomial is run.c's draw from the whole vocabulary, if it is certain: the
// running sum before the row cannot be above the coin and the sum with it
// cannot be at or below.
func (d *decision) multinomial(coin float64) (row int32, ok bool) {
	if d.sumLo <= 0 || math.IsInf(d.sumHi, 0) {
		return 0, false
	}
	var o others
	var scored, rounding float64 // before the candidate
	for i := range d.cands {
		c := &d.cands[i]
		if !c.scored {
			if c.e >= d.nothing*scored {
				o.add(c, d.small)
			}
			continue
		}
		lo, hi := o.bounds(d.errors, d.worst)
		if (scored+hi+d.restAdds+rounding+o.rounding)/d.sumLo*(1+slack) > coin && (i > 0 || c.row > 0) {
			return 0, false // and so it is for every later row
		}
		scored += c.e
		rounding += min(c.e, d.small)
		if coin < (scored+lo-rounding-o.rounding)/d.sumHi*(1-slack) {
			return c.row, true
		}
	}
	return 0, false
}

// close says whether run.c may find the same probability for a and b.
func (d *decision) close(a, b float32) bool {
	return math.Abs(float64(a)-float64(b)) <= 1e-6+2.4e-7*math.Abs(float64(a)-float64(d.ref))
}

// topP is run.c's draw from the nucleus, if it is certain.
func (d *decision) topP(topp, coin float64, cutoff float64) (row int32, ok bool) {
	sumLo, sumHi := d.sumLo, d.sumHi
	if sumLo <= 0 || math.IsInf(sumHi, 0) {
		return 0, false
	}
	frontier := d.frontier()
	// first and last rows that may be the last of the nucleus
	first, last := -1, -1
	var p, pFirst, pLast float64
	known := 0 // rows whose place in the sorted list is certain, and that are candidates there
	for k, i := range d.order {
		c := &d.cands[i]
		if c.z <= frontier || d.close(c.z, frontier) || c.e*(1-slack) < cutoff*sumHi {
			break
		}
		known++
		p += c.e
		off := slack + float64(k+4)*ulp
		if first < 0 && p*(1+off) > topp*sumLo {
			first, pFirst = k, p
		}
		if p*(1-off) > topp*sumHi {
			last, pLast = k, p
			break
		}
	}
	if known == 0 {
		return 0, false
	}
	if last >= 0 {
		if i, ok := d.inNucleus(first, last, coin); ok {
			return d.certain(i)
		}
	}
	// Where the nucleus ends is not known; how much it holds is.
	next := exp(float64(frontier) - float64(d.ref))
	if known < len(d.order) {
		next = max(next, d.cands[d.order[known]].e)
	}
	off := slack + float64(len(d.order)+4)*ulp + (d.rounding+d.restAdds)/sumLo
	holdsLo, holdsHi := topp-off-d.tail/sumLo, topp+next/sumLo+off
	if first >= 0 {
		holdsLo = max(holdsLo, pFirst/sumHi*(1-off))
		holdsHi = topp + d.cands[d.order[first]].e/sumLo + off
	}
	if last >= 0 {
		holdsHi = min(holdsHi, pLast/sumLo*(1+off))
	}
	rLo, rHi := coin*holdsLo*(1-slack), coin*holdsHi*(1+slack)
	var before, after float64
	for k, i := range d.order[:known] {
		after = before + d.cands[i].e
		if before*(1+off)/sumLo > rLo {
			return 0, false
		}
		if after*(1-off)/sumHi > rHi {
			return d.certain(k)
		}
		before = after
	}
	return 0, false
}

// inNucleus finds the place in the sorted list that the coin picks, if it is
// the same whether the nucleus ends with first or with last, and so for all
// ends between them: the longer the nucleus, the later the place.
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
		all += d.cands[i].e
	}
	off := slack + 2*float64(last+4)*ulp
	r := coin * all
	for k, i := range d.order[:last+1] {
		after := before + d.cands[i].e
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
// probability may be the same and is then ordered by number, not by z.
func (d *decision) certain(k int) (row int32, ok bool) {
	at := &d.cands[d.order[k]]
	for _, step := range []int{-1, 1} {
		for j := k + step; j >= 0 && j < len(d.order); j += step {
			z := d.cands[d.order[j]].z
			if !d.close(at.z, z) {
				break
			}
			if z != at.z {
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
	Deepened   int64 // decisions that looked at more rows than usual
	Fallbacks  int64 // decisions that took the whole classifier
}

// Rows gives exact logits: run.c's sequential float32 sums.
type Rows interface {
	// Score sets dst[i] to the logit of row rows[i] for the hidden state x.
	Score(dst []float32, rows []int32, x []float32) error
	// All sets dst to the logits of every row.
	All(dst, x []float32) error
}

// settle makes the decision that d has been prepared for, if it can be proven
// by scoring candidates.
func (c *Classifier) settle(d *decision, x []float32, s *llama.Sampler) (token int, ok bool, err error) {
	c.Counters.Candidates += int64(len(d.cands))
	var coin, cutoff, topp float64
	state := s.State
	if s.Temperature != 0 {
		coin, topp = float64(s.Coin()), float64(s.TopP)
		cutoff = float64((1 - s.TopP) / float32(d.n-1))
	}
	for {
		if len(d.order) > 0 {
			d.update()
			var row int32
			switch {
			case s.Temperature == 0:
				row, ok = d.greedy()
			case s.TopP <= 0 || s.TopP >= 1:
				row, ok = d.multinomial(coin)
			default:
				row, ok = d.topP(topp, coin, cutoff)
			}
			if ok {
				return int(row), true, nil
			}
		}
		if len(d.heap) == 0 || len(d.order) >= c.maxScored {
			s.State = state
			return 0, false, nil
		}
		c.rows32, c.index = c.rows32[:0], c.index[:0]
		for batch := min(1+len(d.order)/2, len(c.logits)); len(c.index) < batch && len(d.heap) > 0; {
			i := d.pop()
			c.index = append(c.index, i)
			c.rows32 = append(c.rows32, d.cands[i].row)
		}
		if err := c.score(d, x, s.Temperature); err != nil {
			return 0, false, err
		}
	}
}

// score scores the candidates c.index.
func (c *Classifier) score(d *decision, x []float32, temperature float32) error {
	n := len(c.rows32)
	if err := c.exact.Score(c.logits[:n], c.rows32, x); err != nil {
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
	if err := c.exact.All(c.all, x); err != nil {
		return 0, err
	}
	return s.Sample(c.all), nil
}
