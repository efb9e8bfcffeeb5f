package listen

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSounds(t *testing.T) {
	r := &Recording{Hz: 16000, Samples: make([]int16, 5*16000)}
	tone := func(from, to float64) {
		for i := int(from * 16000); i < int(to*16000); i++ {
			r.Samples[i] = int16(10000 * math.Sin(float64(i)/5))
		}
	}
	tone(1, 2)
	tone(2.3, 3)
	tone(4, 4.5)
	for gap, want := range map[time.Duration][]Span{
		200 * time.Millisecond: {{16000, 32000}, {36800, 48000}, {64000, 72000}},
		400 * time.Millisecond: {{16000, 48000}, {64000, 72000}},
	} {
		if got := r.Sounds(gap); !slices.Equal(got, want) {
			t.Errorf("Sounds(%v) = %v; want %v", gap, got, want)
		}
	}
	if peak := r.Peak(); peak < 9990 || peak > 10000 || r.Clipped() != 0 || r.Duration() != 5*time.Second {
		t.Errorf("peak %d, %d clipped, %v; want 10000, none, 5 s", peak, r.Clipped(), r.Duration())
	}
	path := filepath.Join(t.TempDir(), "a.wav")
	if err := r.WriteWAV(path, 16000); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadWAV(path); err != nil || got.Hz != 16000 || !slices.Equal(got.Samples, r.Samples) {
		t.Errorf("what was written is not what is read: %v", err)
	}
	if got := (&Recording{Hz: 16000, Samples: make([]int16, 16000)}).Sounds(time.Second); got != nil {
		t.Errorf("silence has sounds %v", got)
	}
}

func TestFound(t *testing.T) {
	want := Words("Once upon a time, Tom's dog ran.")
	for heard, share := range map[string]float64{
		"once upon a time tom's dog ran":      1,
		"ran dog":                             1. / 7,
		"":                                    0,
		"well once a long time tom's dog run": 5. / 7,
	} {
		if got := Found(strings.Fields(heard), want); math.Abs(got-share) > 1e-9 {
			t.Errorf("Found(%q) = %.3f; want %.3f", heard, got, share)
		}
	}
}
