// Package listen judges recorded speech: is it there, is it whole, can its
// words be made out. Tests use it on what the storyteller wrote into a file and
// on what an emulated machine played.
package listen

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"duostoryteller/app/sound"
)

// A Recording is mono sound.
type Recording struct {
	Hz      int
	Samples []int16
}

// ReadWAV reads 16-bit PCM of any number of channels, of which it takes the
// first. A header that was never completed, as a killed emulator leaves it, is
// forgiven: the samples go to the end of the file.
func ReadWAV(path string) (*Recording, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, fmt.Errorf("%s is not a WAV file", path)
	}
	le := binary.LittleEndian
	r, channels := &Recording{}, 0
	for b = b[12:]; len(b) >= 8; {
		kind, n := string(b[:4]), int(le.Uint32(b[4:]))
		b = b[8:]
		if n == 0 && kind == "data" || n > len(b) {
			n = len(b)
		}
		switch kind {
		case "fmt ":
			if n < 16 || le.Uint16(b) != 1 || le.Uint16(b[14:]) != 16 {
				return nil, fmt.Errorf("%s is not 16-bit PCM", path)
			}
			channels, r.Hz = int(le.Uint16(b[2:])), int(le.Uint32(b[4:]))
		case "data":
			if channels == 0 || r.Hz == 0 {
				return nil, fmt.Errorf("%s has samples before their format", path)
			}
			for ; n >= 2*channels; n -= 2 * channels {
				r.Samples = append(r.Samples, int16(le.Uint16(b)))
				b = b[2*channels:]
			}
			return r, nil
		}
		b = b[min(len(b), n+n%2):]
	}
	return nil, fmt.Errorf("%s has no samples", path)
}

// At converts a number of samples into a time.
func (r *Recording) At(samples int) time.Duration {
	return time.Duration(samples) * time.Second / time.Duration(r.Hz)
}

// Duration is the length of the recording.
func (r *Recording) Duration() time.Duration { return r.At(len(r.Samples)) }

// Peak is the greatest amplitude, 0 to 32768.
func (r *Recording) Peak() int {
	peak := 0
	for _, s := range r.Samples {
		peak = max(peak, int(s), -int(s))
	}
	return peak
}

// Clipped counts the samples at either end of the range.
func (r *Recording) Clipped() int {
	n := 0
	for _, s := range r.Samples {
		if s == math.MaxInt16 || s == math.MinInt16 {
			n++
		}
	}
	return n
}

// A Span is a part of a recording, in samples.
type Span struct{ Begin, End int }

const (
	frame = 10 // milliseconds that are judged together
	// quiet is the part of the loudest frame's effective value under which a
	// frame is silence: 40 dB.
	quiet = 0.01
)

// Sounds returns the parts that are not silence, where silence shorter than gap
// does not part them.
func (r *Recording) Sounds(gap time.Duration) []Span {
	size := r.Hz * frame / 1000
	var levels []float64
	loudest := 0.0
	for i := 0; i+size <= len(r.Samples); i += size {
		sum := 0.0
		for _, s := range r.Samples[i : i+size] {
			sum += float64(s) * float64(s)
		}
		levels = append(levels, math.Sqrt(sum/float64(size)))
		loudest = max(loudest, levels[len(levels)-1])
	}
	var spans []Span
	for i, l := range levels {
		if loudest == 0 || l <= quiet*loudest {
			continue
		}
		begin, end := i*size, (i+1)*size
		if n := len(spans); n > 0 && r.At(begin-spans[n-1].End) < gap {
			spans[n-1].End = end
		} else {
			spans = append(spans, Span{begin, end})
		}
	}
	return spans
}

// WriteWAV writes the recording at the rate given.
func (r *Recording) WriteWAV(path string, hz int) error {
	samples := r.Samples
	if hz != r.Hz {
		c := sound.NewResampler(r.Hz, hz)
		samples = c.Flush(c.Process(nil, samples))
	}
	w, err := sound.CreateWAV(path)
	if err != nil {
		return err
	}
	return errors.Join(w.Write(context.Background(), hz, samples), w.Close())
}

// Missing says what of a recogniser is not installed, "" when all is there.
func Missing() string {
	if _, err := exec.LookPath("pocketsphinx_continuous"); err != nil {
		return "a speech recogniser: apt-get install pocketsphinx pocketsphinx-en-us"
	}
	if _, err := os.Stat(model); err != nil {
		return "a recogniser's model: apt-get install pocketsphinx-en-us"
	}
	return ""
}

const (
	model = "/usr/share/pocketsphinx/model/en-us/en-us"
	// English is the recogniser's own language model.
	English = model + ".lm.bin"
)

// Recognise returns the words that pocketsphinx makes out, with its own model of English.
func (r *Recording) Recognise(ctx context.Context, dir string) ([]string, error) {
	return r.RecogniseBy(ctx, dir, English)
}

// RecogniseBy returns the words that pocketsphinx makes out with another language model.
func (r *Recording) RecogniseBy(ctx context.Context, dir, language string) ([]string, error) {
	path := filepath.Join(dir, "recognise.wav")
	if err := r.WriteWAV(path, 16000); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "pocketsphinx_continuous", "-infile", path, "-hmm", model, "-lm", language,
		"-dict", dictionary, "-logfn", "/dev/null")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("pocketsphinx_continuous: %w: %s", err, errs.Bytes())
	}
	return Words(string(out)), nil
}

// Words returns the words of a text in lower case.
func Words(text string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.ReplaceAll(text, "’", "'")), func(r rune) bool {
		return r != '\'' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
}

// Found is the share of the words of want that heard has in the same order, 0
// to 1: the longest common subsequence.
func Found(heard, want []string) float64 {
	row := make([]int, len(heard)+1)
	for _, w := range want {
		diagonal := 0
		for i, h := range heard {
			above := row[i+1]
			if h == w {
				row[i+1] = diagonal + 1
			} else {
				row[i+1] = max(above, row[i])
			}
			diagonal = above
		}
	}
	if len(want) == 0 {
		return 1
	}
	return float64(row[len(heard)]) / float64(len(want))
}
