package classifier

import (
	"math"

	"duostoryteller/app/arith"
)

// PackAll makes, of the weights w (rows, dim), a head that has every row, and the screen
// that such a head leaves no rows for: in a small part of the time that [Screen.Pack]
// takes, because it tries one scale for each row only. It returns nil if a weight is
// no finite number, or as soon as stop says so.
func PackAll(w []float32, rows, dim int, stop func() bool) (*Screen, *Head) {
	const limit = 127
	h := NewHead(rows, dim)
	q := make([]int8, arith.BlockI8*dim)
	var longest float64
	for first := 0; first < rows; first += arith.BlockI8 {
		if stop() {
			return nil, nil
		}
		n := min(arith.BlockI8, rows-first)
		for i := range n {
			r := first + i
			h.Rows[r] = int32(r)
			var length float64
			h.Scale[r], h.Error[r], h.Norm[r], length = quantizeOnce(q[i*dim:][:dim], w[r*dim:][:dim], limit)
			if !finite(h.Error[r]) {
				return nil, nil
			}
			longest = max(longest, math.Sqrt(length), float64(h.Norm[r]))
		}
		arith.PackI8(h.Weights[first*dim:][:arith.PackedI8Len(dim, n)], q[:n*dim], dim, n)
	}
	s := &Screen{Rows: rows, Dim: dim, Direction: make([]float32, dim), Limits: make([]float32, NumLimits)}
	s.Limits[MaxNorm] = up(longest)
	return s, h
}

// quantizeOnce is [QuantizeRow] with the scale at which the largest weight is limit;
// length is the sum of the weights' squares.
func quantizeOnce(q []int8, w []float32, limit int) (scale, errNorm, norm float32, length float64) {
	var largest float32
	for _, v := range w {
		largest = max(largest, max(v, -v))
	}
	scale = largest / float32(limit)
	var inverse, off, sum float64
	if s := 1 / float64(scale); scale > 0 && !math.IsInf(s, 0) {
		inverse = s
	}
	const shift = 0x1.8p52 // added to a small number leaves it rounded to an integer
	step := float64(scale)
	q = q[:len(w)]
	for i, v := range w {
		x := float64(v)
		n := float64(x*inverse) + shift
		q[i] = int8(math.Float64bits(n))
		n -= shift
		d := x - float64(n*step)
		off += float64(d * d)
		sum += float64(n * n)
		length += float64(x * x)
	}
	if largest > 0 { // the squares may have underflowed
		errNorm = 1e-20
	}
	return scale, max(errNorm, up(math.Sqrt(off))), up(math.Sqrt(sum) * float64(scale)), length
}
