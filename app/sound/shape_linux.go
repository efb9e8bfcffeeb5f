package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"github.com/gen2brain/alsa"
)

// A layout is how one sample lies in memory: its most significant 16 bits, which are
// ours, begin at byte top of width.
type layout struct {
	format     alsa.PcmFormat
	width, top int // bytes
}

// layouts are those that cards are known to insist on, ours first.
var layouts = [...]layout{
	{alsa.SNDRV_PCM_FORMAT_S16_LE, 2, 0},
	{alsa.SNDRV_PCM_FORMAT_S32_LE, 4, 2},
	{alsa.SNDRV_PCM_FORMAT_S24_3LE, 3, 1},
	{alsa.SNDRV_PCM_FORMAT_S24_LE, 4, 1}, // the fourth byte repeats the sign
}

// A shape is a way to open a card.
type shape struct {
	layout
	rate, channels uint32
	period         uint32 // frames after which the card interrupts
	periods        uint32 // in its buffer
}

// A card's abilities are ranges, not all of whose combinations need to work
// (*alsa.PcmParams is one).
type abilities interface {
	Min(alsa.PcmParam) (uint32, error)
	Max(alsa.PcmParam) (uint32, error)
	FormatIsSupported(alsa.PcmFormat) bool
}

const mostChannels = 8

// shapes lists the ways in which a card of these abilities is worth a try, the best
// first: rates and channels are ours in the order of preference, followed by what
// else the card can. The buffer holds buffered twentieths of a second.
func shapes(can abilities, rates, channels []uint32, buffered uint32) []shape {
	within := func(p alsa.PcmParam, v uint32) bool {
		lo, err := can.Min(p)
		hi, err2 := can.Max(p)
		return err == nil && err2 == nil && lo <= v && v <= hi
	}
	rates, channels = slices.Clone(rates), slices.Clone(channels)
	if lowest, err := can.Min(alsa.SNDRV_PCM_HW_PARAM_RATE); err == nil && lowest > 0 && !slices.Contains(rates, lowest) {
		rates = append(rates, lowest)
	}
	for n := range uint32(mostChannels) {
		if !slices.Contains(channels, n+1) {
			channels = append(channels, n+1)
		}
	}
	rates = slices.DeleteFunc(rates, func(v uint32) bool { return !within(alsa.SNDRV_PCM_HW_PARAM_RATE, v) })
	channels = slices.DeleteFunc(channels, func(v uint32) bool { return !within(alsa.SNDRV_PCM_HW_PARAM_CHANNELS, v) })
	var all []shape
	for _, l := range layouts {
		if !can.FormatIsSupported(l.format) {
			continue
		}
		for _, rate := range rates {
			for _, n := range channels {
				all = append(all, cut(can, shape{layout: l, rate: rate, channels: n}, buffered))
			}
		}
	}
	return all
}

// cut divides a buffer of that many twentieths of a second into periods, the longest
// that are allowed and a whole part of a twentieth: some DMA engines hold little.
func cut(can abilities, s shape, buffered uint32) shape {
	most := s.rate / periods
	if n, err := can.Max(alsa.SNDRV_PCM_HW_PARAM_PERIOD_SIZE); err == nil {
		most = min(most, n)
	}
	if n, err := can.Max(alsa.SNDRV_PCM_HW_PARAM_PERIOD_BYTES); err == nil {
		most = min(most, n/(uint32(s.width)*s.channels))
	}
	parts := uint32(1)
	for s.rate/periods/parts > max(most, 1) {
		parts++
	}
	s.period, s.periods = s.rate/periods/parts, buffered*parts
	if n, err := can.Max(alsa.SNDRV_PCM_HW_PARAM_PERIODS); err == nil {
		s.periods = min(s.periods, max(n, 2))
	}
	return s
}

// openPCM opens a device in the first of its shapes that works.
func openPCM(d device, flags alsa.PcmFlag, rates, channels []uint32, buffered uint32) (*alsa.PCM, shape, error) {
	can, err := alsa.PcmParamsGet(uint(d.card), uint(d.number), flags)
	if err != nil {
		return nil, shape{}, inUse(d, err)
	}
	all := shapes(can, rates, channels, buffered)
	if len(all) == 0 {
		return nil, shape{}, errors.New("it has none of the formats S16_LE, S32_LE, S24_3LE and S24_LE")
	}
	for _, s := range all {
		var pcm *alsa.PCM
		pcm, err = alsa.PcmOpen(uint(d.card), uint(d.number), flags|alsa.PCM_NORESTART|alsa.PCM_NONBLOCK, &alsa.Config{
			Channels: s.channels, Rate: s.rate, PeriodSize: s.period, PeriodCount: s.periods, Format: s.format,
		})
		if err == nil {
			s.channels, s.rate = pcm.Channels(), pcm.Rate()
			return pcm, s, nil
		}
		if !errors.Is(err, syscall.EINVAL) { // another shape would not help
			break
		}
	}
	return nil, shape{}, inUse(d, err)
}

// errInUse is a card that another program has.
var errInUse = errors.New("in use by another program")

func inUse(d device, err error) error {
	if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EAGAIN) {
		return fmt.Errorf("%s is %w", d.name, errInUse)
	}
	return err
}

// encode appends the frames of mono samples, each channel the same, to dst.
func (s shape) encode(dst []byte, mono []int16) []byte {
	for _, v := range mono {
		for range s.channels {
			at := len(dst)
			dst = append(dst, 0, 0, 0, 0)[:at+s.width]
			binary.LittleEndian.PutUint16(dst[at+s.top:], uint16(v))
			if s.top+2 < s.width && v < 0 {
				dst[at+s.top+2] = 0xff
			}
		}
	}
	return dst
}

// decode appends the most significant 16 bits of the samples in raw to dst.
func (s shape) decode(dst []int16, raw []byte) []int16 {
	for ; len(raw) >= s.width; raw = raw[s.width:] {
		dst = append(dst, int16(binary.LittleEndian.Uint16(raw[s.top:])))
	}
	return dst
}

// frame is the size of one, in bytes.
func (s shape) frame() int { return s.width * int(s.channels) }
