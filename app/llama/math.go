package llama

import (
	"encoding/binary"
	"math"
	"runtime"
)

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

// roundShift added to a small number leaves it rounded to an integer, once it
// is taken off again.
const roundShift = 0x1.8p52

// The cubic of exp2: 1 + cubic1·r + cubic2·r² + cubic3·r³.
const (
	cubic3 = 0x1.c6af84b912394p-5 / (32 * 32 * 32)
	cubic2 = 0x1.ebfce50fac4f3p-3 / (32 * 32)
	cubic1 = 0x1.62e42ff0c52d6p-1 / 32
)

// exp2 returns 2^((k+r)/32), |r| <= 1/2: the low five bits of k pick a factor
// from the table, the others are the exponent, and a cubic does the rest.
func exp2(k int, r float64) float32 {
	y := math.FMA(math.FMA(cubic3, r, cubic2), float64(r*r), math.FMA(cubic1, r, 1))
	return float32(y * exp2Scale(k))
}

// exp2Scale is 2^(k/32).
func exp2Scale(k int) float64 {
	return math.Float64frombits(math.Float64bits(exp2Fraction[k&31]) + uint64(k>>5)<<52)
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
	if runtime.GOARCH == "wasm" { // has no fused products: Go computes them with whole numbers
		if y, sure := expfUnfused(x); sure {
			return y
		}
	}
	k := math.FMA(log2eN, float64(x), roundShift) - roundShift
	return exp2(int(k), math.FMA(log2eN, float64(x), -k))
}

const log2eN = 0x1.71547652b82fep+0 * 32

// expfUnfused is expf if that is sure without fused products: what they change is less than
// 2^-45 of the result, and does not matter unless a border between two float32 is as near,
// or one between two k.
func expfUnfused(x float32) (y float32, sure bool) {
	p := float64(log2eN * float64(x)) // less than 2^13: off by 2^-41, which is 2^-46 of the result
	k := float64(p+roundShift) - roundShift
	r := p - k
	a := float64(float64(cubic3*r) + cubic2)
	z := float64(float64(a*float64(r*r))+float64(float64(cubic1*r)+1)) * exp2Scale(int(k))
	const near = 0x1p-44
	y = float32(z - float64(z*near))
	return y, y == float32(z+float64(z*near)) && math.Abs(r) < 0.5-0x1p-40
}

// pow10000 is glibc's powf(10000, y) for 0 <= y < 1: 2 to the power of y times a
// logarithm that never changes, glibc's own approximation of log2(10000).
func pow10000(y float32) float32 {
	x := 32 * float64(float64(y)*log2Of10000())
	k := float64(x+roundShift) - roundShift
	return exp2(int(k), x-k)
}

// log2Of10000 is 13 + log2(c) + log2(1+r) with 10000 = 2^13·z, c near z and
// r = z/c - 1, the last by a polynomial of degree five.
func log2Of10000() float64 {
	const (
		z    = 10000.0 / (1 << 13)
		invC = 0x1.9c2d163a1aa2dp-1
		logC = 0x1.40645f0c6651cp-2
	)
	r := math.FMA(z, invC, -1)
	r2 := float64(r * r)
	y := math.FMA(0x1.27616c9496e0bp-2, r, -0x1.71969a075c67ap-2)
	p := math.FMA(0x1.ec70a6ca7baddp-2, r, -0x1.7154748bef6c8p-1)
	q := math.FMA(0x1.71547652ab82bp0, r, logC+13)
	return math.FMA(y, float64(r2*r2), math.FMA(p, r2, q))
}

// sinCos is glibc's sinf and cosf for 0 <= x < 2^20, all that a position times
// a frequency can be.
func sinCos(x float32) (sin, cos float32) {
	if x < 0x1p-12 {
		return x, 1
	}
	r, quadrant := float64(x), 0
	switch {
	case x < 0.75: // less than π/4, by the exponent and three bits
	case x < 120:
		const halfPi = 0x1.921FB54442D18p0
		quadrant = (int(int32(float64(x)*0x1.45F306DC9C883p+23)) + 1<<23) >> 24
		r = math.FMA(-float64(quadrant), halfPi, float64(x))
	default:
		r, quadrant = reduce(x)
	}
	s, c := sinPoly(r), cosPoly(r)
	switch quadrant & 3 {
	case 0:
		return float32(s), float32(c)
	case 1:
		return float32(c), float32(-s)
	case 2:
		return float32(-s), float32(-c)
	default:
		return float32(-c), float32(s)
	}
}

// twoOverPi holds the binary digits of 2/π after three zero bytes.
var twoOverPi = [...]byte{0, 0, 0, 0xa2, 0xf9, 0x83, 0x6e, 0x4e, 0x44, 0x15, 0x29, 0xfc, 0x27, 0x57, 0xd1, 0xf5}

// reduce takes the multiples of π/2 out of x, in 2.62 fixed point: what is
// left, and how many they were modulo 4.
func reduce(x float32) (rest float64, quadrant int) {
	bits := math.Float32bits(x)
	first := int(bits >> 26 & 15)
	window := func(i int) uint64 { return uint64(binary.BigEndian.Uint32(twoOverPi[first+i:])) }
	mantissa := uint64(uint32(bits&0xffffff|0x800000) << (bits >> 23 & 7))
	product := mantissa*window(0)<<32 + mantissa*window(4) + mantissa*window(8)>>32
	n := (product + 1<<61) >> 62
	return float64(int64(product-n<<62)) * 0x1.921FB54442D18p-62, int(n)
}

func sinPoly(x float64) float64 {
	x2 := float64(x * x)
	x3 := float64(x * x2)
	s1 := math.FMA(x2, -0x1.994eb3774cf24p-13, 0x1.1107605230bc4p-7)
	s := math.FMA(x3, -0x1.555545995a603p-3, x)
	return math.FMA(float64(x3*x2), s1, s)
}

func cosPoly(x float64) float64 {
	x2 := float64(x * x)
	x4 := float64(x2 * x2)
	c2 := math.FMA(x2, 0x1.99343027bf8c3p-16, -0x1.6c087e89a359dp-10)
	c1 := math.FMA(x2, -0x1.ffffffd0c621cp-2, 1)
	c := math.FMA(x4, 0x1.55553e1068f19p-5, c1)
	return math.FMA(float64(x4*x2), c2, c)
}
