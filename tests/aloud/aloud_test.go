// Package aloud tests what the voices say: a story goes through the splitter,
// the voice and the resampler into a file, and the file is listened to.
package aloud

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/sentence"
	"duostoryteller/app/sound"
	"duostoryteller/app/speech"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
	"duostoryteller/tests/listen"
)

// story is in the manner of the model's: short words, speech in quotes.
const story = `Once upon a time, there was a little girl named Lily. She loved to play outside in the park with her dog. ` +
	`One day, she saw a big red ball under a tree. "Can I play with the ball?" she asked her mom. ` +
	`Her mom smiled and said, "Yes, but be careful and come home before dinner." ` +
	`Lily threw the ball very high and her dog ran after it. The ball fell into the water and the dog jumped in to get it. ` +
	`"Good dog!" said Lily, and she gave him a big hug. They went home together and were very happy. ` +
	`From that day on, Lily and her dog were best friends.`

// build builds a voice's program, or skips where its engine is not installed.
func build(t *testing.T, cc string, p child.Program) string {
	t.Helper()
	installed(t, cc, p)
	path, err := p.BuildNative(t.Context(), cc, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// aloud reads text into a file and returns that with the times.
func aloud(t *testing.T, program, text string, p voice.Params) (*listen.Recording, *speech.Report) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "story.wav")
	w, err := sound.CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	log := func(line string) { t.Errorf("line %q; want none", line) }
	v := voice.NewProcess(program, log)
	defer v.Close()
	s := speech.Speaker{Voice: v, Params: p, Sink: w, Log: log}
	report := s.Text(t.Context(), strings.NewReader(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := listen.ReadWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	return r, report
}

// Each voice reads the story whole, loud and clear. The shares of words are
// what a recogniser made out when the voices were chosen, less 5 points. It
// cannot judge espeak's, whose kind of voice it was never taught: one word in five.
func TestStory(t *testing.T) {
	for name, share := range map[string]float64{"kal16": 0.79 - 0.05, "rms": 0.94 - 0.05, "espeak": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := program(t, name)
			r, report := aloud(t, path, story, voice.Normal())
			words := len(listen.Words(story))
			if perWord := r.Duration().Seconds() / float64(words); perWord < 0.22 || perWord > 0.5 {
				t.Errorf("%v for %d words; want 0.22 to 0.5 s a word", r.Duration(), words)
			}
			spoken := report.Speech
			for _, s := range split(story) {
				spoken += sentence.Pause(s).Seconds()
			}
			if got := r.Duration().Seconds(); math.Abs(got-spoken) > 0.01 || !report.Complete {
				t.Errorf("%.2f s in the file, %.2f s in the report and the pauses, complete: %v", got, spoken, report.Complete)
			}
			if peak := r.Peak(); peak < 3000 || r.Clipped() > 0 {
				t.Errorf("peak %d, %d samples clipped; want it loud and none clipped", peak, r.Clipped())
			}
			if share == 0 {
				return
			}
			if missing := listen.Missing(); missing != "" {
				t.Skip("the words need " + missing)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
			defer cancel()
			heard, err := r.Recognise(ctx, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			got := listen.Found(heard, listen.Words(story))
			t.Logf("a recogniser finds %.0f %% of the words", 100*got)
			if got < share {
				t.Errorf("a recogniser finds %.0f %% of the words; want at least %.0f %%: %q", 100*got, 100*share, heard)
			}
		})
	}
}

// What of flite is ours sounds as flite does: kal16 to the sample, and rms, whose
// noise is drawn at random, by the levels of its parts.
func TestReplaced(t *testing.T) {
	for _, name := range []string{"kal16", "rms"} {
		t.Run(name, func(t *testing.T) {
			ours := program(t, name)
			p := source(t, name)
			p.Sources = slices.DeleteFunc(slices.Clone(p.Sources), func(s string) bool { return s == "features.c" || s == "vocoder.c" || s == "lpc.c" })
			library := build(t, compiler(t), p)
			for _, rate := range []float64{0.7, 1.3} { // its ends are the library's at other rates, too
				params := voice.Normal()
				params.Rate = rate
				_, got := made(t.Context(), t, ours, split(endings), params)
				_, want := made(t.Context(), t, library, split(endings), params)
				for i := range want {
					if n := len(got[i]) - len(want[i]); name == "kal16" && !slices.Equal(got[i], want[i]) || n > 8 || n < -8 {
						t.Errorf("rate %g: %d samples of %q; want the library's %d", rate, len(got[i]), split(endings)[i], len(want[i]))
					}
				}
			}
			got, _ := aloud(t, ours, story, voice.Normal())
			want, _ := aloud(t, library, story, voice.Normal())
			if name == "kal16" {
				if !slices.Equal(got.Samples, want.Samples) {
					t.Errorf("%d samples, not the library's %d", len(got.Samples), len(want.Samples))
				}
				return
			}
			if n, most := len(got.Samples)-len(want.Samples), 16; n > most || n < -most {
				t.Fatalf("%d samples; want about the library's %d", len(got.Samples), len(want.Samples))
			}
			const part = 800 // samples
			var off []float64
			for i := 0; i+part < min(len(got.Samples), len(want.Samples)); i += part {
				a, b := level(got.Samples[i:][:part]), level(want.Samples[i:][:part])
				if a > 100 || b > 100 {
					off = append(off, math.Abs(20*math.Log10(a/b)))
				}
			}
			slices.Sort(off)
			t.Logf("the levels of %d parts: %.2f dB off in the median, %.2f dB in nine of ten, %.2f dB at most", len(off), off[len(off)/2], off[len(off)*9/10], off[len(off)-1])
			if off[len(off)/2] > 0.5 || off[len(off)*9/10] > 1.5 {
				t.Errorf("the levels of %d parts are %.2f dB off in the median, %.2f dB in nine of ten; want 0.5 and 1.5", len(off), off[len(off)/2], off[len(off)*9/10])
			}
		})
	}
}

// level is the effective value of samples.
func level(s []int16) float64 {
	sum := 0.0
	for _, x := range s {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(s)))
}

// No sentence has a hole.
func TestSentences(t *testing.T) {
	for _, p := range child.Programs() {
		t.Run(p.Voice, func(t *testing.T) {
			path := program(t, p.Voice)
			for _, s := range split(story) {
				r, _ := aloud(t, path, s, voice.Normal())
				const gap = 400 * time.Millisecond
				if spans := r.Sounds(gap); len(spans) != 1 {
					t.Errorf("%q has %d sounds with %v between them; want 1", s, len(spans), gap)
				}
			}
		})
	}
}

// The parameters do what they say, and the voice of the board is always the same.
func TestParams(t *testing.T) {
	for _, p := range child.Programs() {
		t.Run(p.Voice, func(t *testing.T) {
			path := program(t, p.Voice)
			text := "There was a little girl who lived by the sea."
			own, _ := aloud(t, path, text, voice.Normal())
			if again, _ := aloud(t, path, text, voice.Normal()); p.Voice == voice.Default && !slices.Equal(own.Samples, again.Samples) {
				t.Error("the same text sounds different the second time")
			}
			ratio := func(q voice.Params, f func(*listen.Recording) float64) float64 {
				r, _ := aloud(t, path, text, q)
				return f(r) / f(own)
			}
			length := func(r *listen.Recording) float64 { return r.Duration().Seconds() }
			loudness := func(r *listen.Recording) float64 { return float64(r.Peak()) }
			for _, test := range []struct {
				name   string
				params voice.Params
				of     func(*listen.Recording) float64
				lo, hi float64
			}{
				{"twice as fast", voice.Params{Rate: 2, Pitch: 1, Volume: 1}, length, 0.4, 0.65},
				{"half as fast", voice.Params{Rate: 0.5, Pitch: 1, Volume: 1}, length, 1.6, 2.4},
				{"half as loud", voice.Params{Rate: 1, Pitch: 1, Volume: 0.5}, loudness, 0.45, 0.55},
				{"mute", voice.Params{Rate: 1, Pitch: 1, Volume: 0}, loudness, 0, 0},
				{"higher", voice.Params{Rate: 1, Pitch: 1.4, Volume: 1}, pitch, 1.2, 1.6},
				{"lower", voice.Params{Rate: 1, Pitch: 0.7, Volume: 1}, pitch, 0.6, 0.85},
			} {
				if got := ratio(test.params, test.of); !(got >= test.lo && got <= test.hi) {
					t.Errorf("%s: %.2f of what it was; want %g to %g", test.name, got, test.lo, test.hi)
				}
			}
		})
	}
}

// pitch is the middle one of the fundamental frequencies of a recording's
// voiced parts, in Hz, by autocorrelation.
func pitch(r *listen.Recording) float64 {
	var found []float64
	size := r.Hz / 20
	for at := 0; at+2*size <= len(r.Samples); at += size {
		x := r.Samples[at:]
		best, bestLag := 0.0, 0
		for lag := r.Hz / 400; lag <= r.Hz/60; lag++ {
			var xy, xx, yy float64
			for i := range size {
				a, b := float64(x[i]), float64(x[i+lag])
				xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
			}
			if xx < float64(size)*1e5 {
				continue
			}
			if c := xy / math.Sqrt(xx*yy); c > best+0.02 {
				best, bestLag = c, lag
			}
		}
		if best > 0.7 {
			found = append(found, float64(r.Hz)/float64(bestLag))
		}
	}
	if len(found) == 0 {
		return math.NaN()
	}
	slices.Sort(found)
	return found[len(found)/2]
}
