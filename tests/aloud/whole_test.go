package aloud

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"duostoryteller/app/sentence"
	"duostoryteller/app/sound"
	"duostoryteller/app/speech"
	"duostoryteller/app/voice"
	"duostoryteller/app/voice/child"
)

// endings ends with sounds that are easily lost: stops, hissing sounds, nasals, vowels.
const endings = "The little cat sat. She had a big red bag. He gave her a kiss! They went home. It was a happy day.\n" +
	"Look at his box. The wolf and the fish. He was late."

// What a voice's program makes of a sentence comes to the end of the way whole, at every
// rate of the page: to a file sample by sample; to a card of the voice's own rate, too;
// and to one of 48 kHz as the filter makes them.
func TestWhole(t *testing.T) {
	for _, p := range child.Programs() {
		t.Run(p.Voice, func(t *testing.T) {
			path := program(t, p.Voice)
			sentences := split(endings)
			var own [][]int16 // at rate 1
			for _, rate := range []float64{1, 0.7, 0.85, 1.15, 1.3} {
				params := voice.Normal()
				params.Rate = rate
				hz, want := made(t.Context(), t, path, sentences, params)
				if own == nil {
					own = want
				}
				for i, s := range want {
					if wrong := brokenOff(s, own[i], hz, rate); wrong != "" {
						t.Errorf("rate %g: %q: %s", rate, sentences[i], wrong)
					}
				}
				inFile(t, path, sentences, params, hz, want)
				for _, card := range []int{hz, sound.Rate} {
					onCard(t, sentences, params, hz, card, want)
				}
			}
		})
	}
}

// brokenOff says whether what a program made of a sentence ends in the middle of a sound,
// or is too short for its rate; "" if not.
func brokenOff(s, own []int16, hz int, rate float64) string {
	end := s[max(0, len(s)-int(0.03/rate*float64(hz))):]
	if last, all := level(end), level(s); last > all/20 {
		return fmt.Sprintf("it ends at a level of %.0f, all of it has %.0f", last, all)
	}
	if long := float64(len(s)) * rate / float64(len(own)); long < 0.95 || long > 1.05 {
		return fmt.Sprintf("%.3f of the length that it should have", long)
	}
	return ""
}

// pauseBehind is the silence behind a sentence.
func pauseBehind(text string, p voice.Params, hz int) []int16 {
	return make([]int16, int(sentence.Pause(text).Seconds()/p.Rate*float64(hz)))
}

// inFile wants in a file what was made, and the pauses.
func inFile(t *testing.T, program string, sentences []string, p voice.Params, hz int, made [][]int16) {
	t.Helper()
	r, _ := aloud(t, program, strings.Join(sentences, ""), p)
	at := 0
	for i, s := range made {
		want := append(slices.Clone(s), pauseBehind(sentences[i], p, hz)...)
		if end := min(len(r.Samples), at+len(want)); !slices.Equal(r.Samples[at:end], want) {
			t.Errorf("rate %g: %q is not in the file as it was made", p.Rate, sentences[i])
			return
		}
		at += len(want)
	}
	if at != len(r.Samples) || r.Hz != hz {
		t.Errorf("rate %g: %d samples in the file, %d Hz; want %d, %d Hz", p.Rate, len(r.Samples), r.Hz, at, hz)
	}
}

// onCard has a player play what was made on a card of that rate, on a clock of the test's
// own, and compares what the card was given.
func onCard(t *testing.T, sentences []string, p voice.Params, hz, rate int, made [][]int16) {
	t.Helper()
	heard := &card{hz: rate}
	synctest.Test(t, func(t *testing.T) {
		complain := func(line string) { t.Errorf("line %q; want none", line) }
		player := sound.NewPlayer(func() (sound.Card, error) { return heard, nil }, time.Second, complain)
		s := speech.Speaker{Voice: &replay{hz: hz, made: made}, Params: p, Sink: player, Log: complain}
		report := s.Text(t.Context(), strings.NewReader(strings.Join(sentences, "")))
		if !report.Complete {
			t.Errorf("not all was spoken and heard: %+v", report)
		}
		player.Close()
	})
	all := make([]int16, hz) // a filter answers a little before a sound begins
	for i, s := range made {
		all = append(append(all, s...), pauseBehind(sentences[i], p, hz)...)
	}
	if rate != hz {
		r := sound.NewResampler(hz, rate)
		all = r.Flush(r.Process(nil, all))
	}
	want, got := parts(all, rate), parts(heard.samples, rate)
	if len(want) != len(got) {
		t.Errorf("rate %g: a card of %d Hz has %d sentences; want %d", p.Rate, rate, len(got), len(want))
		return
	}
	for i := range want {
		if wrong := differs(want[i], got[i], rate, rate%hz == 0); wrong != "" {
			t.Errorf("rate %g, a card of %d Hz, %q: %s", p.Rate, rate, sentences[min(i, len(sentences)-1)], wrong)
		}
	}
}

