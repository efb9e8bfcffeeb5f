// Package hearing tests what the storyteller understands: synthetic voices ask
// for stories, say other things, and a room makes noise. Each recording goes
// through the gate and the recogniser as from a microphone.
package hearing

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"duostoryteller/app/hearing"
	"duostoryteller/app/voice/child"
)

// fullVariable asks for the whole measurement, which takes most of an hour of
// processor time; without it a sample is taken.
const fullVariable = "STORYTELLER_HEARING_FULL"

// How loud the speech is over the noise of the room, in dB.
const clean = 100.0

// ears returns recognisers to listen with, or skips.
func ears(t *testing.T, w hearing.Words, n int) chan *hearing.Ear {
	t.Helper()
	if testing.Short() {
		t.Skip("hearing takes minutes: not with -short")
	}
	if program := missing(); program != "" {
		t.Skipf("hearing needs speakers, %s is missing: apt-get install %s", program, packages)
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("hearing needs a C compiler: apt-get install gcc libc6-dev")
	}
	p := child.Recogniser()
	if _, err := os.Stat("/usr/include/pocketsphinx"); err != nil {
		t.Skip("hearing needs a recogniser: apt-get install pocketsphinx-en-us " + strings.Join(p.Packages, " "))
	}
	dir := t.TempDir()
	if _, err := p.BuildNative(t.Context(), cc, dir); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STORYTELLER_HEARING", dir)
	files, err := hearing.Find()
	if err != nil {
		t.Skip("hearing needs a recogniser: ", err)
	}
	all := make(chan *hearing.Ear, n)
	for range n {
		e, err := hearing.New(files, w)
		if err != nil {
			t.Fatal(err)
		}
		if len(e.Lacking) > 0 {
			t.Fatalf("the dictionary lacks %q", e.Lacking)
		}
		t.Cleanup(func() { e.Close() })
		all <- e
	}
	return all
}

// trial is something that is listened to.
type trial struct {
	what  string
	want  hearing.Understood // Nothing: it is to be rejected
	snr   float64
	sound func() ([]int16, error) // without the noise
}

// outcome counts trials.
type outcome struct {
	n, right, wrong int // wrong: understood as something else
	sound, compute  time.Duration
}

// listenTo counts what is understood of the trials, by their noise.
func listenTo(t *testing.T, all chan *hearing.Ear, trials []trial) map[float64]outcome {
	t.Helper()
	var mu sync.Mutex
	counts := make(map[float64]outcome)
	listenToAll(t, all, trials, func(j trial, heard []hearing.Heard) {
		var o outcome
		var got []hearing.Understood
		for _, h := range heard {
			o.compute += h.Compute
			o.sound += h.Sound
			if h.Command != hearing.Nothing {
				got = append(got, h.Understood)
			}
		}
		switch {
		case j.want.Command == hearing.Nothing:
			o.wrong = len(got)
		case len(got) == 1 && got[0] == j.want:
			o.right = 1
		case len(got) > 0:
			o.wrong = 1
		}
		switch {
		case o.wrong > 0:
			t.Logf("%s at %g dB: taken for something else", j.what, j.snr)
		case o.right == 0 && j.want.Command != hearing.Nothing:
			t.Logf("%s at %g dB: rejected", j.what, j.snr)
		}
		mu.Lock()
		defer mu.Unlock()
		c := counts[j.snr]
		counts[j.snr] = outcome{c.n + 1, c.right + o.right, c.wrong + o.wrong, c.sound + o.sound, c.compute + o.compute}
	})
	return counts
}

// listenToAll listens to the trials, several at a time, and gives what was heard
// of each to done.
func listenToAll(t *testing.T, all chan *hearing.Ear, trials []trial, done func(trial, []hearing.Heard)) {
	t.Helper()
	var wg sync.WaitGroup
	jobs := make(chan trial)
	for range cap(all) {
		e := <-all
		wg.Go(func() {
			defer func() { all <- e }()
			for j := range jobs {
				heard, err := listenOnce(t.Context(), e, j)
				if err != nil {
					t.Errorf("%s: %v", j.what, err)
					continue
				}
				done(j, heard)
			}
		})
	}
	for _, j := range trials {
		jobs <- j
	}
	close(jobs)
	wg.Wait()
}

// listenOnce plays a trial to a listener, a second and a half of the room before
// it, so that its floor is known.
func listenOnce(ctx context.Context, e *hearing.Ear, j trial) (heard []hearing.Heard, err error) {
	said, err := j.sound()
	if err != nil {
		return nil, err
	}
	all := make([]int16, len(said)+5*hearing.Rate/2)
	copy(all[3*hearing.Rate/2:], said)
	if j.snr < clean {
		all = noisy(all, j.snr, rand.New(rand.NewPCG(uint64(j.snr), uint64(len(said)))))
	}
	l := hearing.Listener{
		Open: func() (hearing.Source, error) { return hearing.NewRecording(hearing.Rate, all), nil },
		Ear:  e, Log: func(string) {},
	}
	err = l.Listen(ctx, func(h hearing.Heard) { heard = append(heard, h) })
	return heard, err
}

