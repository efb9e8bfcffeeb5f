package engine

import (
	"math"

	"duostoryteller/app/arith"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// The fast engine takes the draft's layers if they cost no more than that share of
// the loss; else it has layers of its own, of seven bits a weight.
const mostLoss = 0.01

// lossTokens are enough to tell: it is not words that are compared but, at every
// position, all their probabilities.
const lossTokens = 200

// draftLoss tells stories of the model's own at temperature 1 and returns how much
// larger, as a share, the cross entropy of the draft's probabilities is than the
// entropy of the exact ones: what log perplexity grows by.
func draftLoss(m *packed.Model, c *llama.Checkpoint, set *arith.Set, tokens int) (float64, error) {
	exact, err := newOver(m, c, set, Options{Positions: 1})
	if err != nil {
		return 0, err
	}
	draft, err := newOver(m, c, set, Options{Positions: 1})
	if err != nil {
		return 0, err
	}
	p, q := make([]float32, c.VocabSize), make([]float32, c.VocabSize)
	var entropy, lost float64
	for seed := uint64(1); tokens > 0; seed++ {
		s := llama.NewSampler(c.VocabSize, 1, 0, seed)
		token := llama.BOS
		for pos := 0; pos < c.SeqLen && tokens > 0; pos++ {
			for _, e := range []struct {
				*Engine
				logits []float32
				about  bool
			}{{exact, p, false}, {draft, q, true}} {
				if err := e.forward(e.inputs, []int{token}, pos, e.about); err != nil {
					return 0, err
				}
				if err := e.rows.All(e.logits, e.inputs[:c.Dim]); err != nil {
					return 0, err
				}
			}
			of, off := logSum(p), logSum(q)
			for i, z := range p {
				z := float64(z) - of
				weight := math.Exp(z)
				entropy -= weight * z
				lost += weight * (z - (float64(q[i]) - off))
			}
			token = s.Sample(p)
			tokens--
			if token == llama.BOS {
				break
			}
		}
	}
	return lost / entropy, nil
}

// logSum is the logarithm of the sum of the logits' exponentials.
func logSum(logits []float32) float64 {
	largest, sum := float64(logits[0]), 0.0
	for _, v := range logits {
		largest = max(largest, float64(v))
	}
	for _, v := range logits {
		sum += math.Exp(float64(v) - largest)
	}
	return largest + math.Log(sum)
}
