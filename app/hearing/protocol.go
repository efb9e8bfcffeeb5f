package hearing

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"
)

// The protocol between the storyteller and the recogniser, little-endian.
//
// A request: "PCM ", the number of bytes (uint32), and as many bytes of mono
// int16 samples at Rate. The reply is a run of frames of package subprocess:
//
//	"WORD"   a segment of the grammar's words
//	"PHON"   a segment of the phones that fit best, whatever the words
//	"END "   uint64, processor time in nanoseconds; ends the reply
//	"ERR "   a line of text; ends the reply
//
// A segment is a line of text: its name, the first and the last frame of 10 ms,
// and its acoustic score, the logarithm of a likelihood relative to the best
// state of each frame.

// segment is a part of an utterance.
type segment struct {
	name        string
	first, last int // frames
	score       float64
}

func (s segment) frames() int { return s.last - s.first + 1 }

// reply is what the recogniser says of an utterance.
type reply struct {
	words, phones []segment
	compute       time.Duration
	ended         bool
}

func request(samples []int16) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("PCM "), uint32(2*len(samples)))
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// maxSegments bounds a reply: a frame each, twice.
const maxSegments = 2 * MaxSamples / (Rate / 100)

// maxScore is far beyond that of any segment; sums of such are still numbers.
const maxScore = 1e12

// add takes in a frame of the reply.
func (r *reply) add(kind string, payload []byte) error {
	switch kind {
	case "WORD", "PHON":
		var s segment
		if n, err := fmt.Sscanf(string(payload), "%s %d %d %g", &s.name, &s.first, &s.last, &s.score); n != 4 || err != nil ||
			!(math.Abs(s.score) <= maxScore) || s.first < 0 || s.last < s.first-1 || s.last > MaxSamples/(Rate/100) || len(r.words)+len(r.phones) == maxSegments {
			return fmt.Errorf("it sent a segment %.80q", payload)
		}
		if kind == "WORD" {
			r.words = append(r.words, s)
		} else {
			r.phones = append(r.phones, s)
		}
	case "END ":
		if len(payload) != 8 {
			return fmt.Errorf("it sent a frame %q of %d bytes", kind, len(payload))
		}
		r.compute = max(0, time.Duration(binary.LittleEndian.Uint64(payload)))
		r.ended = true
	case "ERR ":
		return errors.New(string(payload))
	default:
		return fmt.Errorf("it sent a frame %q of %d bytes", kind, len(payload))
	}
	return nil
}
