package classifier

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
)

// matrix is an exact classifier in memory; every row but each near-th is said to be
// elsewhere, none if near is 0.
type matrix struct {
	w    []float32
	dim  int
	near int32
}

func (m matrix) Near(row int32) bool { return m.near == 0 || row%m.near == 0 }

func (m matrix) Score(dst []float32, rows []int32, x []float32, _ bool) error {
	for i, r := range rows {
		dst[i] = arith.Dot(m.w[int(r)*m.dim:][:m.dim], x)
	}
	return nil
}

func (m matrix) All(dst, x []float32) error {
	for r := range dst {
		dst[r] = arith.Dot(m.w[r*m.dim:][:m.dim], x)
	}
	return nil
}

// remainder is one in memory.
type remainder []Panel

func (m remainder) ReadPanel(i int) (Panel, error) { return m[i], nil }

func remainderOf(s *Screen, w []float32) (m remainder) {
	for first := 0; first < s.Rows; first += PanelRows {
		n := min(PanelRows, s.Rows-first)
		p := NewPanel(n, s.Dim)
		s.PackPanel(p, w[first*s.Dim:][:n*s.Dim], first)
		m = append(m, p)
	}
	return m
}

// shape is a kind of weights and hidden states.
type shape struct {
	name   string
	weight func(r *rand.Rand, row, dim int, w []float32)
	hidden func(r *rand.Rand, w []float32, x []float32)
}

func gauss(r *rand.Rand, dst []float32, size float64) {
	for i := range dst {
		dst[i] = float32(r.NormFloat64() * size)
	}
}

var shapes = []shape{
	{"gaussian", func(r *rand.Rand, _, _ int, w []float32) { gauss(r, w, 0.2) }, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1.5) }},
	{"near ties", func(r *rand.Rand, row, _ int, w []float32) {
		common := rand.New(rand.NewPCG(uint64(row/3), 5)) // rows of a group differ by little
		gauss(common, w, 0.3)
		for i := range w {
			w[i] *= 1 + float32(r.IntN(3)-1)*0x1p-22
		}
	}, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1) }},
	{"duplicates", func(_ *rand.Rand, row, _ int, w []float32) {
		gauss(rand.New(rand.NewPCG(uint64(row%7), 9)), w, 0.3)
	}, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1) }},
	{"all equal", func(_ *rand.Rand, _, _ int, w []float32) {
		for i := range w {
			w[i] = 0.125
		}
	}, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1) }},
	{"one outlier a vector", func(r *rand.Rand, _, _ int, w []float32) {
		gauss(r, w, 0.02)
		w[r.IntN(len(w))] = 2
	}, func(r *rand.Rand, _, x []float32) {
		gauss(r, x, 0.1)
		x[r.IntN(len(x))] = float32(20 * r.NormFloat64())
	}},
	{"along a row's quantisation error", func(r *rand.Rand, _, _ int, w []float32) { gauss(r, w, 0.2) }, func(r *rand.Rand, w, x []float32) {
		row := w[r.IntN(len(w)/len(x))*len(x):][:len(x)]
		q, row64 := make([]int8, len(x)), make([]float64, len(x))
		for i, v := range row {
			row64[i] = float64(v)
		}
		scale, _, _ := QuantizeRow(q, row64, 7)
		for i := range x {
			x[i] = 40 * (row[i] - scale*float32(q[i]))
		}
	}},
	{"shared direction", func(r *rand.Rand, row, _ int, w []float32) {
		gauss(r, w, 0.02)
		if row > 40 {
			for i := range w {
				w[i] += float32(i%5) * 0.1
			}
		} else {
			gauss(r, w, 0.3)
		}
	}, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1.5) }},
	{"rows that are never used", func(r *rand.Rand, row, _ int, w []float32) {
		if row%6 == 0 {
			gauss(r, w, 0.5)
			return
		}
		gauss(r, w, 0.01)
		for i := range w {
			w[i] -= 0.05 * float32(i%3)
		}
	}, func(r *rand.Rand, _, x []float32) {
		gauss(r, x, 1.5)
		for i := range x {
			x[i] += 2 * float32(i%3)
		}
	}},
	{"zero", func(_ *rand.Rand, _, _ int, w []float32) {}, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1) }},
	{"tiny", func(r *rand.Rand, _, _ int, w []float32) { gauss(r, w, 1e-20) }, func(r *rand.Rand, _, x []float32) { gauss(r, x, 1e-19) }},
}

func (s shape) weights(seed uint64, rows, dim int) []float32 {
	r := rand.New(rand.NewPCG(seed, 1))
	w := make([]float32, rows*dim)
	for i := range rows {
		s.weight(r, i, dim, w[i*dim:][:dim])
	}
	return w
}

// likely are the rows for the head: those at random, or the longest.
func likely(r *rand.Rand, w []float32, rows, dim, one int) []int32 {
	hot := []int32{0}
	longest := r.IntN(2) == 0
	mean := arith.Dot(w, w) / float32(rows)
	for i := 1; i < rows; i++ {
		row := w[i*dim:][:dim]
		if longest && arith.Dot(row, row) > mean || !longest && r.IntN(one) == 0 {
			hot = append(hot, int32(i))
		}
	}
	return hot
}

