package sound

import (
	"math"
	"slices"

	"duostoryteller/app/arith"
)

const (
	// phaseTaps inputs make one output; with kaiserBeta the filter passes up to
	// 0.43 of the lower rate within 0.1 dB and stops from 0.56 on at 60 dB.
	phaseTaps  = 32
	kaiserBeta = 5.65
	// cutoff is the middle of the transition, in parts of the lower rate.
	cutoff = 0.4944
)

// A Resampler changes the sample rate of a mono stream by a polyphase filter:
// a windowed sinc at the common multiple of both rates, of which each output
// uses one phase (Crochiere and Rabiner, Multirate Digital Signal Processing,
// 1983; the window is Kaiser's). What would clip is limited, not wrapped. Where
// the rate becomes a multiple, as 16 kHz at 48, each phase goes over all inputs at
// once, in the processor's vector unit: on the board the story needs the rest.
type Resampler struct {
	set      *arith.Set
	up, down int
	taps     int         // of a phase
	filter   [][]float32 // [up][taps], oldest input first, each summing to 1
	past     []float32   // inputs that outputs to come need
	phase    int         // of the next output; its inputs begin at past[0]
	sums     []float32   // of one phase
}

// NewResampler converts from one rate to another, both in Hz and positive.
func NewResampler(from, to int) *Resampler {
	g := gcd(from, to)
	set, err := arith.Select()
	if err != nil {
		set = arith.Generic() // the engine reports it
	}
	r := &Resampler{set: set, up: to / g, down: from / g, taps: phaseTaps}
	if from > to {
		r.taps = phaseTaps * ((from + to - 1) / to)
	}
	// In units of the input rate: the sinc's first zero is at 1/(2 width).
	width := cutoff * min(1, float64(to)/float64(from))
	half := float64(r.taps) / 2
	r.filter = make([][]float32, r.up)
	for p := range r.filter {
		row := make([]float64, r.taps)
		sum := 0.0
		for k := range row {
			// The distance of input k from the output, which lies between the
			// two inputs in the middle, p/up after the first of them.
			t := float64(k) - (half - 1) - float64(p)/float64(r.up)
			row[k] = sinc(2*width*t) * kaiser(t/half)
			sum += row[k]
		}
		r.filter[p] = make([]float32, r.taps)
		for k := range row {
			r.filter[p][k] = float32(row[k] / sum)
		}
	}
	r.reset()
	return r
}

func (r *Resampler) reset() {
	r.past = append(r.past[:0], make([]float32, r.taps/2-1)...)
	r.phase = 0
}

// Process appends to dst the outputs that in completes. Output follows input
// by half the filter's length.
func (r *Resampler) Process(dst, in []int16) []int16 {
	had := len(r.past)
	r.past = slices.Grow(r.past, len(in))[:had+len(in)]
	fresh := r.past[had:]
	for i, s := range in {
		fresh[i] = float32(s)
	}
	used := 0
	if r.down == 1 {
		used = max(0, len(r.past)-r.taps+1)
		dst = r.multiply(dst, used)
	} else {
		dst = slices.Grow(dst, len(in)*r.up/r.down+1)
		for used+r.taps <= len(r.past) {
			dst = append(dst, limit(dot(r.past[used:used+r.taps], r.filter[r.phase])))
			for r.phase += r.down; r.phase >= r.up; r.phase -= r.up {
				used++
			}
		}
		used = min(used, len(r.past))
	}
	r.past = r.past[:copy(r.past, r.past[used:])]
	return dst
}

// multiply appends the outputs of n inputs, up for each, to dst.
func (r *Resampler) multiply(dst []int16, n int) []int16 {
	if n == 0 {
		return dst
	}
	from := len(dst)
	dst = slices.Grow(dst, n*r.up)[:from+n*r.up]
	r.sums = slices.Grow(r.sums[:0], n)[:n]
	for p, h := range r.filter {
		r.set.Scores(r.sums, h, r.past, r.taps, n, 1) // a column an output, each begins one input later
		spread(dst[from+p:], r.sums, r.up)
	}
	return dst
}

// spread writes samples to every step-th place. A function of its own has all of
// that in registers.
//
//go:noinline
func spread(to []int16, samples []float32, step int) {
	at := 0
	for _, x := range samples {
		to[at] = limit(x)
		at += step
	}
}

// Flush appends the last outputs to dst and makes r ready for another stream.
func (r *Resampler) Flush(dst []int16) []int16 {
	dst = r.Process(dst, make([]int16, r.taps/2))
	r.reset()
	return dst
}

// dot is the inner product of equally long slices, a multiple of 16. Written
// out, it has neither bounds checks nor sums of addresses: the board's processor
// has this to do for every sample.
func dot(x, h []float32) float32 {
	var a, b float32
	for len(x) >= 16 && len(h) >= 16 {
		u, v := (*[16]float32)(x), (*[16]float32)(h)
		a += u[0]*v[0] + u[1]*v[1] + u[2]*v[2] + u[3]*v[3] + u[4]*v[4] + u[5]*v[5] + u[6]*v[6] + u[7]*v[7]
		b += u[8]*v[8] + u[9]*v[9] + u[10]*v[10] + u[11]*v[11] + u[12]*v[12] + u[13]*v[13] + u[14]*v[14] + u[15]*v[15]
		x, h = x[16:], h[16:]
	}
	return a + b
}

// limit rounds x, which is below 2^31, to the nearest sample there is.
func limit(x float32) int16 {
	n := int32(x + 32768.5) // a conversion cuts towards zero
	if uint32(n) > math.MaxUint16 {
		n = max(0, min(n, math.MaxUint16))
	}
	return int16(n - 32768)
}

// converter is a resampler of pieces whose rates may change. The zero value is ready.
type converter struct {
	*Resampler // nil before the first piece
	from, to   int
	out        []int16
}

// convert returns a piece at another rate, good until the next call.
func (c *converter) convert(from, to int, samples []int16) []int16 {
	if c.Resampler == nil || c.from != from || c.to != to {
		c.Resampler, c.from, c.to = NewResampler(from, to), from, to
	}
	c.out = c.Process(c.out[:0], samples)
	return c.out
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is Kaiser's window at t in [-1, 1].
func kaiser(t float64) float64 {
	if t < -1 || t > 1 {
		return 0
	}
	return besselI0(kaiserBeta*math.Sqrt(1-t*t)) / besselI0(kaiserBeta)
}

// besselI0 is the modified Bessel function of order 0 by its power series.
func besselI0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-17; k++ {
		term *= x * x / (4 * k * k)
		sum += term
	}
	return sum
}
