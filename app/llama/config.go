package llama

import (
	"bytes"
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

// HeaderSize is the length in bytes of a legacy checkpoint's header: seven
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

// Header is what a checkpoint's first bytes say of it.
type Header struct {
	Config
	// Version is export.py's: 0 for the legacy format, 1 for float32 behind a longer
	// header, 2 for weights of 8 bits.
	Version int
	// GroupSize is how many weights share a scale in version 2.
	GroupSize int
}

// Versions 1 and 2 have a header of 256 bytes: "ak42" as a little-endian 32-bit
// integer, the version, the legacy header's seven integers, a byte that is 1 if the
// classifier is shared, in version 2 the group size, not aligned, and zeros
// (version1_export and version2_export of export.py, karpathy/llama2.c).
const (
	magicAK42      = "24ka"
	headerSizeAK42 = 256
)

// ParseHeader reads the beginning of a checkpoint: its first 256 bytes, or all that
// the file has. The error says which field cannot be right, or which other kind of
// file this is.
func ParseHeader(head []byte) (Header, error) {
	if !bytes.HasPrefix(head, []byte(magicAK42)) {
		if err := checkForeign(head); err != nil {
			return Header{}, err
		}
		c, err := ParseConfig(head)
		return Header{Config: c}, err
	}
	if len(head) < headerSizeAK42 {
		return Header{}, fmt.Errorf("truncated: a header of \"ak42\" has %d bytes, the file has %d", headerSizeAK42, len(head))
	}
	h := Header{Version: int(int32(binary.LittleEndian.Uint32(head[4:])))}
	if h.Version != 1 && h.Version != 2 {
		return Header{}, fmt.Errorf("a checkpoint of llama2.c's \"ak42\" format, version %d: versions 1 and 2 are read, and the legacy one, 0", h.Version)
	}
	h.Config = parseFields(head[8:])
	at := 8 + HeaderSize
	shared := head[at]
	at++
	if h.Version == 2 {
		h.GroupSize = int(int32(binary.LittleEndian.Uint32(head[at:])))
		at += 4
	}
	h.SharedClassifier = shared != 0
	if err := h.Validate(); err != nil {
		return Header{}, err
	}
	switch {
	case shared > 1:
		return Header{}, fmt.Errorf("header damaged: its shared classifier flag is %d, not 0 or 1", shared)
	case h.Version == 2 && (h.GroupSize < 1 || h.Dim%h.GroupSize != 0):
		return Header{}, fmt.Errorf("header damaged: dim %d is not a multiple of its group size %d", h.Dim, h.GroupSize)
	}
	for i, b := range head[at:headerSizeAK42] {
		if b != 0 {
			return Header{}, fmt.Errorf("header damaged, or of an export that is not known here: byte %d is %#x, not 0", at+i, b)
		}
	}
	return h, nil
}

// FileSize is how many bytes a checkpoint with this header has.
func (h Header) FileSize() int64 {
	if h.Version == 0 {
		return h.Config.FileSize()
	}
	weights := h.Weights()
	if h.Version == 1 {
		return headerSizeAK42 + 4*weights
	}
	norms := int64(2*h.Layers+1) * int64(h.Dim)
	return headerSizeAK42 + 4*norms + (weights - norms) + 4*((weights-norms)/int64(h.GroupSize))
}

// ParseConfig reads a legacy checkpoint's header. A negative vocabulary size in the
// file means that a separate classifier follows the other weights. The error
// says which field cannot be right.
func ParseConfig(header []byte) (Config, error) {
	if len(header) < HeaderSize {
		return Config{}, fmt.Errorf("truncated: a header has %d bytes, the file has %d", HeaderSize, len(header))
	}
	c := parseFields(header)
	c.SharedClassifier = true
	if c.VocabSize < 0 {
		c.VocabSize, c.SharedClassifier = -c.VocabSize, false
	}
	return c, c.Validate()
}

// AppendHeader appends the legacy checkpoint's header, which [ParseConfig] reads.
func (c Config) AppendHeader(b []byte) []byte {
	vocab := c.VocabSize
	if !c.SharedClassifier {
		vocab = -vocab
	}
	for _, v := range []int{c.Dim, c.HiddenDim, c.Layers, c.Heads, c.KVHeads, vocab, c.SeqLen} {
		b = binary.LittleEndian.AppendUint32(b, uint32(int32(v)))
	}
	return b
}

// parseFields reads the seven integers that all headers have.
func parseFields(b []byte) Config {
	field := func(i int) int { return int(int32(binary.LittleEndian.Uint32(b[4*i:]))) }
	return Config{Dim: field(0), HiddenDim: field(1), Layers: field(2), Heads: field(3), KVHeads: field(4), VocabSize: field(5), SeqLen: field(6)}
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

// FileSize is how many bytes a legacy checkpoint of this shape has, header included.
func (c Config) FileSize() int64 { return HeaderSize + 4*(c.Weights()+int64(c.ropeLen())) }

// Weights is how many numbers a model of this shape learned.
func (c Config) Weights() int64 {
	d, h, l, kv, v := int64(c.Dim), int64(c.HiddenDim), int64(c.Layers), int64(c.KVDim()), int64(c.VocabSize)
	perLayer := 2*d + 2*d*d + 2*d*kv + 3*d*h
	n := v*d + l*perLayer + d
	if !c.SharedClassifier {
		n += v * d
	}
	return n
}
