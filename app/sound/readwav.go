package sound

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxWAV bounds a recording that is read into memory, in bytes.
const maxWAV = 64 << 20

// ReadWAV reads a recording of 16-bit PCM, any rate and number of channels, as
// mono: the mean of the channels.
func ReadWAV(path string) (hz int, samples []int16, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxWAV))
	if err == nil {
		hz, samples, err = ParseWAV(data)
	}
	if err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
	return hz, samples, nil
}

// ParseWAV reads the contents of such a file.
func ParseWAV(data []byte) (hz int, samples []int16, err error) {
	if len(data) < 12 || string(data[:4]) != "RIFF" || string(data[8:12]) != "WAVE" {
		return 0, nil, errors.New("not a WAV file")
	}
	le, channels := binary.LittleEndian, 0
	for data = data[12:]; len(data) >= 8; {
		kind, n := string(data[:4]), int(le.Uint32(data[4:]))
		data = data[8:]
		n = min(n, len(data)) // a file cut short has what it has
		switch kind {
		case "fmt ":
			if n < 16 || le.Uint16(data[14:]) != 16 {
				return 0, nil, errors.New("not 16-bit PCM")
			}
			channels, hz = int(le.Uint16(data[2:])), int(le.Uint32(data[4:]))
			if channels < 1 || channels > 32 || hz < 4000 || hz > 192000 {
				return 0, nil, fmt.Errorf("%d channels at %d Hz", channels, hz)
			}
		case "data":
			if channels == 0 {
				return 0, nil, errors.New("samples before their format")
			}
			raw := make([]int16, n/2)
			for i := range raw {
				raw[i] = int16(le.Uint16(data[2*i:]))
			}
			return hz, mix(nil, raw, channels), nil
		}
		data = data[min(len(data), n+n%2):]
	}
	return 0, nil, errors.New("a WAV file without samples")
}

// mix appends the mean of the channels to dst.
func mix(dst, raw []int16, channels int) []int16 {
	for ; len(raw) >= channels; raw = raw[channels:] {
		sum := 0
		for _, s := range raw[:channels] {
			sum += int(s)
		}
		dst = append(dst, int16(sum/channels))
	}
	return dst
}
