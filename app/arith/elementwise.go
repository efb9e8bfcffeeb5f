package arith

import "math"

// Add is dst[i] += x[i].
func (s *Set) Add(dst, x []float32) {
	check("x", len(x), len(dst))
	for i := s.unit.addTo(dst, x); i < len(x); i++ {
		dst[i] += x[i]
	}
}

// DivScalar is x[i] /= by.
func (s *Set) DivScalar(x []float32, by float32) {
	for i := s.unit.divScalar(x, by); i < len(x); i++ {
		x[i] /= by
	}
}

// MulScaleWeight is dst[i] = w[i] * (scale * x[i]): the last step of run.c's rmsnorm.
func (s *Set) MulScaleWeight(dst, w, x []float32, scale float32) {
	check("w", len(w), len(dst))
	check("x", len(x), len(dst))
	for i := s.unit.mulScaleWeight(dst, w, x, scale); i < len(x); i++ {
		dst[i] = w[i] * float32(scale*x[i])
	}
}

// ScaleI32 is dst[i] = float32(acc[i]) * rowScale[i] * scale, each product rounded.
func (s *Set) ScaleI32(dst []float32, acc []int32, rowScale []float32, scale float32) {
	check("acc", len(acc), len(dst))
	check("rowScale", len(rowScale), len(dst))
	for i := s.unit.scaleI32(dst, acc, rowScale, scale); i < len(acc); i++ {
		dst[i] = float32(float32(acc[i])*rowScale[i]) * scale
	}
}

// Quantize is dst[i] = x[i] * inv, rounded to the nearest integer, ties to even, and
// kept between -limit and limit (at most 127).
func (s *Set) Quantize(dst []int8, x []float32, inv, limit float32) {
	check("dst", len(dst), len(x))
	const shift = 0x1.8p23 // added to a small number leaves it rounded to an integer
	for i := s.unit.quantize(dst, x, inv, limit); i < len(x); i++ {
		v := max(-limit, min(limit, float32(x[i]*inv)))
		dst[i] = int8(math.Float32bits(v + shift))
	}
}

// MaxAbs is the largest |x[i]|, +0 if there is none.
func (s *Set) MaxAbs(x []float32) float32 {
	var lanes [32]float32
	n := s.unit.maxAbs(&lanes, x)
	var m uint32 // as integers, floats without sign keep their order
	for _, v := range lanes {
		m = max(m, math.Float32bits(v))
	}
	for _, v := range x[n:] {
		m = max(m, math.Float32bits(v)&^(1<<31))
	}
	return math.Float32frombits(m)
}

// Max is the largest x[i], -Inf if there is none; a largest of zero is +0.
func (s *Set) Max(x []float32) float32 {
	var lanes [32]float32
	n := s.unit.laneMax(&lanes, x)
	m := largest(x[n:], float32(math.Inf(-1)))
	if n > 0 {
		m = largest(lanes[:], m)
	}
	return m + 0
}

func largest(x []float32, m float32) float32 {
	for _, v := range x {
		if v > m {
			m = v
		}
	}
	return m
}

// CollectAbove writes the indices i with v[i] >= threshold to idx in ascending order, as
// many as fit, and returns how many there are.
func (s *Set) CollectAbove(idx []int32, v []float32, threshold float32) int {
	count, at := 0, 0
	take := func(i int) {
		if v[i] >= threshold {
			if count < len(idx) {
				idx[count] = int32(i)
			}
			count++
		}
	}
	// A vector unit gives the largest of every 32nd of 256 numbers: one look for eight.
	var lanes [32]float32
	for ; at+256 <= len(v) && s.unit.laneMax(&lanes, v[at:at+256]) > 0; at += 256 {
		var buf [32]int
		hits := buf[:0]
		for i, m := range lanes {
			if m >= threshold {
				hits = append(hits, i)
			}
		}
		for i := at; i < at+256 && len(hits) > 0; i += 32 {
			for _, h := range hits {
				take(i + h)
			}
		}
	}
	for ; at < len(v); at++ {
		take(at)
	}
	return count
}
