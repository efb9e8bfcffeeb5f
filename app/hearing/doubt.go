package hearing

import "strings"

// Doubt is how much worse the grammar's words fit than the best phones do, a
// frame, in the recogniser's logarithms (of 1.0001, shifted by 10 bits).
type Doubt struct {
	Whole float64 // all words
	Worst float64 // the word that fits worst
	Left  float64 // share of the sound's energy that is in no word
}

// What is believed. The limits were chosen with the tuning speakers and other
// sentences than those of tests/hearing: of what was said in the grammar's words
// nearly all is below 26 as a whole, of other speech nearly all above 28, or it
// leaves more than half of its sound in no word.
const (
	maxWhole = 27
	maxWorst = 70
	maxLeft  = 0.4
)

func (d Doubt) believable() bool {
	return d.Whole <= maxWhole && d.Worst <= maxWorst && d.Left <= maxLeft
}

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
	return strings.HasPrefix(s.name, "<") || strings.HasPrefix(s.name, "[") || s.name == "SIL" || strings.HasPrefix(s.name, "+") || s.name == "(NULL)"
}

// heard returns the words without what marks pronunciations, as in "hello(2)".
func (r *reply) heard() []string {
	var words []string
	for _, s := range r.words {
		if !s.silent() {
			word, _, _ := strings.Cut(s.name, "(")
			words = append(words, word)
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
		d.Worst = max(d.Worst, (best-s.score)/float64(s.frames()))
	}
	if frames > 0 {
		d.Whole = (phones - words) / float64(frames)
	}
	all, left, last := 0.0, 0.0, 0.0
	for i, x := range samples {
		e := float64(x) - preEmphasis*last
		last = float64(x)
		e *= e
		all += e
		if i/(Rate/100) >= len(spoken) || !spoken[i/(Rate/100)] {
			left += e
		}
	}
	d.Left = left / max(all, 1)
	return d
}
