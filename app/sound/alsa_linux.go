package sound

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gen2brain/alsa"
)

// Usable returns why sound cards cannot be used on this operating system, nil on
// Linux.
func Usable() error { return nil }

// OpenCard opens the first sound card that can play: USB ones first, then the
// others in the kernel's order, loopbacks and converters without a pad never. It reports ErrNoCard when
// there is none, or why none would open.
func OpenCard() (Card, error) {
	cards, err := alsa.EnumerateCards() // from /proc/asound
	if err != nil {
		return nil, ErrNoCard // a kernel without sound
	}
	var errs []error
	for _, d := range players(cards, isUSB) {
		card, err := openALSA(d)
		if err == nil {
			return card, nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		return nil, ErrNoCard
	}
	return nil, errs[0]
}

// device is one playback device of a card.
type device struct {
	card, number int
	name         string
}

// players lists the playback devices in the order they are tried.
func players(cards []alsa.SoundCard, usb func(card int) bool) []device {
	return devices(cards, usb, "", func(d alsa.SoundCardDevice) bool { return d.IsPlayback })
}

// clockCard is the card whose converter nobody can hear: on the Duo its one pad has
// the LED, and it is there for the clock that the microphone's converter needs.
const clockCard = "DAC"

// devices lists the devices that fit, those of USB cards first, without
// loopbacks, which play to a recorder on the same machine, and clockCard. With a name it lists
// those of the card of that name, or its one device in "name,number".
func devices(cards []alsa.SoundCard, usb func(card int) bool, name string, fit func(alsa.SoundCardDevice) bool) []device {
	want, number, numbered := strings.Cut(name, ",")
	var first, then []device
	for _, c := range cards {
		if name == "" && (strings.HasPrefix(c.Description, "Loopback") || c.Name == clockCard) || name != "" && !strings.EqualFold(c.Name, want) {
			continue
		}
		for _, d := range c.Devices {
			if !fit(d) || numbered && number != strconv.Itoa(d.ID) {
				continue
			}
			dev := device{c.ID, d.ID, fmt.Sprintf("sound card %d (%s)", c.ID, c.Name)}
			if usb(c.ID) {
				first = append(first, dev)
			} else {
				then = append(then, dev)
			}
		}
	}
	return append(first, then...)
}

// isUSB says whether the kernel's USB audio driver made the card.
func isUSB(card int) bool {
	_, err := os.Stat(fmt.Sprintf("/proc/asound/card%d/usbid", card))
	return err == nil
}

// alsaCard plays through the kernel's own interface: no plug-ins, so that
// rate, channels and format are ours to convert.
type alsaCard struct {
	device
	shape
	pcm   *alsa.PCM
	pairs []uint32
	raw   []byte
}

// Rates and channels to play with, in this order.
var (
	playRates    = []uint32{Rate, 44100, 96000, 32000, 16000}
	playChannels = []uint32{2, 1}
)

// playBuffered is what a card's buffer holds, in twentieths of a second.
const playBuffered = 4

func openALSA(d device) (*alsaCard, error) {
	pcm, s, err := openPCM(d, alsa.PCM_OUT, playRates, playChannels, playBuffered)
	if errors.Is(err, errInUse) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%s does not open: %w", d.name, err)
	}
	return &alsaCard{device: d, shape: s, pcm: pcm}, nil
}

func (c *alsaCard) Name() string { return c.name }
func (c *alsaCard) Hz() int      { return int(c.rate) }

func (c *alsaCard) Write(samples []int16) error {
	switch {
	case c.width == 2 && c.channels == 1:
		return transfer(c.pcm, c.pcm.Write, samples, 1)
	case c.width == 2 && c.channels == 2: // nearly all cards
		c.pairs = slices.Grow(c.pairs[:0], len(samples))[:len(samples)]
		double(c.pairs, samples)
		return transfer(c.pcm, c.pcm.Write, c.pairs, 1)
	}
	c.raw = c.encode(c.raw[:0], samples)
	return transfer(c.pcm, c.pcm.Write, c.raw, c.frame())
}

// readied is what transfer needs of an *alsa.PCM.
type readied interface {
	Prepare() error
	Rate() uint32
}

// transfer has a card take or give all of data, frames of width elements each, by
// its way to move some of them, and waits for it. A card that ran dry, or over,
// begins again: what came meanwhile is lost.
func transfer[T uint8 | int16 | uint32](pcm readied, move func(data any) (frames int, err error), data []T, width int) error {
	moved := time.Now()
	for len(data) > 0 {
		n, err := move(data)
		data = data[n*width:]
		if n > 0 {
			moved = time.Now()
		}
		switch {
		case err == nil, errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EPIPE) && time.Since(moved) < stuck:
			if err := pcm.Prepare(); err != nil {
				return reason(err)
			}
			if n == 0 {
				time.Sleep(shortest) // it may be one that does nothing else
			}
		case errors.Is(err, syscall.EAGAIN) && time.Since(moved) < stuck:
			pause(len(data)/width, int(pcm.Rate()))
		case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EPIPE):
			return syscall.EIO
		default:
			return reason(err)
		}
	}
	return nil
}

const (
	// stuck is after how long a card counts as broken that takes or gives nothing.
	stuck = 10 * time.Second
	// shortest is how long a card is left alone at least.
	shortest = 5 * time.Millisecond
)

// pause waits while a card works on frames: asleep, not in the kernel, for Go's
// runtime looks after a program that is in a system call for long every 20 us, on the
// board for 5 % of the processor.
func pause(frames, hz int) {
	time.Sleep(max(shortest, time.Duration(frames)*time.Second/time.Duration(hz)))
}

// double makes stereo frames: both halves are the sample.
func double(to []uint32, mono []int16) {
	to = to[:len(mono)]
	for i, s := range mono {
		to[i] = uint32(uint16(s)) * 0x10001
	}
}

func (c *alsaCard) Drain() error {
	err := c.pcm.Drain()
	for begun := time.Now(); errors.Is(err, syscall.EAGAIN) && time.Since(begun) < time.Second; {
		time.Sleep(shortest)
		if c.pcm.State() != alsa.SNDRV_PCM_STATE_DRAINING {
			return nil
		}
	}
	return err
}

func (c *alsaCard) Close() error { return c.pcm.Close() }

// reason leaves of err what says something to people.
func reason(err error) error {
	switch {
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.EBADFD), errors.Is(err, syscall.ENOENT):
		return errors.New("unplugged")
	}
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		return errno
	}
	return err
}
