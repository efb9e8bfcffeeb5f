package hearing

import (
	"math"
	"math/rand/v2"
	"testing"
)

// voice is a voiced sound that comes and goes: a hum's harmonics, five times a
// second, in the middle of some silence.
func voice(amplitude float64) []int16 {
	out := make([]int16, 3*Rate)
	for i := Rate; i < 2*Rate; i++ {
		t := float64(i) / Rate
		x := 0.0
		for k := 1.0; k <= 12; k++ {
			x += math.Sin(2*math.Pi*130*k*t) / k
		}
		out[i] = int16(amplitude * x * math.Sin(math.Pi*5*t) * math.Sin(math.Pi*5*t))
	}
	return out
}

// decibels is the power of a in comparison with that of b.
func decibels(a, b []int16) float64 {
	sum := [2]float64{}
	for i, s := range [][]int16{a, b} {
		for _, x := range s {
			sum[i] += float64(x) * float64(x)
		}
	}
	return 10 * math.Log10((sum[0]+1e-9)/(sum[1]+1e-9))
}

func difference(a, b []int16) []int16 {
	out := make([]int16, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

func TestSuppressed(t *testing.T) {
	said := voice(3000)
	if got := suppressed(said); len(got) != len(said) || decibels(difference(got, said), said) > -25 {
		t.Errorf("without a room %d samples differ by %.1f dB; want %d, less than -25", len(got), decibels(difference(got, said), said), len(said))
	}
	noise := room(rand.New(rand.NewPCG(3, 4)), [2]float64{3, 300})
	if got := decibels(suppressed(noise), noise); got > -12 {
		t.Errorf("a room alone is at %.1f dB; want less than -12", got)
	}
	// The room's noise falls with frequency and becomes louder towards the end.
	x := 0.0
	for i := range noise {
		x = 0.8*x + float64(noise[i])*(1+float64(i)/float64(len(noise)))
		noise[i] = int16(x)
	}
	noisy := make([]int16, len(said))
	for i := range noisy {
		noisy[i] = said[i] + noise[i]
	}
	got := suppressed(noisy)
	before, after := decibels(difference(noisy, said), said), decibels(difference(got, said), said)
	if after > before-6 {
		t.Errorf("in a room it is off by %.1f dB, before by %.1f; want 6 dB less", after, before)
	}
	for _, n := range []int{0, 1, block - 1, block, block + 1} {
		if got := suppressed(said[Rate : Rate+n]); len(got) != n {
			t.Errorf("of %d samples there are %d", n, len(got))
		}
	}
}

func TestExpint(t *testing.T) {
	// Abramowitz and Stegun, tables 5.1 and 5.2.
	for x, want := range map[float64]float64{0.01: 4.037930, 0.5: 0.559774, 1: 0.219384, 2: 0.048901, 10: 4.15697e-6} {
		if got := expint(x); math.Abs(got-want) > 1e-4*max(want, 0.01) {
			t.Errorf("expint(%v) = %v; want %v", x, got, want)
		}
	}
}

func BenchmarkSuppressed(b *testing.B) {
	said := voice(3000)
	for b.Loop() {
		suppressed(said)
	}
}