// parts are what silence of 150 ms parts, without what is silent at both ends.
func parts(samples []int16, hz int) (parts [][]int16) {
	begin, end := -1, 0
	for i, s := range samples {
		if s == 0 {
			continue
		}
		if begin >= 0 && i-end >= hz*15/100 {
			parts = append(parts, samples[begin:end])
			begin = -1
		}
		if begin < 0 {
			begin = i
		}
		end = i + 1
	}
	if begin >= 0 {
		parts = append(parts, samples[begin:end])
	}
	return parts
}

// differs says what of a sentence is not as it was made; "" if nothing is. Where the rate
// is no multiple, a filter may begin at another phase: then the levels of each hundredth of
// a second are compared.
func differs(made, heard []int16, hz int, exact bool) string {
	if exact {
		if !slices.Equal(made, heard) {
			return fmt.Sprintf("not the %d samples that were made, but %d others", len(made), len(heard))
		}
		return ""
	}
	if off := len(heard) - len(made); off > hz/500 || off < -hz/500 {
		return fmt.Sprintf("%d samples; want %d", len(heard), len(made))
	}
	const least = 30 // the rounding of samples is a part of what is more quiet
	part := hz / 100
	for at := 0; at+part <= max(len(made), len(heard)); at += part {
		a, b := level(cut(made, at, part)), level(cut(heard, at, part))
		if (a > least || b > least) && math.Abs(20*math.Log10((a+1)/(b+1))) > 1 {
			return fmt.Sprintf("a level of %.0f after %.2f s; want %.0f", b, float64(at)/float64(hz), a)
		}
	}
	return ""
}

// cut returns n samples from at on, silence behind the end.
func cut(s []int16, at, n int) []int16 {
	part := make([]int16, n)
	copy(part, s[min(at, len(s)):])
	return part
}

// The comparison finds what is lost of an end, and a hole.
func TestDiffers(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const hz = 48000
	made := make([]int16, hz)
	for i := range made { // noise that dies away, from 6,000 to 100
		made[i] = int16(math.Exp(-4*float64(i)/hz) * 6000 * (2*random.Float64() - 1))
	}
	made[len(made)-1] = 50
	faded := slices.Clone(made)
	for i := range hz / 40 {
		faded[len(faded)-1-i] = int16(int(faded[len(faded)-1-i]) * i / (hz / 40))
	}
	hole := slices.Clone(made)
	clear(hole[hz/2 : hz/2+hz/100])
	for name, heard := range map[string][]int16{
		"as it is":         made,
		"5 ms too short":   made[:len(made)-hz/200],
		"faded at the end": faded,
		"a hole":           hole,
		"a part is missing": append(slices.Clone(made[:hz/2]),
			made[hz/2+hz/100:]...),
		"nothing": nil,
	} {
		for _, exact := range []bool{true, false} {
			if wrong := differs(made, heard, hz, exact); (wrong == "") != (name == "as it is") {
				t.Errorf("%s, exact %v: %q", name, exact, wrong)
			}
		}
	}
	if wrong := brokenOff(made[:hz/2], made[:hz/2], hz, 1); wrong == "" {
		t.Error("a sentence without its second half does not count as broken off")
	}
}

// replay is a voice that makes what a program made before, at four times the speed of speech.
type replay struct {
	hz   int
	made [][]int16
	next int
}

func (*replay) Start() error { return nil }
func (*replay) Close() error { return nil }

func (r *replay) Say(_ context.Context, _ string, p voice.Params, pcm func(int, []int16) error) (voice.Spoken, error) {
	samples := r.made[r.next]
	r.next++
	spoken := voice.Spoken{Hz: r.hz, Samples: len(samples), Compute: time.Millisecond, First: time.Millisecond}
	behind := make([]int16, int(p.Pause.Seconds()/p.Rate*float64(r.hz)))
	for part := range slices.Chunk(append(slices.Clone(samples), behind...), 1024) {
		time.Sleep(time.Duration(len(part)) * time.Second / time.Duration(4*r.hz))
		if err := pcm(r.hz, part); err != nil {
			return spoken, err
		}
	}
	return spoken, nil
}

// card is one that plays at its rate and keeps what it was given.
type card struct {
	hz      int
	samples []int16
}

func (*card) Name() string { return "the test's card" }
func (c *card) Hz() int    { return c.hz }
func (*card) Drain() error { return nil }
func (*card) Close() error { return nil }

func (c *card) Write(samples []int16) error {
	c.samples = append(c.samples, samples...)
	time.Sleep(time.Duration(len(samples)) * time.Second / time.Duration(c.hz))
	return nil
}
