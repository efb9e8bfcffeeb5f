// Package speech reads a story aloud while it is being told: it follows the
// story's log at its own pace, sentence by sentence, through a voice into a
// sink of sound, and keeps the times of each step. The story never waits for it.
package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"duostoryteller/app/sentence"
	"duostoryteller/app/sound"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"

	"golang.org/x/sys/unix"
)

// Sample is what a voice is measured with: eight sentences with what stories
// have in them, speech in quotes, a number, a name.
const Sample = `Once upon a time, there was a little boat that lived by the sea. Every morning it counted the 12 white birds on the rocks. ` +
	`"Will you come out with me today?" it asked Mrs. Gull. The old bird looked at the clouds and shook her head. ` +
	`Then a strong wind came, and the waves grew as tall as houses! The little boat held on to its rope and closed its eyes. ` +
	`When the sun came back, all the birds sat on its deck and sang. They were happy, and so was the boat.`

// Speaker reads texts aloud, one at a time.
type Speaker struct {
	Voice  voice.Voice
	Params voice.Params
	Sink   sound.Sink
	Log    func(string) // one line when something is not as it should be
}

// Sentence is one sentence of a Report. Times are in seconds since the text
// was begun.
type Sentence struct {
	Bytes    int     `json:"bytes"`
	Complete float64 `json:"complete"` // its last word was there
	Asked    float64 `json:"asked"`    // the voice was asked for it
	First    float64 `json:"first"`    // its first sample came
	Speech   float64 `json:"speech"`   // length of its sound
	Compute  float64 `json:"compute"`  // processor time of the voice
}

// Report is the timing of one text, apart from the telling. Times are in
// seconds; the processor time is the voice's alone, not that of the sound.
type Report struct {
	Compute  float64 `json:"compute_seconds"`
	Speech   float64 `json:"speech_seconds"`
	Ratio    float64 `json:"compute_per_speech"`              // 0 without speech
	First    float64 `json:"first_sample_seconds"`            // from the first sentence's completion
	Slowest  float64 `json:"slowest_first_seconds"`           // from asking to the first sample, the worst of all
	PowerOn  float64 `json:"power_on_to_first_sound_seconds"` // 0 without sound
	Unheard  int     `json:"sentences_unheard"`               // for lack of a sound card
	Skipped  int     `json:"sentences_skipped"`               // the voice failed at
	Complete bool    `json:"complete"`                        // every sentence was spoken and heard

	Sentences []Sentence `json:"sentences"`
}

// String is the report on one line.
func (r *Report) String() string {
	line := fmt.Sprintf("speech: %.1f s in %d sentences, computed in %.2f s (%.4f s a second); first sample after %.0f ms",
		r.Speech, len(r.Sentences), r.Compute, r.Ratio, 1000*r.First)
	if r.PowerOn > 0 {
		line += fmt.Sprintf("; first sound %.1f s after power-on", r.PowerOn)
	}
	return line
}

// Story reads a story aloud while it is being told, and returns when its last
// sentence was played, or ctx ended.
func (s *Speaker) Story(ctx context.Context, st *story.Story) *Report {
	r := st.Reader()
	return s.follow(ctx, st.Begun, func() ([]byte, time.Time, error) {
		for {
			event, err := r.Next(ctx)
			if err != nil {
				return nil, time.Time{}, err
			}
			if p, ok := event.(story.Piece); ok {
				return p.Text, st.Begun.Add(p.At), nil
			}
		}
	})
}

// Text reads what r holds aloud, as it comes.
func (s *Speaker) Text(ctx context.Context, r io.Reader) *Report {
	buf := make([]byte, 4096)
	return s.follow(ctx, time.Now(), func() ([]byte, time.Time, error) {
		n, err := r.Read(buf)
		if n > 0 {
			err = nil
		}
		return buf[:n], time.Now(), err
	})
}

