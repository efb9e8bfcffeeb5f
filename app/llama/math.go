package llama

import "math"

// The C library's expf, powf, sinf and cosf, to the bit: their results decide
// which token is drawn, so "as accurate" would not do. glibc computes each in
// float64 and rounds once (S. Nagy, W. Dijkstra: Arm Optimized Routines, adopted
// in glibc 2.28; the constants below are facts of math/exp2f_data.c,
// powf_log2_data.c and sincosf_data.c there). A product that glibc's own build
// fuses with a sum on this project's machines is fused here explicitly, which
// makes the results the same on every one of them.
//
// Compared with glibc 2.36 over all 2^32 arguments of expf, and over the finite
// arguments that rotary encoding can have for the other three; see math_test.go.

// exp2Fraction holds 2^(i/32).
var exp2Fraction = [32]float64{
	0x1.0000000000000p+0, 0x1.059b0d3158574p+0, 0x1.0b5586cf9890fp+0, 0x1.11301d0125b51p+0,
	0x1.172b83c7d517bp+0, 0x1.1d4873168b9aap+0, 0x1.2387a6e756238p+0, 0x1.29e9df51fdee1p+0,
	0x1.306fe0a31b715p+0, 0x1.371a7373aa9cbp+0, 0x1.3dea64c123422p+0, 0x1.44e086061892dp+0,
	0x1.4bfdad5362a27p+0, 0x1.5342b569d4f82p+0, 0x1.5ab07dd485429p+0, 0x1.6247eb03a5585p+0,
	0x1.6a09e667f3bcdp+0, 0x1.71f75e8ec5f74p+0, 0x1.7a11473eb0187p+0, 0x1.82589994cce13p+0,
	0x1.8ace5422aa0dbp+0, 0x1.93737b0cdc5e5p+0, 0x1.9c49182a3f090p+0, 0x1.a5503b23e255dp+0,
	0x1.ae89f995ad3adp+0, 0x1.b7f76f2fb5e47p+0, 0x1.c199bdd85529cp+0, 0x1.cb720dcef9069p+0,
	0x1.d5818dcfba487p+0, 0x1.dfc97337b9b5fp+0, 0x1.ea4afa2a490dap+0, 0x1.f50765b6e4540p+0,
}

// exp2 returns 2^k·2^(r/32) for k/32 + r/32 = z/32, |r| <= 1/2: a table for the
// fraction and a cubic for the rest.
func exp2Parts(ki int64, r float64) float64 {
	const (
		c0 = 0x1.c6af84b912394p-5 / (32 * 32 * 32)
		c1 = 0x1.ebfce50fac4f3p-3 / (32 * 32)
		c2 = 0x1.62e42ff0c52d6p-1 / 32
	)
	bits := math.Float64bits(exp2Fraction[ki&31]) + uint64(ki>>5)<<52
	y := math.FMA(math.FMA(c0, r, c1), float64(r*r), math.FMA(c2, r, 1))
	return y * math.Float64frombits(bits)
}

// expf is glibc's expf.
func expf(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > 0x1.62e42ep6:
		return float32(math.Inf(1))
	case x < -0x1.9fe368p6:
		return 0
	}
	const (
		log2eN = 0x1.71547652b82fep+0 * 32
		shift  = 0x1.8p52 // adding it rounds to an integer, kept in the low bits
	)
	shifted := math.FMA(log2eN, float64(x), shift)
	ki := int64(math.Float64bits(shifted))
	r := math.FMA(log2eN, float64(x), -(shifted - shift))
	return float32(exp2Parts(ki<<13>>13, r))
}
