package voice

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"time"
)

// The protocol between the storyteller and a voice program. All numbers are
// little-endian.
//
// A request, on the program's standard input:
//
//	"SAY1"   4 bytes
//	rate     uint32, thousandths of the voice's own
//	pitch    uint32, thousandths
//	volume   uint32, thousandths
//	n        uint32, at most MaxText
//	text     n bytes, UTF-8, no zero byte
//
// The reply is a run of frames of package subprocess:
//
//	"RATE"   uint32, samples a second of what follows; first in each reply
//	"PCM "   int16 samples, mono, as they are made
//	"END "   uint64, processor time in nanoseconds; ends the reply
//	"ERR "   a line of text; ends the reply, no END follows
//
// The program ends at the end of its input.

// MaxText is the longest text of one request, in bytes.
const MaxText = 1 << 16

type kind string

const (
	kindRate kind = "RATE"
	kindPCM  kind = "PCM "
	kindEnd  kind = "END "
	kindErr  kind = "ERR "
)

// frame is one frame of a reply; which field counts depends on the kind.
type frame struct {
	kind    kind
	hz      int
	samples []int16
	compute time.Duration
	text    string
}

// request forms the bytes of a request.
func request(text string, p Params) ([]byte, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("a text of %d bytes; a voice takes %d at once", len(text), MaxText)
	}
	b := []byte("SAY1")
	for _, f := range []float64{p.Rate, p.Pitch, p.Volume} {
		b = binary.LittleEndian.AppendUint32(b, uint32(math.Round(f*1000)))
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	return append(b, text...), nil
}

// parse reads the payload of a frame, samples into the memory of buf as far as they
// fit. A frame that no voice program sends is an error.
func parse(name string, b []byte, buf []int16) (frame, error) {
	f, n := frame{kind: kind(name)}, len(b)
	bad := fmt.Errorf("a frame %q of %d bytes", f.kind, n)
	switch f.kind {
	case kindRate:
		if n != 4 {
			return frame{}, bad
		}
		hz := binary.LittleEndian.Uint32(b)
		if hz < 4000 || hz > 192000 {
			return frame{}, fmt.Errorf("a rate of %d Hz", hz)
		}
		f.hz = int(hz)
	case kindPCM:
		if n%2 != 0 {
			return frame{}, bad
		}
		f.samples = slices.Grow(buf[:0], n/2)[:n/2]
		for i := range f.samples {
			f.samples[i] = int16(binary.LittleEndian.Uint16(b))
			b = b[2:]
		}
	case kindEnd:
		if n != 8 {
			return frame{}, bad
		}
		f.compute = time.Duration(binary.LittleEndian.Uint64(b))
		if f.compute < 0 {
			return frame{}, bad
		}
	case kindErr:
		f.text = string(b)
	default:
		return frame{}, bad
	}
	return f, nil
}
