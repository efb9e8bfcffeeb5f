package arith

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exactFMA rounds the exact x*y + z once.
func exactFMA(x, y, z float32) float32 {
	wide := func(v float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(v)) }
	sum := new(big.Float).SetPrec(1000).Mul(wide(x), wide(y))
	sum.Add(sum, wide(z))
	rounded, _ := sum.Float32()
	return rounded
}

// halfway returns numbers whose product and sum are at, or as little as they can be
// beside, the middle between two float32, which is where rounding twice fails.
func halfway(r *rand.Rand) (x, y, z float32) {
	const one = 1 << 23
	scale := func(v float64) float32 { return float32(math.Ldexp(v, r.IntN(40)-20)) }
	// (2^23+a)(2^23+b) has 24 digits below its float32, z is far larger or smaller.
	x, y = float32(one+r.IntN(one)), float32(one+r.IntN(one))
	p := float64(x) * float64(y)
	switch r.IntN(5) {
	case 0: // the middle itself, off by a tiny product
		z = float32(one + r.IntN(one))
		return scale(1), float32(math.Ldexp(float64(1-2*r.IntN(2)), -60)), z
	case 1: // the product ends in the middle of the sum's digits
		z = float32(math.Ldexp(float64(one+r.IntN(one)), 23+r.IntN(28)))
		x, y = float32(r.IntN(1<<12)*2+1), float32(math.Ldexp(1, r.IntN(20)))
		return x, y, z
	case 2: // z is a trace beside a product in the middle
		x = float32(one + 1)
		y = float32(one * 2 / 2 * (1 + r.IntN(3)))
		return x, y * 1.5, float32(math.Ldexp(float64(1-2*r.IntN(2)), -r.IntN(100)))
	case 3: // nearly all cancels
		return x, y, -float32(p)
	default: // a subnormal result
		s := math.Ldexp(1, -149-23-r.IntN(30))
		return float32(float64(x) * 0x1p-100), float32(float64(y) * s * 0x1p100), float32(math.Ldexp(float64(r.IntN(1<<20)), -149))
	}
}

// TestFMA holds the portable FMA, and every processor's, to exact arithmetic.
func TestFMA(t *testing.T) {
	r := rng(7)
	twice := 0 // where rounding the float64 sum is wrong
	for i := range 200_000 {
		var x, y, z float32
		switch i % 3 {
		case 0:
			x, y, z = halfway(r)
		case 1:
			v := floats(r, 3)
			x, y, z = v[0], v[1], v[2]
		default:
			finite := func() float32 {
				for {
					if v := math.Float32frombits(r.Uint32()); v-v == 0 {
						return v
					}
				}
			}
			x, y, z = finite(), finite(), finite()
		}
		want := exactFMA(x, y, z)
		if float32(float64(x)*float64(y)+float64(z)) != want {
			twice++
		}
		if got := FMA(x, y, z); got != want || math.Signbit(float64(got)) != math.Signbit(float64(want)) && (x != 0 && y != 0) {
			t.Fatalf("FMA(%x, %x, %x) = %x; want %x", x, y, z, got, want)
		}
		for _, s := range All() { // z*1 + x*y
			if got := s.Fused().Dot([]float32{z, x}, []float32{1, y}); got != want {
				t.Fatalf("%s: %x + %x * %x = %x; want %x", s.Name(), z, x, y, got, want)
			}
		}
	}
	if twice < 100 {
		t.Errorf("only %d cases of 200,000 where rounding twice is wrong: the test shows little", twice)
	}
	inf := float32(math.Inf(1))
	for _, c := range [][4]float32{{inf, 1, 0, inf}, {1, 1, -inf, -inf}, {math.MaxFloat32, 2, 0, inf}, {math.MaxFloat32, 1, math.MaxFloat32 * 0x1p-25, inf}, {math.MaxFloat32, 1, 0x1p102, math.MaxFloat32}} {
		if got, want := FMA(c[0], c[1], c[2]), exactOr(c); got != want {
			t.Errorf("FMA(%x, %x, %x) = %x; want %x", c[0], c[1], c[2], got, want)
		}
	}
	if got := FMA(inf, 0, 1); got == got {
		t.Errorf("FMA(Inf, 0, 1) = %v; want NaN", got)
	}
}

// exactOr is the exact result where there is one, else what is stated.
func exactOr(c [4]float32) float32 {
	for _, v := range c[:3] {
		if v-v != 0 {
			return c[3]
		}
	}
	return exactFMA(c[0], c[1], c[2])
}
