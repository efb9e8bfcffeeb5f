package sound

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gen2brain/alsa"
)

// A Microphone is a sound card that is open for recording.
type Microphone struct {
	device
	shape
	pcm     *alsa.PCM
	raw     []byte
	samples []int16
	mono    []int16
	convert *Resampler // nil: the card has the rate that is wanted
}

// Rates and channels to record with, in this order: most cards record at 48 kHz, and
// our filter is better than a card's. A card that is not a USB one gets all channels
// that its converter gives: with one of two some of them make a frame of half the
// length, which their converter does not.
var (
	captureRates     = []uint32{48000, 16000, 44100, 32000}
	captureChannels  = []uint32{1, 2}
	captureOnSilicon = []uint32{2, 1}
)

// captureBuffered is what a card's buffer holds, in twentieths of a second.
const captureBuffered = 8

// OpenMicrophone opens a sound card for recording at hz, whatever the card's own
// rate and channels are: USB ones first, then the others in the kernel's order,
// loopbacks never. With a name it is the card of that name ("Loopback"), or its
// device of a number ("Loopback,1"). It reports ErrNoMicrophone when there is
// none, or why none would open.
func OpenMicrophone(name string, hz int) (*Microphone, error) {
	cards, err := alsa.EnumerateCards()
	if err != nil {
		return nil, ErrNoMicrophone
	}
	var errs []error
	for _, d := range recorders(cards, isUSB, name) {
		m, err := openMicrophone(d, hz, isUSB(d.card))
		if err == nil {
			return m, nil
		}
		errs = append(errs, err)
	}
	switch {
	case len(errs) > 0:
		return nil, errs[0]
	case name != "":
		return nil, fmt.Errorf("%w %q", ErrNoMicrophone, name)
	}
	return nil, ErrNoMicrophone
}

// recorders lists the capture devices in the order they are tried.
func recorders(cards []alsa.SoundCard, usb func(card int) bool, name string) []device {
	return devices(cards, usb, name, func(d alsa.SoundCardDevice) bool { return !d.IsPlayback })
}

func openMicrophone(d device, hz int, usb bool) (*Microphone, error) {
	channels := captureOnSilicon
	if usb {
		channels = captureChannels
	}
	pcm, s, err := openPCM(d, alsa.PCM_IN, captureRates, channels, captureBuffered)
	if errors.Is(err, errInUse) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not record: %w", d.name, err)
	}
	m := &Microphone{device: d, shape: s, pcm: pcm}
	m.raw = make([]byte, int(s.rate)/periods*s.frame())
	if int(s.rate) != hz {
		m.convert = NewResampler(int(s.rate), hz)
	}
	return m, nil
}

// Name says which card it is and how it records.
func (m *Microphone) Name() string {
	return fmt.Sprintf("%s, %d Hz, %d channels", m.name, m.rate, m.channels)
}

// Read waits for a twentieth of a second of sound and returns it, mono; the
// samples are valid until the next call. What came while nobody read and did not
// fit the card's buffer is lost.
func (m *Microphone) Read() ([]int16, error) {
	if err := transfer(m.pcm, m.pcm.Read, m.raw, m.frame()); err != nil {
		return nil, err
	}
	m.samples = m.decode(m.samples[:0], m.raw)
	m.mono = mix(m.mono[:0], m.samples, int(m.channels))
	if m.convert == nil {
		return m.mono, nil
	}
	return m.convert.Process(nil, m.mono), nil
}

// SetGain has the card amplify by a part of what it can, in percent, and not be
// mute. It reports a card that cannot be told.
func (m *Microphone) SetGain(percent int) error {
	mixer, err := alsa.MixerOpen(uint(m.card))
	if err != nil {
		return fmt.Errorf("%s: the gain cannot be set: %w", m.name, err)
	}
	defer mixer.Close()
	found := false
	for _, c := range mixer.Ctls {
		volume, mute := captures(c.Name())
		for i := range uint(c.NumValues()) {
			switch {
			case volume:
				err = errors.Join(err, c.SetPercent(i, percent))
				found = true
			case mute:
				err = errors.Join(err, c.SetValue(i, 1)) // a switch is on when it is not mute
			}
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: the gain cannot be set: %w", m.name, err)
	case !found:
		return fmt.Errorf("%s has no control for the gain", m.name)
	}
	return nil
}

// captures says what a control does for recording by its name, which ends as
// Linux's Documentation/sound/designs/control-names.rst has it.
func captures(name string) (volume, mute bool) {
	return strings.HasSuffix(name, "Capture Volume"), strings.HasSuffix(name, "Capture Switch")
}

// Close lets the card go.
func (m *Microphone) Close() error { return m.pcm.Close() }
