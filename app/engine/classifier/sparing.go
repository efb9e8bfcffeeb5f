package classifier

import (
	"math"
	"slices"
)

const (
	// readFirst is how many rows that are not in memory may be read, the most likely
	// first, before all candidates that are have been scored.
	readFirst = 8
	// readMost is how many may be read in all while there is a remainder to try, and
	// readLast when there is not. Of 106 decisions on the 15M stand-in that were settled
	// with such rows or the remainder, which had four bits more then, none took more than 8;
	// what more did not settle, 512 did not.
	readMost = 32
	readLast = 64
	// readAtOnce is how many are read between two tries.
	readAtOnce = 16
)

// sparing is the rest of a decision that would read too many rows one by one: the others
// come first. Few decisions are, so what it takes is kept apart from what every one does.
type sparing struct {
	putOff  []int32 // candidates taken off the heap whose rows are not in memory, the largest upper first
	room    []int32 // where putOff begins
	likely  int     // how many of the heap are the head's
	refined bool    // the candidates' bounds are made with the remainder
}

// spare begins it. Candidate i was taken off the heap in vain, if it is not negative;
// otherwise the bounds are new.
func (c *Classifier) spare(d *decision, i int32) {
	s := &c.sparing
	*s = sparing{room: s.room}
	if i < 0 {
		d.heap, d.read, d.ref = d.heap[:0], 0, float32(math.Inf(-1))
		for i := range d.cands {
			if !d.cands[i].scored {
				d.heap = append(d.heap, int32(i))
			}
		}
		d.heapify()
	}
	s.room = slices.Grow(s.room[:0], len(d.heap)+1) // once, for a garbage of many sizes is memory, too
	if s.putOff = s.room; i >= 0 {
		s.putOff = append(s.putOff, i)
	}
	for _, i := range d.heap {
		if d.cands[i].likely() {
			s.likely++
		}
	}
	d.sparing = s
}

// likely says whether a candidate is the head's.
func (c *candidate) likely() bool { return !c.screened && !c.refined }

// choose leaves the candidates to be scored next, up to batch, in c.index and their rows in
// c.rows32, and says whether they are likely to be wanted again.
func (c *Classifier) choose(d *decision, batch int) (keep bool) {
	s := d.sparing
	take := func(i int32) {
		c.index = append(c.index, i)
		c.rows32 = append(c.rows32, d.cands[i].row)
	}
	pop := func() int32 {
		i := d.pop()
		if d.cands[i].likely() {
			s.likely--
		}
		return i
	}
	for len(c.index) < batch && len(d.heap) > 0 && (s.likely > 0 || d.read < readFirst) {
		i := pop()
		if !c.exact.Near(d.cands[i].row) {
			if d.read >= readFirst {
				s.putOff = append(s.putOff, i)
				continue
			}
			d.read++
		}
		take(i)
	}
	if len(c.index) > 0 {
		return true
	}
	most := readLast
	if c.remainder != nil && !s.refined {
		most = readMost
	}
	for len(c.index) < readAtOnce && d.read < most && len(s.putOff)+len(d.heap) > 0 {
		var i int32
		if len(s.putOff) > 0 {
			i, s.putOff = s.putOff[0], s.putOff[1:]
		} else {
			i = pop()
		}
		if !c.exact.Near(d.cands[i].row) {
			d.read++
		}
		take(i)
	}
	return false
}

// refined says whether candidates have the remainder's bounds.
func (d *decision) refined() bool { return d.sparing != nil && d.sparing.refined }

// least is no larger than run.c's exponential of a refined row: e is as much larger than
// around, and slack larger still.
func (c *candidate) least() float32 {
	around := float64(c.around)
	if e := float32(around * around / float64(c.e) * (1 - 2*slack)); e >= tiny {
		return e
	}
	return 0
}

// refined adds all candidates, some of which have the remainder's bounds.
func (r *running) refined() {
	for i := range r.d.cands {
		switch c := &r.d.cands[i]; {
		case c.scored:
			r.known(c.e, c.e)
		case c.refined:
			r.known(c.least(), c.e)
		default:
			r.open(c)
		}
	}
}

// passes says whether the rows known to be no less likely than the cutoff pass top-p
// together: the cut is among them or others like them, wherever it is.
func (d *decision) passes(topp, cutoff, sHi float32) bool {
	var sum float64
	for i := range d.cands {
		c := &d.cands[i]
		least := c.e
		switch {
		case c.scored:
		case c.refined:
			least = c.least()
		default:
			continue
		}
		if p := d.of.Probability(least, sHi); p >= cutoff {
			sum += float64(p)
		}
	}
	return sum*(1-2*float64(d.n+8)*ulp) > float64(topp)
}
