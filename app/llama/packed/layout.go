package packed

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
)

// Magic begins a packed checkpoint; no llama2.c checkpoint begins so.
const Magic = "DUOSTORY"

const (
	// Version is of the format and of what [Pack] makes of a checkpoint: whoever
	// changes either raises it.
	Version  = 6
	pageSize = 4096

	// HugePage is what the memory of a model is aligned to.
	HugePage = 2 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Bits a weight of the fast engine's layers: its own, or the draft's.
const (
	fastBits  = 7
	draftBits = 4
)

// section is one stretch of the file.
type section struct {
	name           string
	offset, length int64
	crc            uint32
	memory         int64 // where it is kept in memory; 0 if it is not
}

// Use says what a model is loaded for: which sections are kept in memory.
type Use int

const (
	// Exact is run.c's words: the float32 layers, and their draft.
	Exact Use = iota
	// Fast is the fast layers instead of both, or the draft's if there are none.
	Fast
	// Streamed is run.c's words with the draft in memory alone: the float32 layers are
	// read from the file for each pass through them.
	Streamed
	// Narrow is Fast by the draft's layers, where there is no memory for the fast ones.
	Narrow
	// Partial is Narrow with only some of those layers in memory: the others are read
	// from the file for each pass.
	Partial
	whole // for the file to be written
)

// layout is where everything lies for one shape.
type layout struct {
	config   llama.Config
	hot      int
	hasFast  bool // there are layers for the fast engine beside the draft's
	sections []section
	use      Use
	drafts   int   // how many of the draft's layers are kept, of Partial
	resident int64 // bytes of memory
}

// Indices of sections; those of the layers follow each other.
func (l *layout) hotRows() int   { return 1 }
func (l *layout) fast(i int) int { return 2 + i }
func (l *layout) layer(i int) int {
	if l.hasFast {
		i += l.config.Layers
	}
	return 2 + i
}
func (l *layout) screen() int     { return l.layer(l.config.Layers) }
func (l *layout) head() int       { return l.screen() + 1 }
func (l *layout) draft(i int) int { return l.head() + 1 + i }
func (l *layout) rows() int       { return l.draft(l.config.Layers) }
func (l *layout) embed() int      { return l.rows() + 1 }

// hasRemainder says whether there is a remainder: it is the last section.
func (l *layout) hasRemainder() bool { return l.hot < l.config.VocabSize }
func (l *layout) remainder() int     { return len(l.sections) - 1 }

// kept says whether section i is kept in memory.
func (l *layout) kept(i int) bool {
	fast := l.hasFast && i >= l.fast(0) && i < l.layer(0)
	switch {
	case i >= l.rows():
		return false
	case fast:
		return l.use == Fast || l.use == whole
	case i >= l.layer(0) && i < l.screen():
		return l.use == Exact || l.use == whole
	case i >= l.draft(0) && l.use == Partial:
		return i < l.draft(l.drafts)
	case i >= l.draft(0):
		return l.use != Fast || !l.hasFast
	default:
		return true
	}
}

// place gives the kept sections their places in memory: behind the room of the
// header, in the file's order.
func (l *layout) place(use Use) {
	l.use, l.resident = use, pageSize
	for i := range l.sections {
		s := &l.sections[i]
		s.memory = 0
		if l.kept(i) {
			s.memory = l.resident
			l.resident += pages(s.length)
		}
	}
}

// pages is a length in whole pages.
func pages(length int64) int64 { return (length + pageSize - 1) / pageSize * pageSize }

// matrix is the shape of one of a layer's four products.
type matrix struct{ n, d int }

func matrices(c llama.Config) [4]matrix {
	return [4]matrix{
		{c.Dim, c.Dim + 2*c.KVDim()},
		{c.Dim, c.Dim},
		{c.Dim, 2 * c.HiddenDim},
		{c.HiddenDim, c.Dim},
	}
}

func newLayout(c llama.Config, hot int, hasFast bool) (*layout, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if hot < 1 || hot > c.VocabSize {
		return nil, fmt.Errorf("%d hot rows of %d", hot, c.VocabSize)
	}
	l := &layout{config: c, hot: hot, hasFast: hasFast}
	at := int64(pageSize)
	add := func(name string, length int64) {
		l.sections = append(l.sections, section{name: name, offset: at, length: length})
		at += pages(length)
	}
	dim, vocab := int64(c.Dim), int64(c.VocabSize)
	add("final", 4*(dim+int64(hot)))
	add("hot", 4*int64(hot)*dim)
	norms := 2 * dim * 4
	layer, fast, draft := norms, norms, norms
	for _, m := range matrices(c) {
		layer += 4 * int64(arith.PackedF32Len(m.n, m.d))
		fast += 4*int64(m.d) + int64(arith.PackedI8Len(m.n, m.d))
		draft += 4*int64(m.d) + int64(arith.PackedI4Len(m.n, m.d))
	}
	for i := range c.Layers {
		if hasFast {
			add(fmt.Sprintf("fast layer %d", i), fast)
		}
	}
	for i := range c.Layers {
		add(fmt.Sprintf("layer %d", i), layer)
	}
	add("screen", 4*(dim+classifier.NumLimits+4*classifier.NumGroups+3*vocab)+int64(arith.PackedI4Len(c.Dim, c.VocabSize)))
	add("head", 3*4*int64(hot)+int64(arith.PackedI8Len(c.Dim, hot)))
	for i := range c.Layers {
		add(fmt.Sprintf("draft %d", i), draft)
	}
	add("rows", vocab*(4*dim+sumSize))
	if !c.SharedClassifier {
		add("embed", vocab*(4*dim+sumSize))
	}
	if l.hasRemainder() {
		add("remainder", remainderLen(c))
	}
	if l.headerLen() > pageSize {
		return nil, fmt.Errorf("%d layers are more than a packed checkpoint can list", c.Layers)
	}
	return l, nil
}

const fixedHeader = 8 + 4 + llama.HeaderSize + 4 + 4 + 4

func (l *layout) headerLen() int { return fixedHeader + 12*len(l.sections) + 4 }

// header is the file's first page.
func (l *layout) header() []byte {
	b := make([]byte, 0, pageSize)
	le := binary.LittleEndian
	b = append(b, Magic...)
	b = le.AppendUint32(b, Version)
	b = l.config.AppendHeader(b)
	bits := draftBits
	if l.hasFast {
		bits = fastBits
	}
	for _, v := range []int{l.hot, bits, len(l.sections)} {
		b = le.AppendUint32(b, uint32(int32(v)))
	}
	for _, s := range l.sections {
		b = le.AppendUint64(b, uint64(s.length))
		b = le.AppendUint32(b, s.crc)
	}
	b = le.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return b[:pageSize]
}

// parseHeader reads the first page of a file.
func parseHeader(b []byte) (*layout, error) {
	le := binary.LittleEndian
	if len(b) < fixedHeader || string(b[:8]) != Magic {
		return nil, fmt.Errorf("not a packed checkpoint")
	}
	if v := le.Uint32(b[8:]); v != Version {
		return nil, fmt.Errorf("packed checkpoint of version %d, this program reads version %d: build the card again", v, Version)
	}
	config, err := llama.ParseConfig(b[12:])
	if err != nil {
		return nil, fmt.Errorf("header damaged: %w", err)
	}
	bits := le.Uint32(b[12+llama.HeaderSize+4:])
	if bits != draftBits && bits != fastBits {
		return nil, fmt.Errorf("header damaged: layers of %d bits a weight", bits)
	}
	l, err := newLayout(config, int(int32(le.Uint32(b[12+llama.HeaderSize:]))), bits == fastBits)
	if err != nil {
		return nil, fmt.Errorf("header damaged: %w", err)
	}
	end := l.headerLen() - 4
	if len(b) < end+4 || le.Uint32(b[end:]) != crc32.Checksum(b[:end], castagnoli) ||
		int(le.Uint32(b[fixedHeader-4:])) != len(l.sections) {
		return nil, fmt.Errorf("header damaged: its checksum is wrong")
	}
	for i := range l.sections {
		s := &l.sections[i]
		at := b[fixedHeader+12*i:]
		if int64(le.Uint64(at)) != s.length {
			return nil, fmt.Errorf("header damaged: section %q has %d bytes, want %d", s.name, le.Uint64(at), s.length)
		}
		s.crc = le.Uint32(at[8:])
	}
	return l, nil
}
