package voice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"duostoryteller/app/subprocess"
)

const (
	// patience is how long a voice may be without a sample when one is due, of its own
	// time: see subprocess. A sentence's first takes the slowest voice under a second.
	patience = 15 * time.Second
	// niceness gives the voice a tenth of a busy processor's time: the story
	// goes before, and the voices need less than that.
	niceness = 10
	attempts = 2
)

// Process is a Voice that is a child process. It is started when it is first
// needed, and again when it has died, hangs or sends nonsense; the sentence is
// then asked for once more, without what was heard of it already. It is not
// safe for concurrent use.
type Process struct {
	path     string
	args     []string
	patience time.Duration
	log      func(string)
	run      *subprocess.Process
	samples  []int16 // the last frame's memory
}

// NewProcess returns the voice whose program is at path; log gets a line
// whenever it had to be restarted.
func NewProcess(path string, log func(string)) *Process {
	return &Process{path: path, patience: patience, log: log}
}

// Start implements Voice: it starts the child, if it does not run.
func (v *Process) Start() error {
	if v.run != nil {
		return nil
	}
	run, err := subprocess.Start(v.path, niceness, v.args...)
	if err != nil {
		return err
	}
	v.run = run
	return nil
}

// heard is how far a sentence got, over all attempts.
type heard struct {
	Spoken
	asked time.Time
}

// Say implements Voice.
func (v *Process) Say(ctx context.Context, text string, p Params, pcm func(int, []int16) error) (Spoken, error) {
	if err := p.Check(); err != nil {
		return Spoken{}, err
	}
	req, err := request(strings.ReplaceAll(text, "\x00", ""), p)
	if err != nil {
		return Spoken{}, fmt.Errorf("%w: %w", ErrSilent, err)
	}
	h := heard{asked: time.Now()}
	var tried []error
	for len(tried) < attempts {
		err, sink := v.try(ctx, req, &h, pcm)
		if err == nil {
			return h.Spoken, pause(h.Hz, p, pcm)
		}
		v.stop()
		if ctx.Err() != nil {
			return h.Spoken, ctx.Err()
		}
		if sink {
			return h.Spoken, err
		}
		tried = append(tried, err)
		if subprocess.Missing(err) {
			break // there is no program
		}
		if len(tried) < attempts {
			v.log(fmt.Sprintf("voice: %v; started again", err))
		}
	}
	return h.Spoken, fmt.Errorf("%w: %w", ErrSilent, tried[len(tried)-1])
}

// pause hands over the silence behind a text.
func pause(hz int, p Params, pcm func(int, []int16) error) error {
	silence := make([]int16, 2048)
	for n := int(p.Pause.Seconds() / p.Rate * float64(hz)); n > 0; n -= len(silence) {
		if err := pcm(hz, silence[:min(n, len(silence))]); err != nil {
			return err
		}
	}
	return nil
}

// try asks the child once. sink tells that the error is pcm's.
func (v *Process) try(ctx context.Context, req []byte, h *heard, pcm func(int, []int16) error) (err error, sink bool) {
	if err := v.Start(); err != nil {
		return err, false
	}
	r := v.run
	stop := context.AfterFunc(ctx, r.Kill)
	defer stop()
	r.Expect(v.patience)
	defer r.Relax()
	if _, err := r.Write(req); err != nil {
		return err, false
	}
	skip := h.Samples // heard in an earlier attempt
	for hz := 0; ; {
		kind, payload, err := r.ReadFrame()
		if err != nil {
			return err, false
		}
		f, err := parse(kind, payload, v.samples)
		if err != nil {
			return fmt.Errorf("it sent %w", err), false
		}
		switch f.kind {
		case kindRate:
			hz = f.hz
		case kindPCM:
			v.samples = f.samples
			k := min(skip, len(f.samples))
			skip -= k
			samples := f.samples[k:]
			if len(samples) == 0 {
				r.Expect(v.patience)
				continue
			}
			if hz == 0 {
				return errors.New("it sent samples without their rate"), false
			}
			if h.Samples == 0 {
				h.First = time.Since(h.asked)
			}
			h.Hz = hz
			h.Samples += len(samples)
			r.Relax() // the listener may take its time
			if err := pcm(hz, samples); err != nil {
				return err, true
			}
			r.Expect(v.patience)
		case kindEnd:
			h.Compute += f.compute
			return nil, false
		case kindErr:
			return errors.New(f.text), false
		}
	}
}

// stop ends the child at once.
func (v *Process) stop() {
	if v.run == nil {
		return
	}
	v.run.Close()
	v.run = nil
}

// Close ends the child.
func (v *Process) Close() error {
	v.stop()
	return nil
}