func build(w []float32, rows, dim int, hot []int32) (*Screen, *Head) {
	s := NewScreen(rows, dim)
	s.Pack(w, hot)
	h := NewHead(len(hot), dim)
	copy(h.Rows, hot)
	h.Pack(func(r int32) []float32 { return w[int(r)*dim:][:dim] })
	return s, h
}

// TestDecisions compares with run.c's sampler on all logits.
func TestDecisions(t *testing.T) {
	temperatures := []float32{0, 1e-30, 0.01, 0.1, 0.5, 0.8, 1, 1.5, 3, 100, 1e30}
	topps := []float32{0, 1e-7, 0.001, 0.1, 0.5, 0.9, 0.95, 0.999, 0.9999999, 1}
	sizes := []struct{ rows, dim, hidden int }{{1, 4, 3}, {2, 6, 10}, {33, 15, 60}, {300, 48, 200}}
	if testing.Short() {
		sizes = sizes[:3]
	} else {
		sizes = append(sizes, struct{ rows, dim, hidden int }{9000, 64, 8})
	}
	for _, shape := range shapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range sizes {
				w := shape.weights(uint64(size.rows), size.rows, size.dim)
				exact := matrix{w, size.dim, 0}
				r := rand.New(rand.NewPCG(uint64(size.dim), 2))
				const positions = 3
				s, h := build(w, size.rows, size.dim, likely(r, w, size.rows, size.dim, 10))
				few := New(arith.All()[0], s, h, exact, nil, positions)
				card := New(arith.All()[0], s, h, matrix{w, size.dim, 9}, remainderOf(s, w), positions)
				s, h = PackAll(w, size.rows, size.dim, func() bool { return false })
				every := New(arith.All()[0], s, h, exact, nil, positions)
				x := make([]float32, positions*size.dim)
				logits := make([]float32, size.rows)
				for i := range 3 * size.hidden {
					c := []*Classifier{few, every, card}[i%3]
					hints := make([]int, positions)
					for p := range positions {
						shape.hidden(r, w, x[p*size.dim:][:size.dim])
						hints[p] = r.IntN(size.rows+1) - 1
					}
					temperature := temperatures[r.IntN(len(temperatures))]
					if err := c.Screen(x, positions, hints, temperature); err != nil {
						t.Fatal(err)
					}
					// One screening serves one decision a position.
					for p := range positions {
						sampler := llama.NewSampler(size.rows, temperature, topps[r.IntN(len(topps))], r.Uint64()|1)
						reference := *sampler
						decide := func(p int, s *llama.Sampler) (token int, ok bool, err error) {
							token, err = c.Decide(p, s)
							return token, true, err
						}
						if r.IntN(3) == 0 {
							decide = c.Try
						}
						got, ok, err := decide(p, sampler)
						if err != nil {
							t.Fatal(err)
						}
						if !ok {
							if sampler.State != reference.State {
								t.Fatalf("Try leaves the sampler at %d; want %d, as it was", sampler.State, reference.State)
							}
							continue
						}
						if err := exact.All(logits, x[p*size.dim:][:size.dim]); err != nil {
							t.Fatal(err)
						}
						if want := reference.Sample(slices.Clone(logits)); got != want || sampler.State != reference.State {
							t.Fatalf("%d rows, temperature %g, top-p %g, state %d: Decide = %d; want %d", size.rows, temperature, sampler.TopP, reference.State, got, want)
						}
					}
				}
				few.report(t, fmt.Sprintf("%d rows", size.rows))
				every.report(t, fmt.Sprintf("%d rows, all in the head", size.rows))
				card.report(t, fmt.Sprintf("%d rows, most on a card", size.rows))
			}
		})
	}
}

func (c *Classifier) report(t *testing.T, what string) {
	n := c.Counters
	t.Logf("%s: %d decisions, %.1f candidates, %.1f rows scored, %d light, %d rescreened, %d deepened, %d refined, %d fallbacks", what, n.Decisions,
		float64(n.Candidates)/float64(n.Decisions), float64(n.RowsScored)/float64(n.Decisions), n.Light, n.Rescreened, n.Deepened, n.Refined, n.Fallbacks)
}

// TestBound looks at every row's bound itself.
func TestBound(t *testing.T) {
	for _, shape := range shapes {
		const rows, dim = 200, 47
		w := shape.weights(3, rows, dim)
		for _, hot := range [][]int32{{3, 50, 51}, nil} {
			s, h := PackAll(w, rows, dim, func() bool { return false })
			var left Remainder
			if hot != nil {
				s, h = build(w, rows, dim, hot)
				left = remainderOf(s, w)
			}
			checkBounds(t, shape, New(arith.Generic(), s, h, matrix{w, dim, 0}, left, 1), w, rows, dim)
		}
	}
}

