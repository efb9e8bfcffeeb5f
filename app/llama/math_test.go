package llama

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/big"
	"testing"
)

// The hashes are FNV-1a over glibc 2.36's results for the same arguments.
func TestLikeGlibc(t *testing.T) {
	for _, tt := range []struct {
		name string
		want uint64
		each func(add func(float32))
	}{
		{"expf", 0x2e2058fa43bf7d99, func(add func(float32)) {
			for u := uint64(0); u < 1<<32; u += 9973 {
				if x := math.Float32frombits(uint32(u)); x == x {
					add(expf(x))
				}
			}
		}},
		{"sinf and cosf", 0xa39214d13bceb470, func(add func(float32)) {
			for u := uint32(0); u < math.Float32bits(0x1p20); u += 2999 {
				sin, cos := sinCos(math.Float32frombits(u))
				add(sin)
				add(cos)
			}
		}},
		{"powf", 0x60768e2b91028b7a, func(add func(float32)) {
			for n := 2; n <= 512; n += 2 {
				for i := 0; i < n; i += 2 {
					add(pow10000(float32(i) / float32(n)))
				}
			}
		}},
	} {
		h := fnv.New64a()
		tt.each(func(v float32) { binary.Write(h, binary.LittleEndian, math.Float32bits(v)) })
		if got := h.Sum64(); got != tt.want {
			t.Errorf("%s: results hash to %#x; want %#x", tt.name, got, tt.want)
		}
	}
	if got := expf(float32(math.NaN())); got == got {
		t.Errorf("expf(NaN) = %v", got)
	}
}

// exactFMA rounds x·y + z once by arithmetic without rounding.
func exactFMA(x, y, z float32) float32 {
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(float64(v)) }
	product := exact(0).Mul(exact(x), exact(y))
	got, _ := product.Add(product, exact(z)).Float32()
	return got
}

// Sums that lie on or beside the middle between two float32 values, normal and
// subnormal, are where rounding twice shows.
func TestFMA32(t *testing.T) {
	f := math.Float32frombits
	for _, v := range [][3]float32{
		{1, 1, 0x1p-24}, {1 + 0x1p-23, 1, 0x1p-24}, {1, 1, -0x1p-25},
		{1 + 0x1p-12, 1 + 0x1p-12, 0x1p-100}, {1 + 0x1p-12, 1 + 0x1p-12, -0x1p-100},
		{1 + 0x1p-12, -1 - 0x1p-12, 0x1p-100},
		{0x1p-75, 0x1p-75, 0}, {0x1p-75, 0x1p-75 + 0x1p-98, 0x1p-149}, {0x1.8p-75, 0x1p-75, 0x1p-126},
		{0x1p-75, 0x1p-75, -0x1p-149}, {3, 5, -15}, {0, 5, 0x1p-149}, {0x1p127, 2, -0x1p127}, {0x1.fffffep127, 1, 0x1p103},
	} {
		if got, want := fma32(v[0], v[1], v[2]), exactFMA(v[0], v[1], v[2]); got != want {
			t.Errorf("fma32(%x, %x, %x) = %x; want %x", v[0], v[1], v[2], got, want)
		}
	}
	state := uint64(1)
	random := func() uint32 {
		state = state*6364136223846793005 + 1442695040888963407
		return uint32(state >> 32)
	}
	for i := range 200000 {
		x, y, z := random(), random(), random()
		if i%2 == 0 { // few bits: many ties
			x, y, z = x&^0xfff, y&^0xfff, z&^0x3ff
		}
		// exponents at which the three meet, or at the subnormal end
		x, y = x&0x807fffff|(100+x>>9%40)<<23, y&0x807fffff|(100+y>>9%40)<<23
		z = z&0x807fffff | (75+z>>9%90)<<23
		if i%8 == 0 {
			x, y, z = x-60<<23, y-60<<23, z&0x81ffffff
		}
		if got, want := fma32(f(x), f(y), f(z)), exactFMA(f(x), f(y), f(z)); got != want {
			t.Fatalf("fma32(%x, %x, %x) = %x; want %x", f(x), f(y), f(z), got, want)
		}
	}
}
