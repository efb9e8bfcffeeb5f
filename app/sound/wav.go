package sound

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const wavHeader = 44

// WAV writes what is spoken into a file: RIFF WAVE, PCM, 16 bit, mono, at the
// rate of the first samples (Multimedia Programming Interface and Data
// Specifications 1.0, IBM and Microsoft, 1991). The file gets its name when it
// is closed, so that a name never stands for a half-written file. A full disk
// ends the sound in the file and nothing else.
type WAV struct {
	path string
	file interface {
		io.WriteSeeker
		io.Closer
	}
	temp    string
	hz      int
	n       int64 // bytes of samples written
	played  []time.Time
	begun   time.Time // when the sentence being written began; zero: it has not
	stopped error     // why no more is written
	toFile  converter // to the file's rate
}

// CreateWAV begins a file. It fails when the folder cannot be written to or
// path names something that is not a file.
func CreateWAV(path string) (*WAV, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file: give the name of a file to write", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, fmt.Errorf("cannot write %s: %w", path, errors.Unwrap(err))
	}
	w := &WAV{path: path, file: f, temp: f.Name()}
	if err = f.Chmod(0o644); err == nil {
		_, err = f.Write(make([]byte, wavHeader)) // for the header, known at the end
	}
	if err != nil {
		f.Close()
		os.Remove(w.temp)
		return nil, fmt.Errorf("cannot write %s: %w", path, err)
	}
	return w, nil
}

// Write adds mono samples. The file has one rate, the first; others are
// converted. The error that stops the writing is returned once; after it what
// is written is dropped.
func (w *WAV) Write(_ context.Context, hz int, samples []int16) error {
	if w.stopped != nil {
		return nil
	}
	if w.hz == 0 {
		w.hz = hz
	}
	if w.begun.IsZero() {
		w.begun = time.Now()
	}
	if hz != w.hz {
		samples = w.toFile.convert(hz, w.hz, samples)
	}
	if w.n+int64(2*len(samples)) > math.MaxUint32-wavHeader {
		return w.stop(errors.New("a WAV file ends at 4 GB"))
	}
	b := make([]byte, 0, 2*len(samples))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	n, err := w.file.Write(b)
	w.n += int64(n &^ 1)
	if err != nil {
		return w.stop(err)
	}
	return nil
}

// stop gives the writing up, keeping what is there.
func (w *WAV) stop(err error) error {
	if pathErr := new(os.PathError); errors.As(err, &pathErr) {
		err = pathErr.Err // the temporary name would only confuse
	}
	w.stopped = fmt.Errorf("%s: %w; the sound in it ends after %.1f s", w.path, err, w.Duration().Seconds())
	return w.stopped
}

// Duration is the length of what was written.
func (w *WAV) Duration() time.Duration {
	if w.hz == 0 {
		return 0
	}
	return time.Duration(w.n/2) * time.Second / time.Duration(w.hz)
}

// Mark implements Sink.
func (w *WAV) Mark() {
	if w.stopped != nil {
		w.begun = time.Time{} // it is not whole
	}
	w.played = append(w.played, w.begun)
	w.begun = time.Time{}
}

// Listens implements Sink.
func (w *WAV) Listens() bool { return w.stopped == nil }

// Played implements Sink.
func (w *WAV) Played() []time.Time { return slices.Clone(w.played) }

// Drain does nothing: a file is written at once.
func (w *WAV) Drain(context.Context) error { return nil }

// Close writes the header and gives the file its name.
func (w *WAV) Close() error {
	hz := uint32(w.hz)
	if hz == 0 {
		hz = Rate // no sound: an empty file, but a valid one
	}
	le := binary.LittleEndian
	h := append(make([]byte, 0, wavHeader), "RIFF"...)
	h = le.AppendUint32(h, uint32(w.n)+wavHeader-8)
	h = append(h, "WAVEfmt "...)
	h = le.AppendUint32(h, 16)
	h = le.AppendUint16(h, 1) // PCM
	h = le.AppendUint16(h, 1) // channel
	h = le.AppendUint32(h, hz)
	h = le.AppendUint32(h, 2*hz)
	h = le.AppendUint16(h, 2)
	h = le.AppendUint16(h, 16)
	h = append(h, "data"...)
	h = le.AppendUint32(h, uint32(w.n))
	_, err := w.file.Seek(0, io.SeekStart)
	if err == nil {
		_, err = w.file.Write(h)
	}
	if errClose := w.file.Close(); err == nil {
		err = errClose
	}
	if err == nil {
		err = os.Rename(w.temp, w.path)
	}
	if err != nil {
		os.Remove(w.temp)
		return fmt.Errorf("cannot write %s: %w", w.path, err)
	}
	return nil
}
