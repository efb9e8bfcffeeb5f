package engine

import (
	"math"
	"slices"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
)

// guesser draws as run.c's sampler does, but for the rows least likely and for the
// last digits, and knows how often draws like that were right.
type guesser struct {
	set    *arith.Set
	index  []int32
	order  []uint64 // a weight's bits, then the complement of its row: sorts as run.c does, backwards
	grades [grades]tally
}

// tally counts how many guesses were right.
type tally struct{ right, all float32 }

// guess is a row, and a grade for how far the logits would have to be off for the
// draw to be another: less than 2^(grade-6), the last for more.
type guess struct{ row, grade int }

const (
	grades  = 9
	prior   = 32
	certain = 7 // an error of 1 in the logits would not change the draw
)

func newGuesser(set *arith.Set, rows int) *guesser {
	g := &guesser{set: set, index: make([]int32, rows), order: make([]uint64, 0, rows)}
	for i := range g.grades {
		// Until it is known better: every octave halves the failures.
		g.grades[i] = tally{float32(prior * (1 - math.Ldexp(0.5, -i))), prior}
	}
	return g
}

// chance is how many of a grade's guesses were right.
func (g *guesser) chance(grade int) float32 { return g.grades[grade].right / g.grades[grade].all }

// learn counts a guess; older ones weigh less.
func (g *guesser) learn(grade int, right bool) {
	const memory = 1 - 1./256
	t := &g.grades[grade]
	t.right *= memory
	t.all = t.all*memory + 1
	if right {
		t.right++
	}
}

// draw guesses what s will sample from logits, which it overwrites.
func (g *guesser) draw(logits []float32, s *llama.Sampler) guess {
	const depth = 8 // a row e^-8 times as likely as the first counts in the sum only
	scale := float32(1)
	if s.Temperature != 0 {
		scale = min(1/s.Temperature, 1e30)
	}
	sum := g.set.ExpAbout(logits, g.set.Max(logits), scale)
	n := g.set.CollectAbove(g.index, logits, float32(math.Exp(-depth)))
	if n == 0 {
		return guess{}
	}
	g.order = g.order[:n]
	for i, row := range g.index[:n] {
		g.order[i] = uint64(math.Float32bits(logits[row]))<<32 | uint64(^uint32(row))
	}
	if s.Temperature != 0 && (s.TopP <= 0 || s.TopP >= 1) {
		return g.place(0, 1, s.Coin()*sum, sum)
	}
	slices.Sort(g.order)
	if s.Temperature == 0 {
		return g.graded(n-1, g.apart(n-1))
	}
	var cut float32
	for i := n - 1; i >= 0 && cut <= s.TopP*sum; i-- {
		cut += g.weight(i)
	}
	return g.place(n-1, -1, s.Coin()*cut, cut)
}

func (g *guesser) weight(i int) float32 { return math.Float32frombits(uint32(g.order[i] >> 32)) }

// place finds where, from the i-th on in steps, the running sum passes r. An error of
// d in the logits of the rows on one side of a running sum c, of all, moves it by
// about d·c·(all-c)/all.
func (g *guesser) place(i, step int, r, all float32) guess {
	var lo float32
	for {
		hi, next := lo+g.weight(i), i+step
		if hi <= r && next >= 0 && next < len(g.order) {
			lo, i = hi, next
			continue
		}
		off := float32(math.Inf(1))
		if lo > 0 {
			off = (r - lo) * all / (lo * (all - lo))
		}
		if hi < all {
			off = min(off, (hi-r)*all/(hi*(all-hi)))
		}
		if step < 0 {
			off = min(off, g.apart(i))
		}
		return g.graded(i, off)
	}
}

// apart is about how far a logit is from its neighbours in the order.
func (g *guesser) apart(i int) float32 {
	off := float32(math.Inf(1))
	if i > 0 {
		off = g.weight(i)/g.weight(i-1) - 1
	}
	if i+1 < len(g.order) {
		off = min(off, g.weight(i+1)/g.weight(i)-1)
	}
	return off
}

func (g *guesser) graded(i int, off float32) guess {
	_, octave := math.Frexp(float64(off)) // off < 2^octave
	if math.IsInf(float64(off), 0) {
		octave = grades
	}
	return guess{int(^uint32(g.order[i])), min(max(octave+6, 0), grades-1)}
}
