package llama

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"duostoryteller/app/memory"
)

// Checkpoint is a model in llama2.c's legacy fp32 format, mapped read-only
// into memory. The slices are views of the file, row-major, named as in run.c;
// a layer's part is the l-th of Layers equal pieces. They die with Close.
//
// The format (export.py's version 0 of karpathy/llama2.c): the header that
// [ParseConfig] reads, then little-endian float32 in the order of the fields
// below, two rotary tables that nothing reads any more, and the classifier if
// it is not the token embedding.
type Checkpoint struct {
	Config

	TokenEmbedding []float32 // (vocab, dim)
	RMSAtt         []float32 // (layer, dim)
	WQ             []float32 // (layer, dim, dim)
	WK             []float32 // (layer, kvDim, dim)
	WV             []float32 // (layer, kvDim, dim)
	WO             []float32 // (layer, dim, dim)
	RMSFFN         []float32 // (layer, dim)
	W1             []float32 // (layer, hidden, dim)
	W2             []float32 // (layer, dim, hidden)
	W3             []float32 // (layer, hidden, dim)
	RMSFinal       []float32 // (dim)
	Classifier     []float32 // (vocab, dim); TokenEmbedding itself when shared

	mapped []byte
}

// OpenCheckpoint maps the checkpoint at path. Bytes beyond what the header
// asks for are ignored, as run.c does; too few are an error.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	header := make([]byte, HeaderSize)
	if n, err := io.ReadFull(f, header); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			if err := checkForeign(header[:n]); err != nil {
				return nil, fmt.Errorf("checkpoint %s: %w", path, err)
			}
			return nil, fmt.Errorf("checkpoint %s: truncated: a header has %d bytes, the file has %d", path, HeaderSize, n)
		}
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	config, err := ParseConfig(header)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	want := config.FileSize()
	if info.Size() < want {
		return nil, fmt.Errorf("checkpoint %s: truncated: its header asks for %d bytes, the file has %d", path, want, info.Size())
	}
	mapped, err := memory.Map(f, int(want))
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: cannot map %d bytes: %w", path, want, err)
	}
	c := &Checkpoint{Config: config, mapped: mapped}
	c.slice(mapped[HeaderSize:])
	return c, nil
}

// slice points the weights at their places in data. The machine is assumed to
// be little-endian, as every one that this program is built for is.
func (c *Checkpoint) slice(data []byte) {
	rest := unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4)
	take := func(sizes ...int) []float32 {
		n := 1
		for _, s := range sizes {
			n *= s
		}
		head := rest[:n:n]
		rest = rest[n:]
		return head
	}
	dim, kvDim := c.Dim, c.KVDim()
	c.TokenEmbedding = take(c.VocabSize, dim)
	c.RMSAtt = take(c.Layers, dim)
	c.WQ = take(c.Layers, dim, dim)
	c.WK = take(c.Layers, kvDim, dim)
	c.WV = take(c.Layers, kvDim, dim)
	c.WO = take(c.Layers, dim, dim)
	c.RMSFFN = take(c.Layers, dim)
	c.W1 = take(c.Layers, c.HiddenDim, dim)
	c.W2 = take(c.Layers, dim, c.HiddenDim)
	c.W3 = take(c.Layers, c.HiddenDim, dim)
	c.RMSFinal = take(dim)
	take(c.ropeLen())
	c.Classifier = c.TokenEmbedding
	if !c.SharedClassifier {
		c.Classifier = take(c.VocabSize, dim)
	}
}

// Close unmaps the file. Nothing may use the weights afterwards.
func (c *Checkpoint) Close() error {
	if c.mapped == nil {
		return nil
	}
	mapped := c.mapped
	c.mapped = nil
	return memory.Unmap(mapped)
}
