package arith

import "math"

// Approximate functions, for guesses; the same bits in every implementation.

// aboutConstants are those of exp2About in the order that the kernels load them.
var aboutConstants = [...]float32{-125, 125, 0x1.8p23, -0x1.8p23, 0.009618129, 0.05550411, 0.24022651, 0.6931472, 1}

// exp2About is 2^y within 5e-5 of it, y kept between -125 and 125: 2^f by the first
// terms of its series, |f| <= 1/2, and whole powers by the exponent.
func exp2About(y float32) float32 {
	c := &aboutConstants
	y = min(max(y, c[0]), c[1])
	t := y + c[2]
	f := y - float32(t+c[3])
	p := float32(c[4]*f) + c[5]
	p = float32(p*f) + c[6]
	p = float32(p*f) + c[7]
	p = float32(p*f) + c[8]
	return math.Float32frombits(math.Float32bits(p) + math.Float32bits(t)<<23)
}

// ExpAbout is x[i] = exp((x[i] - from) * scale) within 1e-4 of it, or e^±86 where it is
// beyond those, and returns the sum of all. It is for numbers, not for NaNs.
func (s *Set) ExpAbout(x []float32, from, scale float32) float32 {
	var lanes [32]float32
	scale *= math.Log2E
	whole := len(x) &^ 31
	for i := s.unit.expAbout(&lanes, x, -from, scale); i < whole; i++ {
		x[i] = exp2About(float32((x[i] - from) * scale))
		lanes[i%32] += x[i]
	}
	var sum float32
	for _, v := range lanes {
		sum += v
	}
	for i := whole; i < len(x); i++ {
		x[i] = exp2About(float32((x[i] - from) * scale))
		sum += x[i]
	}
	return sum
}

// GateAbout is dst[i] = h1[i] * h3[i] / (1 + exp(-h1[i])), within 1e-4 of it: a
// transformer's SwiGLU.
func (s *Set) GateAbout(dst, h1, h3 []float32) {
	check("h1", len(h1), len(dst))
	check("h3", len(h3), len(dst))
	for i := s.unit.gateAbout(dst, h1, h3); i < len(h1); i++ {
		v := h1[i]
		dst[i] = float32(v*h3[i]) / (exp2About(float32(v*-math.Log2E)) + 1)
	}
}
