package speech

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"duostoryteller/app/sound"
	"duostoryteller/app/voice"
)

// fakeVoice takes 10 ms to its first sample, speaks 20 bytes a second and is
// mute for the texts in mute.
type fakeVoice struct {
	said   []string
	pauses []time.Duration
	mute   string
}

func (v *fakeVoice) Start() error { return nil }
func (v *fakeVoice) Close() error { return nil }

func (v *fakeVoice) Say(ctx context.Context, text string, p voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	if v.mute != "" && strings.Contains(text, v.mute) {
		return voice.Spoken{}, fmt.Errorf("%w: it died", voice.ErrSilent)
	}
	v.said, v.pauses = append(v.said, text), append(v.pauses, p.Pause)
	time.Sleep(10 * time.Millisecond)
	s := voice.Spoken{Hz: 16000, Compute: time.Millisecond, First: 10 * time.Millisecond}
	for range text {
		if err := pcm(16000, make([]int16, 800)); err != nil {
			return s, err
		}
		s.Samples += 800
	}
	return s, nil
}

// fakeSink plays in real time. If err is set its first Write says so, and after
// that it is deaf, as a player without a card and a file on a full disk are.
type fakeSink struct {
	Nowhere
	samples int
	err     error
	deaf    bool
}

func (s *fakeSink) Write(ctx context.Context, hz int, samples []int16) error {
	if s.err != nil {
		defer func() { s.deaf = true }()
		if s.deaf {
			return nil
		}
		return s.err
	}
	s.samples += len(samples)
	s.Nowhere.Write(ctx, hz, samples)
	time.Sleep(time.Duration(len(samples)) * time.Second / time.Duration(hz))
	return nil
}

func (s *fakeSink) Listens() bool { return !s.deaf }

// slowly writes a word every 50 ms.
func slowly(text string) *io.PipeReader {
	r, w := io.Pipe()
	go func() {
		defer w.Close()
		for word := range strings.SplitAfterSeq(text, " ") {
			time.Sleep(50 * time.Millisecond)
			io.WriteString(w, word)
		}
	}()
	return r
}

func near(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

const tale = "Once upon a time. There was a fox, a big one. 🎉 It ran"

func TestText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, sink := &fakeVoice{}, &fakeSink{}
		s := Speaker{Voice: v, Params: voice.Normal(), Sink: sink, Log: func(l string) { t.Errorf("line %q", l) }}
		r := s.Text(t.Context(), slowly(tale))
		want := []string{"Once upon a time.", "There was a fox, a big one.", "It ran"}
		if !slices.Equal(v.said, want) {
			t.Errorf("said %q; want %q", v.said, want)
		}
		if want := 800 * len(strings.Join(want, "")); sink.samples != want {
			t.Errorf("%d samples; want %d", sink.samples, want)
		}
		if !r.Complete || len(r.Sentences) != 3 || !near(r.Speech, 2.5) || !near(r.Compute, 0.003) || !near(r.Ratio, 0.0012) || !near(r.First, 0.01) || r.PowerOn <= 0 {
			t.Errorf("report %#v; want 3 sentences of 2.5 s, computed in 3 ms, the first after 10 ms", r)
		}
		// Speech begins with the fifth word, long before the story's end.
		if got := r.Sentences[0]; !near(got.Complete, 0.25) || !near(got.Asked, 0.25) || !near(got.First, 0.26) {
			t.Errorf("the first sentence %+v; want it complete at 0.25 s and spoken at 0.26 s", got)
		}
		for i, line := range r.Sentences {
			if line.Text != want[i] || line.Played < line.First || line.Complete > line.Asked || line.Asked > line.First {
				t.Errorf("sentence %d: %+v; want it complete, asked for, spoken and played in this order", i, line)
			}
		}
		if text, err := json.Marshal(r); err != nil || !strings.Contains(string(text), `"compute_per_speech":0.0012`) {
			t.Errorf("JSON %s, %v", text, err)
		}
	})
}

