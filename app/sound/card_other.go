//go:build !linux

package sound

import "errors"

// Usable returns why sound cards cannot be used on this operating system, nil on
// Linux.
func Usable() error {
	return errors.New("sound cards are used on Linux only: --wav FILE writes the sound into a file")
}

// OpenCard reports that there is no card: see Usable.
func OpenCard() (Card, error) { return nil, ErrNoCard }

// A Microphone is a sound card that is open for recording; here there is none.
type Microphone struct{}

// OpenMicrophone reports that there is no microphone: see Usable.
func OpenMicrophone(name string, hz int) (*Microphone, error) { return nil, ErrNoMicrophone }

// Name names no card.
func (*Microphone) Name() string { return "" }

// Read fails.
func (*Microphone) Read() ([]int16, error) { return nil, ErrNoMicrophone }

// SetGain fails.
func (*Microphone) SetGain(percent int) error { return ErrNoMicrophone }

// Close does nothing.
func (*Microphone) Close() error { return nil }
