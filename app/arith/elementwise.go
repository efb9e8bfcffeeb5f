package arith

import "math"

// Add is dst[i] += x[i].
func (s *Set) Add(dst, x []float32) {
	check("x", len(x), len(dst))
	for i, v := range x {
		dst[i] += v
	}
}

// DivScalar is x[i] /= by.
func (s *Set) DivScalar(x []float32, by float32) {
	for i := range x {
		x[i] /= by
	}
}

// MulScaleWeight is dst[i] = w[i] * (scale * x[i]): the last step of run.c's rmsnorm.
func (s *Set) MulScaleWeight(dst, w, x []float32, scale float32) {
	check("w", len(w), len(dst))
	check("x", len(x), len(dst))
	for i, v := range x {
		dst[i] = w[i] * float32(scale*v)
	}
}

// ScaleI32 is dst[i] = float32(acc[i]) * rowScale[i] * scale, each product rounded.
func (s *Set) ScaleI32(dst []float32, acc []int32, rowScale []float32, scale float32) {
	check("acc", len(acc), len(dst))
	check("rowScale", len(rowScale), len(dst))
	for i, v := range acc {
		dst[i] = float32(float32(v)*rowScale[i]) * scale
	}
}

// MaxAbs is the largest |x[i]|, +0 if there is none.
func (s *Set) MaxAbs(x []float32) float32 {
	var m uint32 // as integers, floats without sign keep their order
	for _, v := range x {
		m = max(m, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(m)
}

// Max is the largest x[i], -Inf if there is none.
func (s *Set) Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// Quantize is dst[i] = x[i] * inv, rounded to the nearest integer, ties to even, and
// kept between -limit and limit (at most 127).
func (s *Set) Quantize(dst []int8, x []float32, inv, limit float32) {
	check("dst", len(dst), len(x))
	const shift = 0x1.8p23 // added to a small number leaves it rounded to an integer
	for i, v := range x {
		v = max(-limit, min(limit, float32(v*inv)))
		dst[i] = int8(int32(math.Float32bits(v+shift)) - 0x4b400000)
	}
}

// CollectAbove writes the indices i with v[i] >= threshold to idx in ascending order, as
// many as fit, and returns how many there are.
func (s *Set) CollectAbove(idx []int32, v []float32, threshold float32) int {
	n := 0
	for i, f := range v {
		if f >= threshold {
			if n < len(idx) {
				idx[n] = int32(i)
			}
			n++
		}
	}
	return n
}
