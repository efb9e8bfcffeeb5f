// Package convert makes llama2.c's legacy checkpoint and tokenizer.bin of the models
// that people have in other forms.
package convert

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"

	"duostoryteller/app/llama"
)

// Legacy writes c as llama2.c's legacy checkpoint, which run.c reads. The rotary tables
// of the format, which run.c skips, are written all the same: older programs read them.
func Legacy(w io.Writer, c *llama.Checkpoint) error {
	out := bufio.NewWriterSize(w, 1<<20)
	out.Write(c.AppendHeader(nil))
	cos, sin := llama.Rotary(c.Config, llama.Strict)
	parts := [][]float32{c.TokenEmbedding, c.RMSAtt, c.WQ, c.WK, c.WV, c.WO, c.RMSFFN, c.W1, c.W2, c.W3, c.RMSFinal, cos, sin}
	if !c.SharedClassifier {
		parts = append(parts, c.Classifier)
	}
	var number [4]byte
	for _, part := range parts {
		for _, v := range part {
			binary.LittleEndian.PutUint32(number[:], math.Float32bits(v))
			if _, err := out.Write(number[:]); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}
