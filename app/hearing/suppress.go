package hearing

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"
)

const (
	block = 512 // samples of a spectrum
	step  = block / 2
	bins  = block/2 + 1
	// roomShare is the share of an utterance's blocks that are surely the room's
	// alone, at any frequency: the gate leaves 1 s of it about the words.
	roomShare = 0.2
	// leastGain is what is left of the room, 26 dB less: what suppression does to
	// it is not to be heard.
	leastGain = 0.05
	// inertia is how much a block is taken to be like the one before.
	inertia = 0.95
	// follow is how fast the noise follows the room, a block.
	follow = 0.2
)

// suppressed returns an utterance with less of the room's noise in it: each
// frequency by the gain that is expected to be nearest to the speech's in
// decibels (Ephraim and Malah, Speech enhancement using a minimum mean-square
// error log-spectral amplitude estimator, 1985). The noise is what the quietest
// blocks have, and follows what is no speech (Gerkmann and Hendriks, Unbiased
// MMSE-based noise power estimation, 2012).
func suppressed(in []int16) []int16 {
	if len(in) < block {
		return in
	}
	fft := fourier.NewFFT(block)
	window := make([]float64, block) // twice, and two blocks together: 1
	for i := range window {
		window[i] = math.Sin(math.Pi * (float64(i) + 0.5) / block)
	}
	// Blocks reach over both ends, where the sound is mirrored.
	at := func(i int) float64 {
		if i < 0 {
			i = -1 - i
		}
		if i >= len(in) {
			i = 2*len(in) - 1 - i
		}
		return float64(in[i])
	}
	blocks := (len(in)+step-1)/step + 1
	samples, spectrum := make([]float64, block), make([]complex128, bins)
	transform := func(n int) {
		for i := range samples {
			samples[i] = at((n-1)*step+i) * window[i]
		}
		fft.Coefficients(spectrum, samples)
	}

	powers := make([][]float32, bins)
	for k := range powers {
		powers[k] = make([]float32, 0, blocks)
	}
	for n := range blocks {
		transform(n)
		for k, c := range spectrum {
			powers[k] = append(powers[k], float32(power(c)))
		}
	}
	var bands [bins]suppressor
	for k := range bands {
		slices.Sort(powers[k])
		// Powers of noise are distributed exponentially about their mean.
		bands[k].noise = float64(powers[k][int(roomShare*float64(blocks))])/-math.Log(1-roomShare) + 1
	}

	out := make([]float64, (blocks+1)*step)
	for n := range blocks {
		transform(n)
		for k := range spectrum {
			spectrum[k] *= complex(bands[k].gain(power(spectrum[k]))/block, 0)
		}
		fft.Sequence(samples, spectrum)
		for i, s := range samples {
			out[n*step+i] += s * window[i]
		}
	}
	quieter := make([]int16, len(in))
	for i := range quieter {
		quieter[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(out[step+i]))))
	}
	return quieter
}

func power(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

// suppressor is the state of one frequency.
type suppressor struct {
	noise    float64 // its power
	speech   float64 // of the last block
	presence float64 // how likely there was speech in the last blocks
}

// gain takes in a block's power and returns what to multiply its amplitude with.
func (s *suppressor) gain(power float64) float64 {
	const ratio = 31.6 // 15 dB: of speech, where there is any, to noise
	present := 1 / (1 + (1+ratio)*math.Exp(-power/s.noise*ratio/(1+ratio)))
	s.presence += 0.1 * (present - s.presence)
	if s.presence > 0.99 {
		present = min(present, 0.99) // nobody speaks for ever: the room became louder
	}
	s.noise += follow * (1 - present) * (power - s.noise)

	now := power / s.noise
	prior := max(inertia*s.speech/s.noise+(1-inertia)*max(0, now-1), 0.003)
	g := min(1, prior/(1+prior)*math.Exp(0.5*expint(prior/(1+prior)*now)))
	s.speech = g * g * power
	return max(g, leastGain)
}

// expint is the exponential integral E1 of x > 0 within 0.0001 of the larger of
// it and 1 (Abramowitz and Stegun, Handbook of mathematical functions, 5.1.53 and 5.1.54).
func expint(x float64) float64 {
	if x < 1 {
		return -math.Log(max(x, 1e-12)) - 0.57721566 + x*(0.99999193+x*(-0.24991055+x*(0.05519968+x*(-0.00976004+x*0.00107857))))
	}
	return math.Exp(-x) / x * (x*(x+2.334733) + 0.250621) / (x*(x+3.330657) + 1.681534)
}
