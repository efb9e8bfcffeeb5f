// Package voice turns sentences into sound: text in, samples out as they are
// made. The engines run as child processes (see package child for the programs
// and protocol.go for what goes over their pipes); Process starts them, watches
// them and starts them again.
package voice

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Default is the voice that speaks when none is named: a classic robot, and
// the cheapest of them all.
const Default = "kal16"

// BoardDir is where the board's root file system has the voice programs.
const BoardDir = "/usr/lib/storyteller/voices"

// Params change a voice; each is a factor, 1 leaves it as it is.
type Params struct {
	Rate   float64 // speed, 0.5 to 2
	Pitch  float64 // fundamental frequency, 0.5 to 2
	Volume float64 // amplitude, 0 to 2; what would clip is limited
	// Pause is silence behind the text, at rate 1; a slower voice makes longer ones.
	Pause time.Duration
}

const longestPause = 5 * time.Second

// Normal is the voice as it is.
func Normal() Params { return Params{Rate: 1, Pitch: 1, Volume: 1} }

// Check reports a parameter that is out of its range.
func (p Params) Check() error {
	for _, v := range []struct {
		name      string
		x, lo, hi float64
	}{{"rate", p.Rate, 0.5, 2}, {"pitch", p.Pitch, 0.5, 2}, {"volume", p.Volume, 0, 2}} {
		if !(v.x >= v.lo && v.x <= v.hi) { // NaN too
			return fmt.Errorf("%s %g: give a factor from %g to %g, 1 is the voice's own", v.name, v.x, v.lo, v.hi)
		}
	}
	if p.Pause < 0 || p.Pause > longestPause {
		return fmt.Errorf("a pause of %v: give at most %v", p.Pause, longestPause)
	}
	return nil
}

// Spoken tells what one sentence took.
type Spoken struct {
	Hz      int           // sample rate
	Samples int           // mono samples handed over, without the pause behind them
	Compute time.Duration // processor time of the voice
	First   time.Duration // from asking to the first sample
}

// Duration is the length of the speech.
func (s Spoken) Duration() time.Duration {
	if s.Hz == 0 {
		return 0
	}
	return time.Duration(s.Samples) * time.Second / time.Duration(s.Hz)
}

// Voice speaks one text at a time.
type Voice interface {
	// Start has the voice ready sooner for the first Say, which reports what fails here.
	Start() error
	// Say speaks text (UTF-8, at most MaxText bytes) and hands its samples
	// (mono, signed 16 bit, hz a second) to pcm in order, as they are made; pcm
	// must not keep them. An error of pcm ends it and is returned as it is. ErrSilent
	// says that the text was given up, with all that was tried in its text.
	Say(ctx context.Context, text string, p Params, pcm func(hz int, samples []int16) error) (Spoken, error)
	// Close ends the voice.
	Close() error
}

// ErrSilent is what a Voice reports when it could not read a text. It may well
// read the next.
var ErrSilent = errors.New("sentence skipped")

// Find returns the path of a voice's program: in dir if that is not empty, else
// in the folder named by STORYTELLER_VOICES, in the folder voices beside this
// program, or on the board's place for it.
func Find(name, dir string) (string, error) {
	if name == "" || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("voice %q: not a voice's name; try %s", name, Default)
	}
	dirs := []string{dir}
	if dir == "" {
		dirs = []string{os.Getenv("STORYTELLER_VOICES"), BoardDir}
		if exe, err := os.Executable(); err == nil {
			dirs = append(dirs, filepath.Join(filepath.Dir(exe), "voices"))
		}
	}
	for _, d := range dirs {
		path := filepath.Join(d, "voice-"+name)
		if info, err := os.Stat(path); d != "" && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", fmt.Errorf("voice %s: program voice-%s is not there; build it with 'imagebuilder voices DIR' and set STORYTELLER_VOICES=DIR", name, name)
}
