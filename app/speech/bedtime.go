package speech

import (
	"math"
	"strings"

	"duostoryteller/app/voice"
)

// Bedtime makes a voice slower and quieter with each paragraph, from the first sentence on.
// The model's stories often have none: four sentences count as one, too. The page does the
// same: assets/tone.js.
const (
	sentencesAParagraph = 4
	slower, slowest     = 0.94, 0.6
	quieter, quietest   = 0.8, 0.15
)

// dusk is how far a story at bedtime is.
type dusk struct{ paragraphs, sentences int }

// params returns how the next sentence is spoken by a voice with p.
func (d *dusk) params(p voice.Params) voice.Params {
	p.Rate = min(p.Rate, max(slowest, p.Rate*math.Pow(slower, float64(d.paragraphs+1))))
	p.Volume *= max(quietest, math.Pow(quieter, float64(d.paragraphs)))
	return p
}

// spoken takes note of a sentence, which ends with the white space behind it.
func (d *dusk) spoken(sentence string) {
	if d.sentences++; d.sentences == sentencesAParagraph || strings.Contains(sentence, "\n") {
		d.paragraphs++
		d.sentences = 0
	}
}
