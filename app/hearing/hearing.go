// Package hearing turns the sound of an utterance into what it asks for: a
// story, or a command. What is not an utterance of the grammar, other speech or
// noise, is rejected.
//
// The recogniser is a program of its own (app/voice/child, pocketsphinx) that is
// started for an utterance and ended soon after it: it has no place in memory
// beside the model. The utterance is rid of the room's noise before. Its words
// come with their acoustic scores, and with those of any phones that fit the sound
// best; a word that fits much worse than those was not said (Young, Detecting
// misrecognitions and out-of-vocabulary words, 1994).
package hearing

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"duostoryteller/app/subprocess"
)

const (
	// Rate is the sample rate of utterances, in Hz.
	Rate = 16000
	// MaxSamples is the longest utterance: 12 s.
	MaxSamples = 12 * Rate
	// patience is how long the recogniser may take for an utterance, of its own time: see
	// subprocess.
	patience = 60 * time.Second
)

// BoardDir is the folder of the recogniser's program, acoustic model and
// dictionary on the board.
const BoardDir = "/usr/lib/storyteller/hearing"

// Files are what the recogniser is made of.
type Files struct {
	Program    string
	Model      string // folder
	Dictionary string
}

// Find returns the recogniser's files: in the folder named by
// STORYTELLER_HEARING, in the folder hearing beside this program, or on the
// board's place for them; model and dictionary else where Debian has them.
func Find() (Files, error) {
	dirs := []string{os.Getenv("STORYTELLER_HEARING"), BoardDir}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Join(filepath.Dir(exe), "hearing"))
	}
	var f Files
	const debian = "/usr/share/pocketsphinx/model/en-us"
	for _, d := range append(dirs, debian) {
		if d == "" {
			continue
		}
		first(&f.Program, filepath.Join(d, "recogniser"))
		first(&f.Model, filepath.Join(d, "en-us"))
		first(&f.Dictionary, filepath.Join(d, "cmudict-en-us.dict"))
	}
	switch {
	case f.Program == "":
		return f, errors.New("the program recogniser is not there; build it with 'imagebuilder voices DIR' and set STORYTELLER_HEARING=DIR")
	case f.Model == "" || f.Dictionary == "":
		return f, errors.New("the recogniser's acoustic model is not there: apt-get install pocketsphinx-en-us")
	}
	return f, nil
}

// first sets to to path if it is empty and path is there.
func first(to *string, path string) {
	if _, err := os.Stat(path); *to == "" && err == nil {
		*to = path
	}
}

// Ear hears utterances. It is not safe for concurrent use.
type Ear struct {
	files   Files
	words   Words
	dir     string // of the grammar and its dictionary
	run     *subprocess.Process
	Lacking []string // words of the list that the dictionary does not have
}

// New returns an ear for the words of a list. It is closed to take away its
// temporary files.
func New(files Files, words Words) (*Ear, error) {
	dir, err := os.MkdirTemp("", "hearing-")
	if err != nil {
		return nil, fmt.Errorf("hearing: %w", err)
	}
	e := &Ear{files: files, dir: dir}
	if err := e.prepare(words); err != nil {
		e.Close()
		return nil, fmt.Errorf("hearing: %w", err)
	}
	return e, nil
}

// fillers are what may lie between words: silence. The model's own fillers for
// noise and for speech would take the place of words.
const fillers = "<s> SIL\n</s> SIL\n<sil> SIL\n"

// prepare writes the grammar and the part of the dictionary that it needs.
func (e *Ear) prepare(words Words) error {
	in, err := os.Open(e.files.Dictionary)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(e.dictionary())
	if err != nil {
		return err
	}
	defer out.Close()
	if e.words, e.Lacking, err = words.Dictionary(in, out); err != nil {
		return fmt.Errorf("dictionary %s: %w", e.files.Dictionary, err)
	}
	return errors.Join(out.Close(), os.WriteFile(e.fillers(), []byte(fillers), 0o644), os.WriteFile(e.grammar(), []byte(e.words.Grammar()), 0o644))
}

func (e *Ear) dictionary() string { return filepath.Join(e.dir, "words.dict") }
func (e *Ear) fillers() string    { return filepath.Join(e.dir, "fillers.dict") }
func (e *Ear) grammar() string    { return filepath.Join(e.dir, "words.gram") }

// Heard is what an utterance was, and what hearing it took.
type Heard struct {
	Understood
	Words   []string      // of the grammar, whether they were believed or not
	Doubt   Doubt         // how much worse they fit than the best phones
	Sound   time.Duration // how long the utterance is
	Compute time.Duration // processor time of the recogniser
}

// Hear recognises an utterance of at most MaxSamples at Rate. An utterance that
// is not understood is no error.
func (e *Ear) Hear(ctx context.Context, samples []int16) (Heard, error) {
	if len(samples) > MaxSamples {
		return Heard{Understood: Understood{Answer: Missed}}, nil
	}
	samples = floored(suppressed(samples))
	r, err := e.ask(ctx, samples)
	if err != nil {
		e.Rest()
		return Heard{}, fmt.Errorf("the recogniser failed: %w", err)
	}
	h := Heard{Words: r.heard(), Doubt: r.doubt(samples), Compute: r.compute,
		Sound: time.Duration(len(samples)) * time.Second / Rate}
	h.Understood = Understood{Answer: Missed}
	if h.Doubt.believable() {
		h.Understood = e.words.Understand(h.Words)
	}
	return h, nil
}

// floored returns samples with a floor of noise 33 dB below their effective
// value. The recogniser takes the mean of an utterance's spectra for the
// microphone's colour, which silence without any noise would shift.
func floored(samples []int16) []int16 {
	power := 0.0
	for _, s := range samples {
		power += float64(s) * float64(s)
	}
	gain := math.Sqrt(power/float64(max(len(samples), 1))) * math.Pow(10, -33./20)
	random := rand.New(rand.NewPCG(33, 33)) // the same utterance is heard the same
	out := make([]int16, len(samples))
	noise := 0.0
	for i, s := range samples {
		noise = 0.9*noise + math.Sqrt(1-0.9*0.9)*random.NormFloat64() // falls with frequency, as a room's
		out[i] = int16(max(math.MinInt16, min(math.MaxInt16, math.Round(float64(s)+gain*noise))))
	}
	return out
}

// ask has the program recognise an utterance; it is started if need be.
func (e *Ear) ask(ctx context.Context, samples []int16) (*reply, error) {
	if e.run == nil {
		run, err := subprocess.Start(e.files.Program, 0, e.files.Model, e.dictionary(), e.fillers(), e.grammar())
		if err != nil {
			return nil, err
		}
		e.run = run
	}
	run := e.run
	defer context.AfterFunc(ctx, run.Kill)()
	run.Expect(patience)
	defer run.Relax()
	if _, err := run.Write(request(samples)); err != nil {
		return nil, err
	}
	r := new(reply)
	for !r.ended {
		kind, payload, err := run.ReadFrame()
		if err == nil {
			err = r.add(kind, payload)
		}
		if err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Rest ends the recogniser's program and frees its memory, until the next
// utterance.
func (e *Ear) Rest() {
	if e.run != nil {
		e.run.Close()
		e.run = nil
	}
}

// Close ends the ear.
func (e *Ear) Close() error {
	e.Rest()
	return os.RemoveAll(e.dir)
}
