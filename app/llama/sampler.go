package llama

import (
	"cmp"
	"slices"
)

// Sampler picks the next token from a model's logits: run.c's four ways, with
// run.c's float32 arithmetic, so that equal logits and seeds make equal
// choices. Its fields may be read at any time; State is the generator's.
type Sampler struct {
	VocabSize   int
	Temperature float32 // 0 takes the most likely token
	TopP        float32 // outside (0, 1) every token can be drawn
	State       uint64

	// Arithmetic is of the sums; an engine sets it to that of its logits.
	Arithmetic Arithmetic

	candidates []candidate
}

type candidate struct {
	prob  float32
	index int
}

// NewSampler returns a sampler whose generator starts at seed, which must not
// be zero (xorshift never leaves zero).
func NewSampler(vocabSize int, temperature, topp float32, seed uint64) *Sampler {
	return &Sampler{VocabSize: vocabSize, Temperature: temperature, TopP: topp, State: seed}
}

// Sample returns the next token and leaves the probabilities in logits, unless
// the temperature is zero, when it leaves them alone.
func (s *Sampler) Sample(logits []float32) int {
	if s.Temperature == 0 {
		return argmax(logits)
	}
	for i := range logits {
		logits[i] /= s.Temperature
	}
	s.Arithmetic.softmax(logits)
	coin := s.Coin()
	if s.TopP <= 0 || s.TopP >= 1 {
		return sampleMult(logits, coin)
	}
	return s.sampleTopP(logits, coin)
}

// Coin advances the generator and returns a number in [0, 1), a multiple of
// 2^-24. The generator is xorshift64* (S. Vigna, "An experimental exploration
// of Marsaglia's xorshift generators, scrambled", 2016).
func (s *Sampler) Coin() float32 {
	s.State ^= s.State >> 12
	s.State ^= s.State << 25
	s.State ^= s.State >> 27
	return float32(uint32(s.State*0x2545F4914F6CDD1D>>32)>>8) / 16777216
}

func argmax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// sampleMult draws from the whole distribution.
func sampleMult(probs []float32, coin float32) int {
	var cdf float32
	for i, p := range probs {
		cdf += p
		if coin < cdf {
			return i
		}
	}
	return len(probs) - 1 // rounding left the sum below the coin
}

// sampleTopP draws from the smallest set of most likely tokens whose
// probabilities exceed TopP together (nucleus sampling). Equal probabilities
// keep the vocabulary's order, as glibc's qsort, a merge sort for these sizes,
// leaves them in run.c.
func (s *Sampler) sampleTopP(probs []float32, coin float32) int {
	// Anything below the cutoff cannot belong to the set.
	cutoff := (1 - s.TopP) / float32(len(probs)-1)
	n := 0
	for _, p := range probs {
		if p >= cutoff {
			n++
		}
	}
	set := slices.Grow(s.candidates[:0], n) // at once: what append leaves behind counts on a small board
	for i, p := range probs {
		if p >= cutoff {
			set = append(set, candidate{p, i})
		}
	}
	s.candidates = set
	if len(set) == 0 {
		return argmax(probs) // run.c would read before its array
	}
	slices.SortFunc(set, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.prob, a.prob), cmp.Compare(a.index, b.index))
	})

	var cumulative float32
	for i, c := range set {
		cumulative += c.prob
		if cumulative > s.TopP {
			set = set[:i+1]
			break
		}
	}
	r := coin * cumulative
	var cdf float32
	for _, c := range set {
		cdf += c.prob
		if r < cdf {
			return c.index
		}
	}
	return set[len(set)-1].index // rounding left the sum below r
}
