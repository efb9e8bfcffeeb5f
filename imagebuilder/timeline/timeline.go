// Package timeline draws how a story was told and read aloud, from the times
// that the storyteller keeps (its --timing; on the board /run/speech.json): when
// each token was there, when each sentence was complete, when its first sample
// came from the voice, and when the loudspeaker had it.
package timeline

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"duostoryteller/app/speech"
)

//go:embed timeline.svg
var picture string

// Read reads the storyteller's times. It fails when they are not those of a
// story that was spoken.
func Read(r io.Reader) (*speech.Report, error) {
	report := new(speech.Report)
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(report); err != nil {
		return nil, fmt.Errorf("no times of a story: %w", err)
	}
	if len(report.Tokens) == 0 || len(report.Sentences) == 0 {
		return nil, errors.New("no times of a story: there are no tokens or no sentences in it")
	}
	last := 0.0
	for _, at := range report.Tokens {
		if !(at >= last) || at > 1e6 {
			return nil, fmt.Errorf("no times of a story: a token at %v s after one at %v s", at, last)
		}
		last = at
	}
	for i, s := range report.Sentences {
		for _, at := range []float64{s.Complete, s.Asked, s.First, s.Played, s.Speech} {
			if !(at >= 0) || at > 1e6 {
				return nil, fmt.Errorf("no times of a story: %v s in sentence %d", at, i+1)
			}
		}
	}
	return report, nil
}

// Draw writes the picture as SVG: the telling, and the whole until the last word
// was heard. The title says what was told and by what clock.
func Draw(w io.Writer, title string, r *speech.Report) error {
	told := r.Tokens[len(r.Tokens)-1]
	end := told
	for _, s := range r.Sentences {
		end = max(end, s.First, s.Played+s.Speech)
	}
	t, err := template.New("timeline").Parse(picture)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		Title  string
		Panels []panel
	}{title, []panel{newPanel("while it is told", r, 0, 1.08*told), newPanel("until the last word is heard", r, 1, 1.02*end)}})
}

// The picture's measures, in its own units.
const (
	left, right = 110, 980
	panelHeight = 300
)

// panel is one of the two views.
type panel struct {
	Name      string
	Top       int
	Ticks     []tick
	Tokens    []string
	Sentences []bars
	Told      string
}

type tick struct{ X, Label string }

// bars are those of one sentence. What is outside the panel is left out.
type bars struct {
	Number  int
	Text    string
	Even    bool
	From    string // where it begins to be written
	Written string // width
	Done    string // where it was complete
	First   string // where the voice's first sample was, "" if later
	Played  string // where the loudspeaker began, "" if it did not, or later
	Sound   string // width
	Label   string // where its number stands
}

func newPanel(name string, r *speech.Report, index int, until float64) panel {
	until = max(until, 1e-3)
	x := func(at float64) string { return number(left + (right-left)*min(at, until)/until) }
	width := func(from, to float64) string {
		return number(max(1, (right-left)*(min(to, until)-min(from, until))/until))
	}
	p := panel{Name: name, Top: 40 + index*panelHeight}
	for i, by := 0, step(until/8); float64(i)*by <= until; i++ {
		p.Ticks = append(p.Ticks, tick{x(float64(i) * by), number(float64(i)*by) + " s"})
	}
	for _, at := range r.Tokens {
		p.Tokens = append(p.Tokens, x(at))
	}
	begun := 0.0
	for i, s := range r.Sentences {
		b := bars{Number: i + 1, Text: s.Text, Even: i%2 == 1,
			From: x(begun), Written: width(begun, s.Complete), Done: x(s.Complete)}
		if s.First <= until {
			b.First = x(s.First)
		}
		if s.Played > 0 && s.Played < until {
			b.Played, b.Sound = x(s.Played), width(s.Played, s.Played+s.Speech)
			b.Label = number(left + (right-left)*(s.Played+min(s.Played+s.Speech, until))/2/until)
		}
		begun = s.Complete
		p.Sentences = append(p.Sentences, b)
	}
	p.Told = x(r.Tokens[len(r.Tokens)-1])
	return p
}

// step is a round number of at least x.
func step(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, n := range []float64{1, 2, 5} {
		if n*power >= x {
			return n * power
		}
	}
	return 10 * power
}

// number writes x with what digits it needs, at most two after the point.
func number(x float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", x), "0"), ".")
}
