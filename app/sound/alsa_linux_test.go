package sound

import (
	"errors"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/gen2brain/alsa"
)

// A fakePCM answers each transfer in turn, the last answer again and again.
type fakePCM struct {
	answers  []error // nil: it takes all
	prepared int
	took     []int16
}

func (p *fakePCM) Prepare() error { p.prepared++; return nil }
func (p *fakePCM) Rate() uint32   { return Rate }

func (p *fakePCM) move(data any) (int, error) {
	err := p.answers[0]
	if len(p.answers) > 1 {
		p.answers = p.answers[1:]
	}
	if err != nil {
		return 0, err
	}
	p.took = append(p.took, data.([]int16)...)
	return len(data.([]int16)), nil
}

func TestTransfer(t *testing.T) {
	for _, tt := range []struct {
		name     string
		answers  []error
		want     error
		prepared bool
	}{
		{"takes it", []error{nil}, nil, false},
		{"is full for a while", []error{syscall.EAGAIN, syscall.EINTR, nil}, nil, false},
		{"ran dry", []error{syscall.EPIPE, nil}, nil, true},
		{"is full for ever", []error{syscall.EAGAIN}, syscall.EIO, false},
		{"runs dry for ever", []error{syscall.EPIPE}, syscall.EIO, true},
		{"is broken", []error{syscall.ENXIO}, syscall.ENXIO, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			samples := []int16{1, 2, 3}
			p := &fakePCM{answers: tt.answers}
			err := transfer(p, p.move, samples, 1)
			if !errors.Is(err, tt.want) || (err == nil) != slices.Equal(p.took, samples) || (p.prepared > 0) != tt.prepared {
				t.Errorf("a card that %s: %v, it took %v and was prepared %d times; want %v", tt.name, err, p.took, p.prepared, tt.want)
			}
		})
	}
}

func TestPlayers(t *testing.T) {
	play, record := alsa.SoundCardDevice{ID: 0, IsPlayback: true}, alsa.SoundCardDevice{ID: 1}
	cards := []alsa.SoundCard{
		{ID: 0, Name: "Loopback", Description: "Loopback - Loopback", Devices: []alsa.SoundCardDevice{play}},
		{ID: 1, Name: "codec", Devices: []alsa.SoundCardDevice{record, play}},
		{ID: 2, Name: "mic", Devices: []alsa.SoundCardDevice{record}},
		{ID: 4, Name: "DAC", Description: "simple-card - DAC", Devices: []alsa.SoundCardDevice{play}},
		{ID: 3, Name: "usb", Devices: []alsa.SoundCardDevice{play}},
	}
	var got []int
	for _, d := range players(cards, func(c int) bool { return c >= 2 }) {
		got = append(got, d.card)
	}
	if want := []int{3, 1}; !slices.Equal(got, want) {
		t.Errorf("cards are tried in the order %d; want %d", got, want)
	}
}