// share is a part of the trials, as text.
func (o outcome) share() string {
	return fmt.Sprintf("%d of %d right (%.1f %%), %d taken for something else, %.2f s of processor time a second", o.right, o.n,
		100*float64(o.right)/float64(o.n), o.wrong, o.compute.Seconds()/o.sound.Seconds())
}

// TestUnderstood measures how many of the grammar's utterances are understood:
// of 300 by 20 speakers, clean and in noise.
func TestUnderstood(t *testing.T) {
	w := words(t)
	n, spare := 300, 0.0
	if os.Getenv(fullVariable) == "" {
		n, spare = 8, 0.25 // so few say little: only that it works
	}
	all := ears(t, w, 2)
	var trials []trial
	for _, u := range utterances(w, measuredSpeakers(), n, 2026) {
		say := sync.OnceValues(func() ([]int16, error) { return u.speaker.say(t.Context(), u.text) })
		for _, snr := range []float64{clean, 20, 10} {
			if n < 20 && snr == 20 {
				continue
			}
			trials = append(trials, trial{fmt.Sprintf("%v: %q", u.speaker, u.text), u.want, snr, say})
		}
	}
	got := listenTo(t, all, trials)
	for snr, want := range map[float64]float64{clean: 0.93, 20: 0.90, 10: 0.75} {
		o, ok := got[snr]
		if !ok {
			continue
		}
		t.Logf("%g dB: %s", snr, o.share())
		if share := float64(o.right) / float64(o.n); share < want-spare {
			t.Errorf("%g dB: %.3f are understood; want %.2f", snr, share, want-spare)
		}
	}
}

// TestRejected measures how much of what is no utterance of the grammar is taken
// for one: of 100 sentences and of 60 s of noise, at most 3 in all.
func TestRejected(t *testing.T) {
	all := ears(t, words(t), 2)
	sentences, seconds := outside(), 60
	if len(sentences) != 100 {
		t.Fatalf("%d sentences; want 100", len(sentences))
	}
	if os.Getenv(fullVariable) == "" {
		sentences, seconds = sentences[25:37], 10
	}
	var trials []trial
	speakers := measuredSpeakers()
	for i, text := range sentences {
		s := speakers[i%len(speakers)]
		trials = append(trials, trial{fmt.Sprintf("%v: %q", s, text), hearing.Understood{}, clean,
			func() ([]int16, error) { return s.say(t.Context(), text) }})
	}
	trials = append(trials, trial{"noise", hearing.Understood{}, clean, func() ([]int16, error) { return noise(seconds), nil }})
	o := listenTo(t, all, trials)[clean]
	t.Logf("%d of %d sentences and %d s of noise taken for a wish", o.wrong, len(sentences), seconds)
	if o.wrong > 3 {
		t.Errorf("%d taken for a wish; want at most 3", o.wrong)
	}
}

// noise is a room's, with what happens in one: knocks, bursts of noise as of a
// tap, tones as of a melody, and hum.
func noise(seconds int) []int16 {
	random := rand.New(rand.NewPCG(60, 60))
	out := make([]int16, seconds*hearing.Rate)
	for i, x := range pink(len(out), random) {
		out[i] = clip(60*x + 40*math.Sin(2*math.Pi*100*float64(i)/hearing.Rate))
	}
	for at := hearing.Rate; at < len(out)-2*hearing.Rate; at += hearing.Rate + random.IntN(2*hearing.Rate) {
		kind, hz := random.IntN(3), 200*math.Pow(2, float64(random.IntN(25))/12)
		length := hearing.Rate * (10 + random.IntN(100)) / 100
		for i := range length {
			x, rest := 0.0, float64(i)/hearing.Rate
			switch kind {
			case 0: // knocks, five a second
				x = 8000 * random.NormFloat64() * math.Exp(-60*math.Mod(rest, 0.2))
			case 1:
				x = 1500 * random.NormFloat64()
			case 2: // a new tone each quarter of a second, with overtones
				f := hz * math.Pow(2, float64(int(4*rest)*5%12)/12)
				for k := 1.0; k <= 5; k++ {
					x += 3000 / k * math.Sin(2*math.Pi*k*f*rest)
				}
			}
			out[at+i] = clip(float64(out[at+i]) + x)
		}
		at += length
	}
	return out
}
