package sound

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/gen2brain/alsa"
)

// A ableCard can what its fields say; limits without one are wide.
type ableCard struct {
	formats []alsa.PcmFormat
	limits  map[alsa.PcmParam][2]uint32
}

func (c ableCard) limit(p alsa.PcmParam, which int) (uint32, error) {
	if l, ok := c.limits[p]; ok {
		return l[which], nil
	}
	if which == 0 {
		return 1, nil
	}
	return 1<<32 - 1, nil
}

func (c ableCard) Min(p alsa.PcmParam) (uint32, error)     { return c.limit(p, 0) }
func (c ableCard) Max(p alsa.PcmParam) (uint32, error)     { return c.limit(p, 1) }
func (c ableCard) FormatIsSupported(f alsa.PcmFormat) bool { return slices.Contains(c.formats, f) }
func with(f alsa.PcmFormat, limits ...[3]uint32) (card ableCard) {
	return withAll([]alsa.PcmFormat{f}, limits...)
}

func withAll(formats []alsa.PcmFormat, limits ...[3]uint32) ableCard {
	c := ableCard{formats, make(map[alsa.PcmParam][2]uint32)}
	for _, l := range limits {
		c.limits[alsa.PcmParam(l[0])] = [2]uint32{l[1], l[2]}
	}
	return c
}

// Cards that people own, and the shape that is tried first.
func TestShapes(t *testing.T) {
	const (
		s16, s32, s24, s24in4 = alsa.SNDRV_PCM_FORMAT_S16_LE, alsa.SNDRV_PCM_FORMAT_S32_LE, alsa.SNDRV_PCM_FORMAT_S24_3LE, alsa.SNDRV_PCM_FORMAT_S24_LE
		rate, channels        = uint32(alsa.SNDRV_PCM_HW_PARAM_RATE), uint32(alsa.SNDRV_PCM_HW_PARAM_CHANNELS)
		periodBytes, counts   = uint32(alsa.SNDRV_PCM_HW_PARAM_PERIOD_BYTES), uint32(alsa.SNDRV_PCM_HW_PARAM_PERIODS)
	)
	for name, test := range map[string]struct {
		card     abilities
		channels []uint32
		want     shape
	}{
		"anything":      {withAll([]alsa.PcmFormat{s24, s16, s32}), playChannels, shape{layouts[0], 48000, 2, 2400, 4}},
		"44.1 kHz only": {with(s16, [3]uint32{rate, 44100, 44100}), playChannels, shape{layouts[0], 44100, 2, 2205, 4}},
		"22.05 kHz only": {with(s16, [3]uint32{rate, 22050, 22050}, [3]uint32{channels, 1, 1}), playChannels,
			shape{layouts[0], 22050, 1, 1102, 4}},
		"32 bits only":  {with(s32), playChannels, shape{layouts[1], 48000, 2, 2400, 4}},
		"24 bits only":  {with(s24), playChannels, shape{layouts[2], 48000, 2, 2400, 4}},
		"24 bits in 32": {with(s24in4, [3]uint32{channels, 4, 4}), playChannels, shape{layouts[3], 48000, 4, 2400, 4}},
		"4 channels":    {with(s16, [3]uint32{channels, 4, 8}), playChannels, shape{layouts[0], 48000, 4, 2400, 4}},
		"the Duo's DMA, 4,096 bytes": {with(s16, [3]uint32{rate, 48000, 48000}, [3]uint32{channels, 1, 2}, [3]uint32{periodBytes, 32, 4096}), captureOnSilicon,
			shape{layouts[0], 48000, 2, 800, 12}},
		"two periods": {with(s16, [3]uint32{counts, 2, 2}), playChannels, shape{layouts[0], 48000, 2, 2400, 2}},
		"a USB microphone": {with(s16, [3]uint32{rate, 48000, 48000}, [3]uint32{channels, 1, 2}), captureChannels,
			shape{layouts[0], 48000, 1, 2400, 4}},
	} {
		got := shapes(test.card, playRates, test.channels, 4)
		if len(got) == 0 || got[0] != test.want {
			t.Errorf("%s: the shapes are %v; want %v first", name, got[:min(2, len(got))], test.want)
		}
		for _, s := range got {
			if n, _ := test.card.Max(alsa.PcmParam(periodBytes)); int64(s.period)*int64(s.frame()) > int64(n) {
				t.Errorf("%s: a period of %+v is longer than %d bytes", name, s, n)
			}
		}
	}
	if got := shapes(with(alsa.SNDRV_PCM_FORMAT_S8), playRates, playChannels, 4); got != nil {
		t.Errorf("a card with 8 bits has the shapes %v; want none", got)
	}
}

func TestEncode(t *testing.T) {
	mono := []int16{0x1234, -2, -32768}
	for i, want := range []string{
		"3412" + "3412" + "feff" + "feff" + "0080" + "0080",
		"00003412" + "00003412" + "0000feff" + "0000feff" + "00000080" + "00000080",
		"003412" + "003412" + "00feff" + "00feff" + "000080" + "000080",
		"00341200" + "00341200" + "00feffff" + "00feffff" + "000080ff" + "000080ff",
	} {
		s := shape{layout: layouts[i], channels: 2}
		raw := s.encode(nil, mono)
		if got := hex.EncodeToString(raw); got != want {
			t.Errorf("%+v: encode() = %s; want %s", s.layout, got, want)
		}
		if got := mix(nil, s.decode(nil, raw), 2); !slices.Equal(got, mono) {
			t.Errorf("%+v: what was encoded is decoded as %v; want %v", s.layout, got, mono)
		}
	}
}
