package sound

import (
	"math"
	"slices"
	"testing"

	"github.com/gen2brain/alsa"
)

func TestRecorders(t *testing.T) {
	duplex := []alsa.SoundCardDevice{{ID: 0, IsPlayback: true}, {ID: 0}}
	cards := []alsa.SoundCard{
		{ID: 0, Name: "Loopback", Description: "Loopback - Loopback", Devices: append(slices.Clone(duplex), alsa.SoundCardDevice{ID: 1})},
		{ID: 1, Name: "codec", Description: "simple-card", Devices: []alsa.SoundCardDevice{{ID: 0}}},
		{ID: 2, Name: "speaker", Description: "simple-card", Devices: []alsa.SoundCardDevice{{ID: 0, IsPlayback: true}}},
		{ID: 3, Name: "Headset", Description: "USB-Audio", Devices: duplex},
	}
	usb := func(card int) bool { return card == 3 }
	for name, want := range map[string][][2]int{
		"":           {{3, 0}, {1, 0}},
		"codec":      {{1, 0}},
		"loopback,1": {{0, 1}},
		"Loopback":   {{0, 0}, {0, 1}},
		"speaker":    nil,
		"codec,1":    nil,
	} {
		var got [][2]int
		for _, d := range recorders(cards, usb, name) {
			got = append(got, [2]int{d.card, d.number})
		}
		if !slices.Equal(got, want) {
			t.Errorf("recorders(%q) = %v; want %v", name, got, want)
		}
	}
}

func TestMix(t *testing.T) {
	for channels, want := range map[int][]int16{1: {10, 20, -30, 32767, 5}, 2: {15, 16368}, 4: {8191}} {
		if got := mix(nil, []int16{10, 20, -30, 32767, 5}, channels); !slices.Equal(got, want) {
			t.Errorf("mix of %d channels = %v; want %v", channels, got, want)
		}
	}
}

// A third of the rate keeps speech and drops what would fold into it.
func TestDecimate(t *testing.T) {
	for hz, want := range map[float64]float64{300: 1, 3000: 1, 6500: 1, 9500: 0, 12000: 0, 15700: 0, 20000: 0} {
		in := make([]int16, 48000)
		for i := range in {
			in[i] = int16(10000 * math.Sin(2*math.Pi*hz*float64(i)/48000))
		}
		r := NewResampler(48000, 16000)
		var out []int16
		for part := range slices.Chunk(in, 2400) {
			out = r.Process(out, part)
		}
		out = r.Flush(out)
		power := 0.0
		for _, s := range out[1000 : len(out)-1000] {
			power += float64(s) * float64(s) / float64(len(out)-2000)
		}
		if got := math.Sqrt(2*power) / 10000; math.Abs(got-want) > 0.02 || len(out) != 16000 {
			t.Errorf("%g Hz: %.3f of the amplitude, %d samples; want %g, 16000", hz, got, len(out), want)
		}
	}
}

func TestCaptures(t *testing.T) {
	for name, want := range map[string][2]bool{
		"Internal I2S Capture Volume": {true, false}, // the Duo's
		"Mic Capture Volume":          {true, false},
		"Mic Capture Switch":          {false, true},
		"PCM Playback Volume":         {},
		"Auto Gain Control":           {},
	} {
		if volume, mute := captures(name); [2]bool{volume, mute} != want {
			t.Errorf("captures(%q) = %v, %v; want %v", name, volume, mute, want)
		}
	}
}
