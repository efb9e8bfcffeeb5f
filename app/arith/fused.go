package arith

import "math"

// FMA is x·y + z rounded once, as a processor's fused multiply-add is. The product
// is exact in float64. The sum may be rounded there to a number halfway between
// two of float32, which rounding again would take for the sum itself; so the last
// bit of a sum that is not exact says so ("rounding to odd": S. Boldo, G. Melquiond,
// "Emulation of a FMA and correctly rounded sums", 2008).
func FMA(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	const (
		below  = 1<<29 - 1 // what float32 has no room for
		middle = 1 << 28
		normal = 0x1p-126 // below, float32 has fewer bits
	)
	bits := math.Float64bits(s)
	if bits&below != middle && math.Abs(s) >= normal || s-s != 0 {
		return float32(s)
	}
	// What the sum lost, exactly (D. Knuth's two-sum).
	v := s - p
	lost := (p - (s - v)) + (c - v)
	if lost != 0 && bits&1 == 0 {
		if (lost > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}

// Fused returns the same implementation with every sum of products as riscv64 gcc
// -Ofast has it: in the same order, each term fused with the sum so far.
func (s *Set) Fused() *Set {
	f := *s
	f.fused = true
	return &f
}

// Dot is Σ w[j]*x[j] of two vectors of the same length.
func (s *Set) Dot(w, x []float32) float32 {
	w = w[:len(x)]
	switch {
	case !s.fused:
		return Dot(w, x)
	case len(x) == 0:
		return 0
	}
	return s.unit.dotFused(w, x)
}

func dotFusedGo(w, x []float32) float32 {
	w = w[:len(x)]
	var sum float32
	for j, v := range x {
		sum = FMA(w[j], v, sum)
	}
	return sum
}

// MulScalar is x[i] *= by.
func (s *Set) MulScalar(x []float32, by float32) {
	for i := s.unit.mulScalar(x, by); i < len(x); i++ {
		x[i] *= by
	}
}

// MulWeightScale is dst[i] = (w[i] * x[i]) * scale: the last step of rmsnorm as gcc
// -Ofast has it.
func (s *Set) MulWeightScale(dst, w, x []float32, scale float32) {
	check("w", len(w), len(dst))
	check("x", len(x), len(dst))
	for i := s.unit.mulWeightScale(dst, w, x, scale); i < len(x); i++ {
		dst[i] = float32(w[i]*x[i]) * scale
	}
}

// Rotate turns the pairs of vec, len(cos) of them after the other, again and again:
// a, b become a*cos - b*sin and a*sin + b*cos, the second product of each rounded
// before it is added, the first one, too, unless the set is fused.
func (s *Set) Rotate(vec, cos, sin []float32) {
	check("sin", len(sin), len(cos))
	if len(cos) == 0 {
		return
	}
	if len(vec)%(2*len(cos)) != 0 {
		check("vec", len(vec), len(vec)/(2*len(cos))*2*len(cos))
	}
	if len(vec) > 0 && s.unit.rotate(s.fused, vec, cos, sin) {
		return
	}
	for ; len(vec) > 0; vec = vec[2*len(cos):] {
		for i, c := range cos {
			a, b := vec[2*i], vec[2*i+1]
			if s.fused {
				vec[2*i] = FMA(a, c, -float32(b*sin[i]))
				vec[2*i+1] = FMA(a, sin[i], float32(b*c))
			} else {
				vec[2*i] = float32(a*c) - float32(b*sin[i])
				vec[2*i+1] = float32(a*sin[i]) + float32(b*c)
			}
		}
	}
}
