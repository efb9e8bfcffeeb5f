package testmodel

import (
	"bytes"
	"encoding/binary"
	"math"

	"duostoryteller/app/llama"
)

// Export returns c as version 1 or 2 of llama2.c's export.py, in the order that its
// version1_export and version2_export write. group is version 2's group size, and is
// left out of version 1.
func Export(c *llama.Checkpoint, version, group int) []byte {
	var out bytes.Buffer
	put := func(v any) { binary.Write(&out, binary.LittleEndian, v) }
	put(uint32(0x616b3432))
	put([]int32{int32(version), int32(c.Dim), int32(c.HiddenDim), int32(c.Layers), int32(c.Heads), int32(c.KVHeads), int32(c.VocabSize), int32(c.SeqLen)})
	put(c.SharedClassifier)
	if version == 2 {
		put(int32(group))
	}
	out.Write(make([]byte, 256-out.Len()))
	put(c.RMSAtt)
	put(c.RMSFFN)
	put(c.RMSFinal)
	for _, m := range matrices(c) {
		for i := range m.n {
			part := m.weights[len(m.weights)/m.n*i:][:len(m.weights)/m.n]
			if version == 1 {
				put(part)
				continue
			}
			quantized, scales := quantize(part, group)
			put(quantized)
			put(scales)
		}
	}
	return out.Bytes()
}

// Rounded returns what version 2 leaves of c: every weight rounded to 8 bits and back.
func Rounded(c *llama.Checkpoint, group int) *llama.Checkpoint {
	r := &llama.Checkpoint{Header: llama.Header{Config: c.Config}, RMSAtt: c.RMSAtt, RMSFFN: c.RMSFFN, RMSFinal: c.RMSFinal}
	to := []*[]float32{&r.TokenEmbedding, &r.WQ, &r.WK, &r.WV, &r.WO, &r.W1, &r.W2, &r.W3, &r.Classifier}
	for i, m := range matrices(c) {
		quantized, scales := quantize(m.weights, group)
		for j, q := range quantized {
			*to[i] = append(*to[i], float32(q)*scales[j/group])
		}
	}
	if c.SharedClassifier {
		r.Classifier = r.TokenEmbedding
	}
	return r
}

type matrix struct {
	weights []float32
	n       int // matrices in it
}

func matrices(c *llama.Checkpoint) []matrix {
	l := c.Layers
	list := []matrix{{c.TokenEmbedding, 1}, {c.WQ, l}, {c.WK, l}, {c.WV, l}, {c.WO, l}, {c.W1, l}, {c.W2, l}, {c.W3, l}}
	if !c.SharedClassifier {
		list = append(list, matrix{c.Classifier, 1})
	}
	return list
}

// quantize is export.py's quantize_q80: groups of weights from -127 to 127 and a scale.
func quantize(w []float32, group int) (quantized []int8, scales []float32) {
	for g := 0; g < len(w); g += group {
		largest := float32(0)
		for _, v := range w[g : g+group] {
			largest = max(largest, float32(math.Abs(float64(v))))
		}
		scale := largest / 127
		scales = append(scales, scale)
		for _, v := range w[g : g+group] {
			q := int8(0)
			if scale > 0 {
				q = int8(math.RoundToEven(float64(v / scale)))
			}
			quantized = append(quantized, q)
		}
	}
	return quantized, scales
}
