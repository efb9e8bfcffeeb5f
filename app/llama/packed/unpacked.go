package packed

import (
	"sync"

	"duostoryteller/app/llama"
	"duostoryteller/app/machine"
)

// Unpacked returns c as a model that has nothing but its norms and exact rows, ready
// for use: it takes no memory of its own. A machine that could not keep what each token
// reads is refused: it would read the card again for every token.
func Unpacked(c *llama.Checkpoint) (*Model, error) {
	l, err := newLayout(c.Config, c.VocabSize, false)
	if err != nil {
		return nil, err
	}
	if err := checkMemory(l.unpackedMemory(), machine.ReadMemory); err != nil {
		return nil, err
	}
	m := &Model{
		Config: c.Config, FinalNorm: c.RMSFinal, Layers: make([]Layer, c.Layers),
		Embedding: memoryRows{c.TokenEmbedding, c.Dim}, Classifier: memoryRows{c.Classifier, c.Dim},
		layout: l, ready: l.rows(),
	}
	m.arrived = sync.NewCond(&m.mu)
	for i := range m.Layers {
		m.Layers[i].AttNorm = c.RMSAtt[i*c.Dim:][:c.Dim]
		m.Layers[i].FFNNorm = c.RMSFFN[i*c.Dim:][:c.Dim]
	}
	return m, nil
}
