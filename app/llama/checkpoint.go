package llama

import (
	"errors"
	"fmt"
	"io"
	"os"
	"unsafe"

	"duostoryteller/app/memory"
)

// Checkpoint is a model as one of llama2.c's exports has it, in memory as float32.
// The slices are row-major, named as in run.c; a layer's part is the l-th of Layers
// equal pieces. They die with Close.
//
// Versions 0 and 1 are mapped read-only: the slices are views of the file. Version 2
// has weights of 8 bits, of which float32 are made when it is opened. Its model is
// those float32 weights: the texts are what run.c tells with them, written as a legacy
// checkpoint. They are not runq.c's, which rounds what it multiplies them with, too.
type Checkpoint struct {
	Header

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

	data    []byte // what they are views of
	release func([]byte) error
}

// OpenCheckpoint opens the checkpoint at path. Bytes beyond what the header
// asks for are ignored, as run.c does; too few are an error.
func OpenCheckpoint(path string) (*Checkpoint, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	defer f.Close()
	c, err := openCheckpoint(f)
	if err != nil {
		return nil, fmt.Errorf("checkpoint %s: %w", path, err)
	}
	return c, nil
}

func openCheckpoint(f *os.File) (*Checkpoint, error) {
	head := make([]byte, headerSizeAK42)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	header, err := ParseHeader(head[:n])
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	want := header.FileSize()
	if info.Size() < want {
		return nil, fmt.Errorf("truncated: its header asks for %d bytes, the file has %d", want, info.Size())
	}
	mapped, err := memory.Map(f, int(want))
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes: %w", want, err)
	}
	return newCheckpoint(header, mapped, memory.Unmap)
}

// ReadCheckpoint returns the checkpoint whose file is in memory. Its weights are views of
// data, which must begin where a float32 can.
func ReadCheckpoint(data []byte) (*Checkpoint, error) {
	header, err := ParseHeader(data[:min(len(data), headerSizeAK42)])
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	want := header.FileSize()
	if int64(len(data)) < want {
		return nil, fmt.Errorf("checkpoint: truncated: its header asks for %d bytes, there are %d", want, len(data))
	}
	c, err := newCheckpoint(header, data[:want], func([]byte) error { return nil })
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	return c, nil
}

// newCheckpoint takes data over: it is released with the checkpoint, or at once.
func newCheckpoint(header Header, data []byte, release func([]byte) error) (*Checkpoint, error) {
	c := &Checkpoint{Header: header, data: data, release: release}
	switch header.Version {
	case 0:
		c.sliceLegacy(floatsOf(data[HeaderSize:]))
	case 1:
		c.sliceVersion1(floatsOf(data[headerSizeAK42:]))
	case 2:
		var err error
		c.data, err = c.dequantize(data[headerSizeAK42:])
		c.release = memory.Free
		if err := errors.Join(err, release(data)); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// weights takes tensors off a piece of memory.
type weights []float32

// floatsOf views data as float32. The machine is assumed to be little-endian, as
// every one that this program is built for is.
func floatsOf(data []byte) weights {
	return unsafe.Slice((*float32)(unsafe.Pointer(&data[0])), len(data)/4)
}

func (w *weights) take(sizes ...int) []float32 {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	head := (*w)[:n:n]
	*w = (*w)[n:]
	return head
}

// sliceLegacy points the weights at their places in a legacy file: after the header,
// little-endian float32 in the order of the fields, two rotary tables that nothing
// reads any more, and the classifier if it is not the token embedding.
func (c *Checkpoint) sliceLegacy(rest weights) {
	dim, kvDim := c.Dim, c.KVDim()
	c.TokenEmbedding = rest.take(c.VocabSize, dim)
	c.RMSAtt = rest.take(c.Layers, dim)
	c.WQ = rest.take(c.Layers, dim, dim)
	c.WK = rest.take(c.Layers, kvDim, dim)
	c.WV = rest.take(c.Layers, kvDim, dim)
	c.WO = rest.take(c.Layers, dim, dim)
	c.RMSFFN = rest.take(c.Layers, dim)
	c.W1 = rest.take(c.Layers, c.HiddenDim, dim)
	c.W2 = rest.take(c.Layers, dim, c.HiddenDim)
	c.W3 = rest.take(c.Layers, c.HiddenDim, dim)
	c.RMSFinal = rest.take(dim)
	rest.take(c.ropeLen())
	c.Classifier = c.TokenEmbedding
	if !c.SharedClassifier {
		c.Classifier = rest.take(c.VocabSize, dim)
	}
}

// sliceVersion1 does so for version 1: the norms come first, and there are no rotary
// tables.
func (c *Checkpoint) sliceVersion1(rest weights) {
	c.RMSAtt = rest.take(c.Layers, c.Dim)
	c.RMSFFN = rest.take(c.Layers, c.Dim)
	c.RMSFinal = rest.take(c.Dim)
	c.TokenEmbedding = rest.take(c.VocabSize, c.Dim)
	c.WQ = rest.take(c.Layers, c.Dim, c.Dim)
	c.WK = rest.take(c.Layers, c.KVDim(), c.Dim)
	c.WV = rest.take(c.Layers, c.KVDim(), c.Dim)
	c.WO = rest.take(c.Layers, c.Dim, c.Dim)
	c.W1 = rest.take(c.Layers, c.HiddenDim, c.Dim)
	c.W2 = rest.take(c.Layers, c.Dim, c.HiddenDim)
	c.W3 = rest.take(c.Layers, c.HiddenDim, c.Dim)
	c.Classifier = c.TokenEmbedding
	if !c.SharedClassifier {
		c.Classifier = rest.take(c.VocabSize, c.Dim)
	}
}

// Close gives the memory back. Nothing may use the weights afterwards.
func (c *Checkpoint) Close() error {
	if c.data == nil {
		return nil
	}
	data := c.data
	c.data = nil
	return c.release(data)
}
