package sound

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
)

func TestReadWAV(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	w, err := CreateWAV(path)
	if err != nil {
		t.Fatal(err)
	}
	want := []int16{0, 1, -1, 32767, -32768}
	w.Write(context.Background(), 22050, want)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if hz, got, err := ReadWAV(path); err != nil || hz != 22050 || !slices.Equal(got, want) {
		t.Errorf("ReadWAV = %d Hz, %v, %v; want 22050 Hz, %v", hz, got, err, want)
	}
}

func FuzzParseWAV(f *testing.F) {
	fmtChunk := "fmt \x10\x00\x00\x00\x01\x00\x02\x00\x80\x3e\x00\x00\x00\xfa\x00\x00\x04\x00\x10\x00"
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVE" + fmtChunk + "data\x08\x00\x00\x00\x01\x00\x03\x00\x05\x00\x07\x00"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEdata\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		hz, samples, err := ParseWAV(b)
		if err == nil && (hz < 4000 || hz > 192000 || 2*len(samples) > len(b)) {
			t.Errorf("%d Hz, %d samples of %d bytes", hz, len(samples), len(b))
		}
	})
}

func TestMix(t *testing.T) {
	for channels, want := range map[int][]int16{1: {10, 20, -30, 32767, 5}, 2: {15, 16368}, 4: {8191}} {
		if got := mix(nil, []int16{10, 20, -30, 32767, 5}, channels); !slices.Equal(got, want) {
			t.Errorf("mix of %d channels = %v; want %v", channels, got, want)
		}
	}
}
