package llama

import (
	"encoding/binary"
	"fmt"
)

// Config is the shape of a model, as the header of a llama2.c checkpoint gives it.
type Config struct {
	Dim       int // width of the residual stream
	HiddenDim int // width inside the feed-forward block
	Layers    int
	Heads     int // query heads
	KVHeads   int // key and value heads; Heads is a multiple of it
	VocabSize int
	SeqLen    int // longest context, in tokens

	// SharedClassifier says that the classifier is the token embedding.
	SharedClassifier bool
}

// HeaderSize is the length in bytes of a checkpoint's header: seven
// little-endian 32-bit integers.
const HeaderSize = 7 * 4

// The largest shape accepted. With these every product of sizes fits in 63
// bits, so a damaged header cannot overflow into a plausible one.
const (
	maxDim       = 1 << 16
	maxHiddenDim = 1 << 18
	maxLayers    = 1 << 10
	maxVocabSize = 1 << 20
	maxSeqLen    = 1 << 20
)

// HeadSize is the width of one attention head.
func (c Config) HeadSize() int { return c.Dim / c.Heads }

// KVDim is the width of all key (or value) heads together.
func (c Config) KVDim() int { return c.HeadSize() * c.KVHeads }

// ParseConfig reads a checkpoint's header. A negative vocabulary size in the
// file means that a separate classifier follows the other weights. The error
// says which field cannot be right, or which other kind of file this is.
func ParseConfig(header []byte) (Config, error) {
	if err := checkForeign(header); err != nil {
		return Config{}, err
	}
	if len(header) < HeaderSize {
		return Config{}, fmt.Errorf("header is %d bytes, want %d", len(header), HeaderSize)
	}
	field := func(i int) int { return int(int32(binary.LittleEndian.Uint32(header[4*i:]))) }
	c := Config{
		Dim: field(0), HiddenDim: field(1), Layers: field(2), Heads: field(3), KVHeads: field(4),
		VocabSize: field(5), SeqLen: field(6), SharedClassifier: true,
	}
	if c.VocabSize < 0 {
		c.VocabSize, c.SharedClassifier = -c.VocabSize, false
	}
	return c, c.Validate()
}

// Validate reports the first thing about the shape that cannot be right.
func (c Config) Validate() error {
	for _, f := range []struct {
		name       string
		value, max int
	}{
		{"dim", c.Dim, maxDim},
		{"hidden dim", c.HiddenDim, maxHiddenDim},
		{"layers", c.Layers, maxLayers},
		{"heads", c.Heads, c.Dim},
		{"key/value heads", c.KVHeads, c.Heads},
		{"vocabulary size", c.VocabSize, maxVocabSize},
		{"context length", c.SeqLen, maxSeqLen},
	} {
		if f.value < 1 || f.value > f.max {
			return fmt.Errorf("not a llama2.c checkpoint: %s %d is not in 1..%d", f.name, f.value, f.max)
		}
	}
	switch {
	case c.Dim%c.Heads != 0:
		return fmt.Errorf("not a llama2.c checkpoint: dim %d is not a multiple of %d heads", c.Dim, c.Heads)
	case c.Heads%c.KVHeads != 0:
		return fmt.Errorf("not a llama2.c checkpoint: %d heads are not a multiple of %d key/value heads", c.Heads, c.KVHeads)
	case c.HeadSize()%2 != 0:
		return fmt.Errorf("not a llama2.c checkpoint: head size %d is odd, rotary encoding needs pairs", c.HeadSize())
	}
	return nil
}

// ropeLen is how many values the two unused rotary tables of the format take.
func (c Config) ropeLen() int { return 2 * (c.SeqLen * c.HeadSize() / 2) }

// FileSize is how many bytes a checkpoint of this shape has, header included.
func (c Config) FileSize() int64 {
	d, h, l, kv, v := int64(c.Dim), int64(c.HiddenDim), int64(c.Layers), int64(c.KVDim()), int64(c.VocabSize)
	perLayer := 2*d + 2*d*d + 2*d*kv + 3*d*h
	n := v*d + l*perLayer + d + int64(c.ropeLen())
	if !c.SharedClassifier {
		n += v * d
	}
	return HeaderSize + 4*n
}
