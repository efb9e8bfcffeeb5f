package sound

import (
	"math"
	"slices"
	"testing"
)

// sine is a second of a sine of f Hz.
func sine(hz int, f, amplitude float64) []int16 {
	s := make([]int16, hz)
	for i := range s {
		s[i] = int16(math.Round(amplitude * math.Sin(2*math.Pi*f*float64(i)/float64(hz))))
	}
	return s
}

// convert resamples s at once.
func convert(from, to int, s []int16) []int16 {
	r := NewResampler(from, to)
	return r.Flush(r.Process(nil, s))
}

// level is the amplitude of the sine of f Hz in the middle of s (Goertzel).
func level(s []int16, hz int, f float64) float64 {
	s = s[len(s)/4 : 3*len(s)/4]
	var re, im float64
	for i, x := range s {
		w := 2 * math.Pi * f * float64(i) / float64(hz)
		window := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(s)))
		re += float64(x) * window * math.Cos(w)
		im += float64(x) * window * math.Sin(w)
	}
	return 2 * math.Hypot(re, im) / float64(len(s))
}

func decibels(x float64) float64 { return 20 * math.Log10(x) }

func TestResamplerPassband(t *testing.T) {
	for _, rates := range [][2]int{{16000, 48000}, {22050, 48000}, {8000, 48000}, {44100, 48000}, {48000, 44100}, {48000, 16000}} {
		low := float64(min(rates[0], rates[1]))
		for _, part := range []float64{0.01, 0.1, 0.2, 0.3, 0.4, 0.43} {
			f := math.Round(part * low)
			out := convert(rates[0], rates[1], sine(rates[0], f, 20000))
			if got := decibels(level(out, rates[1], f) / 20000); math.Abs(got) > 0.1 {
				t.Errorf("%d to %d Hz: %g Hz comes out at %+.2f dB; want within 0.1", rates[0], rates[1], f, got)
			}
		}
	}
}

// The images of f in the input's rate are what a poor filter leaves.
func TestResamplerStopband(t *testing.T) {
	for _, rates := range [][2]int{{16000, 48000}, {22050, 48000}, {8000, 48000}} {
		for _, part := range []float64{0.05, 0.2, 0.43} {
			f := math.Round(part * float64(rates[0]))
			out := convert(rates[0], rates[1], sine(rates[0], f, 30000))
			for image := float64(rates[0]) - f; image < float64(rates[1])/2; image += float64(rates[0]) {
				if got := decibels(level(out, rates[1], image)/30000 + 1e-9); got > -60 {
					t.Errorf("%d to %d Hz: %g Hz leaves an image at %g Hz of %.1f dB; want under -60", rates[0], rates[1], f, image, got)
				}
			}
		}
	}
	// Downwards, what does not fit must not fold back.
	out := convert(48000, 16000, sine(48000, 10000, 30000))
	if got := decibels(level(out, 16000, 6000)/30000 + 1e-9); got > -60 {
		t.Errorf("48000 to 16000 Hz: 10 kHz folds to 6 kHz at %.1f dB; want under -60", got)
	}
}

func TestResamplerLimits(t *testing.T) {
	tone := convert(16000, 48000, sine(16000, 3000, 32000))
	for _, s := range tone[200 : len(tone)-200] { // its sudden ends do overshoot
		if s == math.MaxInt16 || s == math.MinInt16 {
			t.Fatal("a sine below full scale clips")
		}
	}
	square := make([]int16, 16000)
	for i := range square {
		square[i] = math.MaxInt16
		if i/20%2 == 1 {
			square[i] = math.MinInt16
		}
	}
	out := convert(16000, 48000, square)
	for i, s := range out[200 : len(out)-200] {
		mid := square[(i+200)/3]
		if k := (i + 200) % 60; k > 12 && k < 48 && (s > 0) != (mid > 0) {
			t.Fatalf("sample %d of a full-scale square wave is %d; it wrapped", i, s)
		}
	}
}

// Pieces of any size give what the whole gives, of the right length, and a
// Resampler is as new after Flush.
func TestResamplerStream(t *testing.T) {
	for _, from := range []int{8000, 16000, 22050, 44100} {
		in := sine(from, 440, 12000)[:from/3]
		whole := convert(from, 48000, in)
		if want := len(in) * 48000 / from; len(whole) < want-4 || len(whole) > want+16*48000/from {
			t.Errorf("%d Hz: %d samples became %d; want about %d", from, len(in), len(whole), want)
		}
		r := NewResampler(from, 48000)
		for _, n := range []int{1, 7, 1000} {
			var got []int16
			for part := range slices.Chunk(in, n) {
				got = r.Process(got, part)
			}
			if got = r.Flush(got); !slices.Equal(got, whole) {
				t.Errorf("%d Hz in pieces of %d: %d samples that differ from the whole's %d", from, n, len(got), len(whole))
			}
		}
	}
}

func BenchmarkResampler(b *testing.B) {
	in := sine(16000, 440, 12000)
	r := NewResampler(16000, 48000)
	var out []int16
	for b.Loop() {
		out = r.Process(out[:0], in)
	}
}

// A third of the rate keeps speech and drops what would fold into it.
func TestDecimate(t *testing.T) {
	for hz, want := range map[float64]float64{300: 1, 3000: 1, 6500: 1, 9500: 0, 12000: 0, 15700: 0, 20000: 0} {
		in := make([]int16, 48000)
		for i := range in {
			in[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/48000))
		}
		r := NewResampler(48000, 16000)
		var out []int16
		for part := range slices.Chunk(in, 2400) {
			out = r.Process(out, part)
		}
		out = r.Flush(out)
		power := 0.0
		for _, s := range out[1000 : len(out)-1000] {
			power += float64(s) * float64(s) / float64(len(out)-2000)
		}
		if got := math.Sqrt(2*power) / 10000; math.Abs(got-want) > 0.02 || len(out) != 16000 {
			t.Errorf("%g Hz: %.3f of the amplitude, %d samples; want %g, 16000", hz, got, len(out), want)
		}
	}
}
