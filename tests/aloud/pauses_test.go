package aloud

import (
	"testing"
	"time"

	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
)

// paused has a comma, a sentence's end and a paragraph's end, and no other sound that is
// silent for long: its consonants are voiced. kal16 breathes before a W or an L.
const paused = "Now all of them saw the moon, and Lily was there. Now all are home.\nNow we are warm."

// A listener hears where a clause, a sentence and a paragraph end: each silence is longer
// than the one before, with every voice and at every rate of the page. What is measured
// are samples of the file, not the time that they took.
func TestPauses(t *testing.T) {
	kinds := []struct {
		name   string
		lo, hi float64 // seconds, at rate 1
	}{
		{"comma", 0.1, 0.36},
		{"sentence", 0.45, 0.8},
		{"paragraph", 0.95, 1.35},
	}
	for _, p := range child.Programs() {
		t.Run(p.Voice, func(t *testing.T) {
			t.Parallel()
			path := program(t, p.Voice)
			for _, rate := range []float64{0.7, 1, 1.3} {
				params := voice.Normal()
				params.Rate = rate
				r, _ := aloud(t, path, paused, params)
				spans := r.Sounds(time.Duration(0.11 / rate * float64(time.Second)))
				if len(spans) != len(kinds)+1 {
					t.Errorf("rate %g: %d parts with silence between them: %v; want %d", rate, len(spans), spans, len(kinds)+1)
					continue
				}
				for i, k := range kinds {
					n := float64(spans[i+1].Begin - spans[i].End)
					lo, hi := k.lo/rate*float64(r.Hz), k.hi/rate*float64(r.Hz)
					if n < lo || n > hi {
						t.Errorf("rate %g, %s: a silence of %.0f samples; want %.0f to %.0f", rate, k.name, n, lo, hi)
					}
					t.Logf("rate %g, %s: %.2f s", rate, k.name, n/float64(r.Hz))
				}
			}
		})
	}
}
