package hearing

import (
	"slices"
	"strings"
)

// Doubt is how much worse the grammar's words fit than the best phones do, a
// frame, in the recogniser's logarithms (of 1.0001, shifted by 10 bits).
type Doubt struct {
	Whole float64 // all words
	Worst float64 // the word that fits worst
	Wish  float64 // the worst of those that make the difference: dragon, louder
	Left  float64 // share of the sound's energy that is in no word
}

// What is believed. The limits were chosen with the tuning speakers and other
// sentences than those of tests/hearing, clean and with noise at 10 dB. What was
// said in the grammar's words is in doubt by 11 in the median, by 31 at the 98th
// percentile, and leaves hardly any sound. Other speech that leaves as little is
// by 49 and more, but for what begins like a wish, "a story of two cities".
const (
	maxDoubt = 38
	maxLeft  = 0.15
)

// Sum is all doubt about the words together.
func (d Doubt) Sum() float64 { return d.Whole + (d.Worst+d.Wish)/5 }

func (d Doubt) believable() bool { return d.Sum() <= maxDoubt && d.Left <= maxLeft }

// phonesBetween is the score of the best phones in some frames, of a phone that
// lies there in part its share.
func (r *reply) phonesBetween(first, last int) float64 {
	sum := 0.0
	for _, p := range r.phones {
		a, b := max(first, p.first), min(last, p.last)
		if b >= a {
			sum += p.score * float64(b-a+1) / float64(p.frames())
		}
	}
	return sum
}

// silent says whether a segment is no word.
func (s segment) silent() bool {
	return strings.HasPrefix(s.name, "<") || strings.HasPrefix(s.name, "[") || s.name == "SIL" || strings.HasPrefix(s.name, "+") || s.word() == "" // as "(NULL)"
}

// word is the segment's word without what marks pronunciations, as in "hello(2)".
func (s segment) word() string {
	word, _, _ := strings.Cut(s.name, "(")
	return word
}

// heard returns the words.
func (r *reply) heard() []string {
	var words []string
	for _, s := range r.words {
		if !s.silent() {
			words = append(words, s.word())
		}
	}
	return words
}

// doubt compares words with phones and with the sound.
func (r *reply) doubt(samples []int16) Doubt {
	var d Doubt
	words, phones, frames := 0.0, 0.0, 0
	spoken := make([]bool, MaxSamples/(Rate/100)+1)
	for _, s := range r.words {
		if s.silent() || s.frames() <= 0 {
			continue
		}
		best := r.phonesBetween(s.first, s.last)
		words += s.score
		phones += best
		frames += s.frames()
		for i := s.first; i <= s.last; i++ {
			spoken[i] = true
		}
		worse := (best - s.score) / float64(s.frames())
		d.Worst = max(d.Worst, worse)
		if !slices.Contains(common, s.word()) {
			d.Wish = max(d.Wish, worse)
		}
	}
	if frames > 0 {
		d.Whole = (phones - words) / float64(frames)
	}
	d.Left = left(samples, spoken)
	return d
}

// left is the share of the sound's energy, over twice that of its quietest
// quarter, which is the room's noise, that is in frames where nothing is spoken.
func left(samples []int16, spoken []bool) float64 {
	var energies []float64
	var b band
	for frame := range slices.Chunk(samples, Rate/100) {
		e := 0.0
		for _, s := range frame {
			e += b.power(s)
		}
		energies = append(energies, e)
	}
	noise, quietest := 0.0, slices.Sorted(slices.Values(energies))
	for _, e := range quietest[:len(quietest)/4] {
		noise += 2 * e / float64(len(quietest)/4)
	}
	all, left := 0.0, 0.0
	for i, e := range energies {
		e = max(0, e-noise)
		all += e
		if i >= len(spoken) || !spoken[i] {
			left += e
		}
	}
	return left / max(all, 1)
}