// follow speaks the pieces that next gives, each with the time it was there.
func (s *Speaker) follow(ctx context.Context, begun time.Time, next func() ([]byte, time.Time, error)) *Report {
	report := &Report{Sentences: []Sentence{}}
	t := telling{Speaker: s, begun: begun, report: report, heard: s.Sink.Heard()}
	var split sentence.Splitter
	last := begun
	for ctx.Err() == nil {
		piece, at, err := next()
		if err != nil {
			if err != io.EOF && ctx.Err() == nil {
				s.Log(fmt.Sprintf("speech: %v", err))
			}
			break
		}
		last = at
		for _, text := range split.Write(piece) {
			t.say(ctx, text, at)
		}
	}
	t.say(ctx, split.Flush(), last)
	t.end(ctx)
	return report
}

// telling is the state of one text.
type telling struct {
	*Speaker
	begun    time.Time
	report   *Report
	heard    int    // by the sink before this text
	spoken   int    // sentences that the sink took
	trouble  string // the voice's last, told once
	hasSound bool
}

func (t *telling) since(at time.Time) float64 { return at.Sub(t.begun).Seconds() }

// say speaks one sentence, complete since the time given.
func (t *telling) say(ctx context.Context, text string, complete time.Time) {
	plain := sentence.Plain(text)
	if plain == "" || ctx.Err() != nil {
		return
	}
	r := t.report
	asked := time.Now()
	line := Sentence{Bytes: len(text), Complete: t.since(complete), Asked: t.since(asked)}
	spoken, err := t.Voice.Say(ctx, plain, t.Params, func(hz int, samples []int16) error {
		if !t.hasSound {
			t.hasSound = true
			r.First = time.Since(complete).Seconds()
		}
		err := t.Sink.Write(ctx, hz, samples)
		if err == nil || ctx.Err() != nil || errors.Is(err, sound.ErrNoCard) {
			return err
		}
		t.Log(err.Error()) // the sink goes on without
		return nil
	})
	t.Sink.Mark()
	line.First = t.since(asked.Add(spoken.First))
	line.Speech, line.Compute = spoken.Duration().Seconds(), spoken.Compute.Seconds()
	r.Sentences = append(r.Sentences, line)
	r.Speech += line.Speech
	r.Compute += line.Compute
	r.Slowest = max(r.Slowest, spoken.First.Seconds())
	switch {
	case err == nil:
		t.spoken++
	case ctx.Err() != nil:
	case errors.Is(err, sound.ErrNoCard):
		t.spoken++ // but not heard
	default:
		r.Skipped++
		if trouble := err.Error(); trouble != t.trouble { // a voice that is not there is one line, not one a sentence
			t.trouble = trouble
			t.Log(fmt.Sprintf("speech: %v; the story goes on", err))
		}
	}
}

// end waits for the last sample and sums up.
func (t *telling) end(ctx context.Context) {
	r := t.report
	err := t.Sink.Drain(ctx)
	if err != nil && ctx.Err() == nil && !errors.Is(err, sound.ErrNoCard) {
		t.Log(err.Error())
	}
	r.Unheard = max(0, t.spoken-(t.Sink.Heard()-t.heard))
	if r.Unheard > 0 && ctx.Err() == nil {
		t.Log(fmt.Sprintf("speech: %d of %d sentences were not heard: no sound card", r.Unheard, len(r.Sentences)))
	}
	if r.Speech > 0 {
		r.Ratio = r.Compute / r.Speech
	}
	if b := t.Sink.Begun(); !b.IsZero() {
		r.PowerOn = (sinceBoot() - time.Since(b)).Seconds()
	}
	r.Complete = ctx.Err() == nil && r.Unheard == 0 && r.Skipped == 0
}

// sinceBoot is the time since the kernel started.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Nowhere is a sink for measuring a voice alone.
type Nowhere struct {
	sentences int
	begun     time.Time
}

// Write implements sound.Sink.
func (n *Nowhere) Write(context.Context, int, []int16) error {
	if n.begun.IsZero() {
		n.begun = time.Now()
	}
	return nil
}

// Begun implements sound.Sink.
func (n *Nowhere) Begun() time.Time { return n.begun }

// Mark implements sound.Sink.
func (n *Nowhere) Mark() { n.sentences++ }

// Heard implements sound.Sink.
func (n *Nowhere) Heard() int { return n.sentences }

// Drain implements sound.Sink.
func (*Nowhere) Drain(context.Context) error { return nil }

// Close implements sound.Sink.
func (*Nowhere) Close() error { return nil }
