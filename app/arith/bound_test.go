package arith

import (
	"fmt"
	"math"
	"testing"
)

// boundCase is an everyday input for BoundRows.
func boundCase(seed uint64, n int) (acc []int32, along, scale, rowError []float32, b Bound) {
	r := rng(seed)
	vector := func(size float64) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64() * size)
		}
		return v
	}
	acc, along, scale, rowError = make([]int32, n), vector(1), vector(0.01), vector(0.3)
	for i := range acc {
		acc[i] = r.Int32N(100_001) - 50_000
		rowError[i] = float32(math.Abs(float64(rowError[i])))
		if r.IntN(10) == 0 {
			rowError[i] = float32(math.Inf(-1))
		}
	}
	slope := float32(0x1p23 / math.Ln2 / (0.5 + r.Float64()))
	return acc, along, scale, rowError, Bound{0.02, float32(r.NormFloat64()), 1.2, 0.003, 3, slope, float32(1+r.IntN(60)) * 0x1p23}
}

// TestBoundRows compares all implementations bit for bit, with BoundRows of one
// row at a time: that is the portable code.
func TestBoundRows(t *testing.T) {
	for _, s := range All() {
		for seed, n := range []int{0, 1, 31, 32, 33, 64, 100, 2048, 2055} {
			acc, along, scale, rowError, b := boundCase(uint64(seed), n)
			got, want := make([]float32, n), make([]float32, n)
			var gotTail, wantTail [32]float32
			s.BoundRows(got, &gotTail, acc, along, scale, rowError, &b)
			for i := range n {
				var one [32]float32
				one[0] = wantTail[i%32]
				Generic().BoundRows(want[i:i+1], &one, acc[i:i+1], along[i:i+1], scale[i:i+1], rowError[i:i+1], &b)
				wantTail[i%32] = one[0]
			}
			what := fmt.Sprintf("%s: BoundRows n=%d", s.Name(), n)
			same(t, what, got, want)
			same(t, what+", tail", gotTail[:], wantTail[:])
		}
	}
}

// TestBoundRowsExponential holds the sums to being exponentials, not smaller and
// little larger.
func TestBoundRowsExponential(t *testing.T) {
	const n = 2000
	acc, along, scale, rowError, b := boundCase(1, n)
	const slope = 0x1p23 / math.Ln2
	b.Slope, b.Top = slope, 3
	b.Offset = 20 * slope // zero at -20
	dst := make([]float32, 1)
	for i := range n {
		var tail [32]float32
		Generic().BoundRows(dst, &tail, acc[i:i+1], along[i:i+1], scale[i:i+1], rowError[i:i+1], &b)
		v := min(float64(dst[0]), 3)
		got, want := float64(tail[0])*0x1p127, math.Exp(v+20)
		switch {
		case v < -20 && got != 0, v > -20+math.Ln2+1e-4 && (got < want*(1-1e-4) || got > want*1.0625), v <= -20+math.Ln2 && got > 2.001:
			t.Errorf("a bound of %v adds %v; want %v", v, got, want)
		}
	}
}
