package hearing

import "strings"

// Doubt is how much worse the grammar's words fit than the best phones do, a
// frame, in the recogniser's logarithms (of 1.0001, shifted by 10 bits).
type Doubt struct {
	Whole float64 // all words
	Worst float64 // the word that fits worst
}

// What is believed. The limits were chosen with the tuning speakers and
// sentences of tests/hearing: of what was said in the grammar's words nearly all
// is below 30 as a whole, of other speech nearly all above 40.
const (
	maxWhole = 36
	maxWorst = 65
)

func (d Doubt) believable() bool { return d.Whole <= maxWhole && d.Worst <= maxWorst }

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

// doubt compares words with phones.
func (r *reply) doubt() Doubt {
	var d Doubt
	words, phones, frames := 0.0, 0.0, 0
	for _, s := range r.words {
		if s.silent() || s.frames() <= 0 {
			continue
		}
		best := r.phonesBetween(s.first, s.last)
		words += s.score
		phones += best
		frames += s.frames()
		d.Worst = max(d.Worst, (best-s.score)/float64(s.frames()))
	}
	if frames > 0 {
		d.Whole = (phones - words) / float64(frames)
	}
	return d
}
