// Package speech reads a story aloud while it is being told: it follows the
// story's log at its own pace, sentence by sentence, through a voice into a
// sink of sound, and keeps the times of each step. The story never waits for it.
package speech

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"duostoryteller/app/machine"
	"duostoryteller/app/sentence"
	"duostoryteller/app/sound"
	"duostoryteller/app/story"
	"duostoryteller/app/voice"
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
	// Bedtime has it read slower and quieter with each paragraph of a text.
	Bedtime bool
	// Between, unless nil, is called between two sentences when the first was
	// played; the next one waits for its return.
	Between func(context.Context)
}

// Sentence is one sentence of a Report. Times are in seconds since the text
// was begun.
type Sentence struct {
	Text     string  `json:"text"`     // as the voice got it
	Complete float64 `json:"complete"` // its last word was there
	Asked    float64 `json:"asked"`    // the voice was asked for it
	First    float64 `json:"first"`    // its first sample came
	Played   float64 `json:"played"`   // its first sample went to the card; 0: it was not heard
	Speech   float64 `json:"speech"`   // length of its sound, without the pause behind it
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
	Unheard  int     `json:"sentences_unheard"`               // for lack of a sound card, or of room on the disk
	Skipped  int     `json:"sentences_skipped"`               // the voice failed at
	Complete bool    `json:"complete"`                        // every sentence was spoken and heard

	Sentences []Sentence `json:"sentences"`
	Tokens    []float64  `json:"tokens,omitempty"` // when each of a story's tokens was there, the prompt's too
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
//
// Of a story that was left for one in its place, only whole sentences are read; that one
// follows.
func (s *Speaker) Story(ctx context.Context, st *story.Story) *Report {
	now, r := st, st.Reader()
	var tokens []float64
	report := s.follow(ctx, st.Begun, func() ([]byte, time.Time, error) {
		for {
			event, err := r.Next(ctx)
			if err != nil {
				return nil, time.Time{}, err
			}
			switch e := event.(type) {
			case story.Piece:
				at := now.Begun.Add(e.At)
				tokens = append(tokens, seconds(at.Sub(st.Begun)))
				return e.Text, at, nil
			case story.End:
				if !errors.As(e.Err, new(*story.Avoided)) {
					continue
				}
				if e.Next == nil {
					return nil, time.Time{}, errLeft
				}
				now, r = e.Next, e.Next.Reader()
				return nil, now.Begun, errAnew
			}
		}
	})
	report.Tokens = tokens
	return report
}

// Errors of what follow is given: what is there of the last sentence is not to be read. After
// errAnew another story comes.
var (
	errAnew = errors.New("begun anew")
	errLeft = errors.New("left")
)

// again is said between a story that was left and the one in its place.
const again = "Let us begin again."

// seconds are those of a report, to 0.1 ms.
func seconds(d time.Duration) float64 {
	return math.Round(d.Seconds()*1e4) / 1e4
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
	t := telling{Speaker: s, begun: begun, report: report, before: len(s.Sink.Played())}
	if s.Sink.Listens() {
		_ = s.Voice.Start() // it loads while the first sentence is written; what fails is found there
	}
	var split sentence.Splitter
	last := begun
	for ctx.Err() == nil {
		piece, at, err := next()
		if err == errAnew {
			split = sentence.Splitter{}
			if n := len(report.Sentences); n > 0 && report.Sentences[n-1].Text != again {
				t.say(ctx, again, at)
			}
			continue
		}
		if err != nil {
			if err == errLeft {
				split, err = sentence.Splitter{}, io.EOF
			}
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
	before   int    // sentences that the sink had been given before
	marked   []int  // those of the report's that it was given since
	trouble  string // the voice's last, told once
	told     bool   // why the sink does not play
	hasSound bool
	dusk     dusk
}

func (t *telling) since(at time.Time) float64 { return seconds(at.Sub(t.begun)) }

// say speaks one sentence, complete since the time given.
func (t *telling) say(ctx context.Context, text string, complete time.Time) {
	plain := sentence.Plain(text)
	if plain == "" || ctx.Err() != nil {
		return
	}
	r := t.report
	if t.Between != nil && len(t.marked) > 0 {
		if t.Sink.Drain(ctx) == nil {
			t.Between(ctx)
		}
		if ctx.Err() != nil {
			return
		}
	}
	params := t.Params
	if t.Bedtime {
		params = t.dusk.params(params)
		t.dusk.spoken(text)
	}
	params.Pause = sentence.Pause(text)
	asked := time.Now()
	line := Sentence{Text: plain, Complete: t.since(complete), Asked: t.since(asked)}
	if !t.Sink.Listens() { // nobody would hear it: the story has the processor to itself
		line.First = line.Asked
		r.Sentences = append(r.Sentences, line)
		r.Unheard++
		return
	}
	spoken, err := t.Voice.Say(ctx, plain, params, func(hz int, samples []int16) error {
		if !t.hasSound {
			t.hasSound = true
			r.First = seconds(time.Since(complete))
		}
		err := t.Sink.Write(ctx, hz, samples)
		if err == nil || ctx.Err() != nil || errors.Is(err, sound.ErrNoCard) {
			return err
		}
		t.told = true
		t.Log(err.Error()) // the sink goes on without
		return nil
	})
	if err == nil || spoken.Samples > 0 || errors.Is(err, sound.ErrNoCard) {
		t.Sink.Mark()
		t.marked = append(t.marked, len(r.Sentences))
	}
	line.First = t.since(asked.Add(spoken.First))
	line.Speech, line.Compute = seconds(spoken.Duration()), seconds(spoken.Compute)
	r.Sentences = append(r.Sentences, line)
	r.Speech += line.Speech
	r.Compute += line.Compute
	r.Slowest = max(r.Slowest, seconds(spoken.First))
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, sound.ErrNoCard):
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
		t.told = true
		t.Log(err.Error())
	}
	played := t.Sink.Played()
	var first time.Time
	for i, n := range t.marked {
		at := time.Time{}
		if t.before+i < len(played) {
			at = played[t.before+i]
		}
		if at.IsZero() {
			r.Unheard++
			continue
		}
		r.Sentences[n].Played = t.since(at)
		if first.IsZero() {
			first = at
		}
	}
	if r.Unheard > 0 && ctx.Err() == nil && !t.told {
		t.Log(fmt.Sprintf("speech: %d of %d sentences were not heard: no sound card", r.Unheard, len(r.Sentences)))
	}
	if r.Speech > 0 {
		r.Ratio = r.Compute / r.Speech
	}
	if !first.IsZero() {
		r.PowerOn = seconds(machine.SinceBoot() - time.Since(first))
	}
	r.Complete = ctx.Err() == nil && r.Unheard == 0 && r.Skipped == 0
}

// Nowhere is a sink for measuring a voice alone.
type Nowhere struct {
	played []time.Time
	begun  time.Time
}

// Write implements sound.Sink.
func (n *Nowhere) Write(context.Context, int, []int16) error {
	if n.begun.IsZero() {
		n.begun = time.Now()
	}
	return nil
}

// Mark implements sound.Sink.
func (n *Nowhere) Mark() {
	n.played = append(n.played, n.begun)
	n.begun = time.Time{}
}

// Listens implements sound.Sink.
func (*Nowhere) Listens() bool { return true }

// Played implements sound.Sink.
func (n *Nowhere) Played() []time.Time { return n.played }

// Drain implements sound.Sink.
func (*Nowhere) Drain(context.Context) error { return nil }

// Close implements sound.Sink.
func (*Nowhere) Close() error { return nil }
