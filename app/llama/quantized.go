package llama

import (
	"encoding/binary"
	"fmt"
	"math"

	"duostoryteller/app/memory"
)

// dequantize makes float32 of a version 2 checkpoint's weights, in memory that it
// returns. After the header the file has the norms as float32, then for each matrix of
// each layer its weights as int8, row after row, and a float32 scale for each group of
// GroupSize weights that follow each other. A weight is its int8 times its scale, rounded to float32 once, as
// export.py's quantize_q80 and runq.c's dequantize have it
// (https://github.com/karpathy/llama2.c).
func (c *Checkpoint) dequantize(data []byte) ([]byte, error) {
	size := c.Config.FileSize() - HeaderSize
	floats, err := memory.Take(int(size))
	if err != nil {
		return nil, fmt.Errorf("no memory for %d bytes of weights: %w", size, err)
	}
	c.sliceLegacy(floatsOf(floats))
	r := quantizedReader{data: data, group: c.GroupSize}
	for _, norm := range [][]float32{c.RMSAtt, c.RMSFFN, c.RMSFinal} {
		r.floats(norm)
	}
	r.matrices("token embedding", c.TokenEmbedding, 1)
	for _, m := range []struct {
		name    string
		weights []float32
	}{{"wq", c.WQ}, {"wk", c.WK}, {"wv", c.WV}, {"wo", c.WO}, {"w1", c.W1}, {"w2", c.W2}, {"w3", c.W3}} {
		r.matrices(m.name, m.weights, c.Layers)
	}
	if !c.SharedClassifier {
		r.matrices("classifier", c.Classifier, 1)
	}
	return floats, r.err
}

// quantizedReader reads the parts of a version 2 checkpoint one after the other.
type quantizedReader struct {
	data  []byte
	group int
	err   error // the first scale that cannot be one
}

func (r *quantizedReader) take(n int) []byte {
	head := r.data[:n]
	r.data = r.data[n:]
	return head
}

// floats reads float32 into dst. They may begin anywhere: int8 come before them.
func (r *quantizedReader) floats(dst []float32) {
	from := r.take(4 * len(dst))
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(from[4*i:]))
	}
}

// matrices reads n matrices of the same size into dst.
func (r *quantizedReader) matrices(name string, dst []float32, n int) {
	size := len(dst) / n
	scales := make([]float32, size/r.group)
	for layer := range n {
		quantized := r.take(size)
		r.floats(scales)
		out := dst[layer*size:][:size]
		for g, scale := range scales {
			if !(scale >= 0 && scale <= math.MaxFloat32) && r.err == nil {
				r.err = fmt.Errorf("damaged: scale %d of %s, layer %d, is %v; or it was written by an export.py older than runq.c, which had all scales at the end", g, name, layer, scale)
			}
			for i := g * r.group; i < (g+1)*r.group; i++ {
				out[i] = float32(int8(quantized[i])) * scale
			}
		}
	}
}
