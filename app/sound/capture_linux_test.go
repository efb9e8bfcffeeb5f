package sound

import (
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