// A pause is behind each sentence, the longest where a paragraph ends.
func TestPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &fakeVoice{}
		s := Speaker{Voice: v, Params: voice.Normal(), Sink: &fakeSink{}, Log: func(l string) { t.Errorf("line %q", l) }}
		s.Text(t.Context(), strings.NewReader("One. Two!\nThree."))
		if len(v.pauses) != 3 || v.pauses[0] <= 0 || v.pauses[1] <= v.pauses[0] || v.pauses[2] != v.pauses[0] {
			t.Errorf("pauses of %v behind %q; want a longer one behind the paragraph", v.pauses, v.said)
		}
	})
}

// What fails costs what it must, and one line.
func TestTrouble(t *testing.T) {
	for name, test := range map[string]struct {
		mute             string
		err              error
		line             string
		unheard, skipped int
		said             int
	}{
		"one sentence":  {mute: "fox", line: "it died", skipped: 1, said: 2},
		"no voice":      {mute: " ", line: "it died", skipped: 3},
		"no card":       {err: sound.ErrNoCard, line: "3 of 3 sentences were not heard", unheard: 3, said: 1},
		"a full disk":   {err: errors.New("the disk is full"), line: "the disk is full", unheard: 3, said: 1},
		"no full story": {line: "", said: 3},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var lines []string
				v, sink := &fakeVoice{mute: test.mute}, &fakeSink{err: test.err}
				s := Speaker{Voice: v, Params: voice.Normal(), Sink: sink, Log: func(l string) { lines = append(lines, l) }}
				r := s.Text(t.Context(), strings.NewReader(tale))
				if len(v.said) != test.said || r.Unheard != test.unheard || r.Skipped != test.skipped {
					t.Errorf("said %d, %d unheard, %d skipped; want %d, %d, %d", len(v.said), r.Unheard, r.Skipped, test.said, test.unheard, test.skipped)
				}
				if r.Complete != (test.unheard+test.skipped == 0) {
					t.Errorf("complete: %v", r.Complete)
				}
				if test.line == "" && len(lines) > 0 || test.line != "" && (len(lines) != 1 || !strings.Contains(lines[0], test.line)) {
					t.Errorf("lines %q; want one with %q", lines, test.line)
				}
			})
		})
	}
}

func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		v := &fakeVoice{}
		var once sync.Once
		s := Speaker{Voice: v, Params: voice.Normal(), Sink: &fakeSink{}, Log: func(l string) { once.Do(func() { t.Errorf("line %q", l) }) }}
		text := slowly(strings.Repeat("One two three four. ", 20))
		if r := s.Text(ctx, text); r.Complete || len(v.said) > 6 {
			t.Errorf("complete: %v, %d sentences after 2 s; want it stopped", r.Complete, len(v.said))
		}
		text.Close()
		time.Sleep(time.Minute) // the writer ends
	})
}

// Between two sentences, when the first was played, the story waits.
func TestBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, sink := &fakeVoice{}, &fakeSink{}
		ctx, cancel := context.WithCancel(t.Context())
		var pauses []int // samples played before them
		s := Speaker{Voice: v, Params: voice.Normal(), Sink: sink, Log: func(l string) { t.Errorf("line %q", l) }}
		s.Between = func(context.Context) {
			pauses = append(pauses, sink.samples)
			time.Sleep(time.Second)
			if len(pauses) == 2 {
				cancel()
			}
		}
		r := s.Text(ctx, strings.NewReader(tale))
		first, second := 800*len("Once upon a time."), 800*len("There was a fox, a big one.")
		if want := []int{first, first + second}; !slices.Equal(pauses, want) {
			t.Errorf("pauses after %v samples; want %v", pauses, want)
		}
		if len(v.said) != 2 || len(r.Sentences) != 2 || r.Sentences[1].Asked-r.Sentences[0].First < 1 {
			t.Errorf("said %q, report %+v; want two sentences a pause apart, and none after the end in the second pause", v.said, r.Sentences)
		}
	})
}