func checkBounds(t *testing.T, shape shape, c *Classifier, w []float32, rows, dim int) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 7))
	x, logits := make([]float32, dim), make([]float32, rows)
	for range 100 {
		shape.hidden(r, w, x)
		// With a vast temperature every row is a candidate.
		if err := c.Screen(x, 1, []int{-1}, 1e6); err != nil {
			t.Fatal(err)
		}
		matrix{w, dim, 0}.All(logits, x)
		seen := 0
		for _, cand := range c.positions[0].cands {
			seen++
			if got := cand.z; got < logits[cand.row]/1e6 {
				t.Fatalf("%s: row %d is at most %g by its bound, and %g", shape.name, cand.row, got, logits[cand.row]/1e6)
			}
		}
		if c.remainder != nil {
			if err := c.refine(&c.positions[0]); err != nil {
				t.Fatal(err)
			}
			for _, cand := range c.positions[0].cands {
				if !cand.refined {
					continue
				}
				z := float64(logits[cand.row] / 1e6)
				if least := 2*float64(cand.approx) - float64(cand.z); z > float64(cand.z) || z < least {
					t.Fatalf("%s: row %d is from %g to %g with the remainder, and %g", shape.name, cand.row, least, cand.z, z)
				}
			}
		}
		if seen != rows {
			t.Fatalf("%s: %d candidates; want all %d rows", shape.name, seen, rows)
		}
	}
}

// TestRefineAllocates: on the board what a decision leaves behind for the collector is memory
// that a story's voice misses, so that it must not grow with the number of panels.
func TestRefineAllocates(t *testing.T) {
	const rows, dim = 4096, 288
	w := shapes[0].weights(3, rows, dim)
	s, h := build(w, rows, dim, []int32{3, 50, 51})
	c := New(arith.All()[0], s, h, matrix{w, dim, 0}, remainderOf(s, w), 1)
	x := make([]float32, dim)
	shapes[0].hidden(rand.New(rand.NewPCG(7, 7)), w, x)
	took := testing.AllocsPerRun(5, func() {
		if err := c.Screen(x, 1, []int{-1}, 1e6); err != nil {
			t.Fatal(err)
		}
		if err := c.refine(&c.positions[0]); err != nil {
			t.Fatal(err)
		}
	})
	if took > 20 {
		t.Errorf("%v allocations for %d panels; want a few for all of them", took, rows/PanelRows)
	}
}

func TestQuantizeRow(t *testing.T) {
	q := make([]int8, 3)
	scale, errNorm, norm := QuantizeRow(q, []float64{7, -3, 0}, 7)
	if scale != 1 || errNorm > 1e-19 || q[0] != 7 || q[1] != -3 || math.Abs(float64(norm)-math.Sqrt(58)) > 1e-4 {
		t.Errorf("QuantizeRow = %v, %g, %g, %g; want 7 -3 0, 1, 0, √58", q, scale, errNorm, norm)
	}
}

// TestGroups: no row's logit is above its group's bound, and all rows that the head
// does not have are in a group.
func TestGroups(t *testing.T) {
	for _, shape := range shapes {
		const rows, dim = 3000, 24
		w := shape.weights(11, rows, dim)
		hot := []int32{3, 50, 51}
		s, _ := build(w, rows, dim, hot)
		count := 0
		for _, g := range s.Groups {
			count += int(g.Count)
		}
		if count != rows-len(hot) {
			t.Fatalf("%s: %d rows are in groups; want %d", shape.name, count, rows-len(hot))
		}
		for r := range rows {
			if slices.Contains(hot, int32(r)) {
				continue
			}
			var rest float64
			for i, v := range w[r*dim:][:dim] {
				d := float64(v) - float64(s.Along[r])*float64(s.Direction[i])
				rest += d * d
			}
			if !slices.ContainsFunc(s.Groups, func(g Group) bool {
				return g.Count > 0 && g.Low <= s.Along[r] && s.Along[r] <= g.High && math.Sqrt(rest) <= float64(g.Rest)
			}) {
				t.Fatalf("%s: row %d, %g along and %g beside the direction, is in no group", shape.name, r, s.Along[r], math.Sqrt(rest))
			}
		}
	}
}

// TestPackAllEnds: weights that are no numbers, or a story that has ended, leave no head.
func TestPackAllEnds(t *testing.T) {
	w := shapes[0].weights(1, 200, 48)
	if s, h := PackAll(w, 200, 48, func() bool { return true }); s != nil || h != nil {
		t.Error("it was not stopped")
	}
	for _, v := range []float64{math.NaN(), math.Inf(1), math.MaxFloat32} {
		bad := slices.Clone(w)
		bad[150*48+3] = float32(v)
		s, h := PackAll(bad, 200, 48, func() bool { return false })
		if finite := v == math.MaxFloat32; (h != nil) != finite || (s != nil) != finite {
			t.Errorf("a weight of %g: head %v", v, h != nil)
		}
	}
}
