package llama

import (
	"encoding/binary"
	"hash/fnv"
	"math"
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

// TestExpUnfused: without fused products it is expf, or unsure, which is rare.
func TestExpUnfused(t *testing.T) {
	all, unsure := 0, 0
	for u := uint64(0); u < 1<<32; u += 997 {
		x := math.Float32frombits(uint32(u))
		if !(x >= -0x1.9fe368p6 && x <= 0x1.62e42ep6) {
			continue
		}
		all++
		k := math.FMA(log2eN, float64(x), roundShift) - roundShift
		want := exp2(int(k), math.FMA(log2eN, float64(x), -k))
		if got, sure := expfUnfused(x); !sure {
			unsure++
		} else if got != want {
			t.Fatalf("expfUnfused(%x) = %x; want %x", x, got, want)
		}
	}
	if unsure > all/100_000 {
		t.Errorf("it is unsure of %d of %d", unsure, all)
	}
}
