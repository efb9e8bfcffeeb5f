package engine

import (
	"fmt"
	"math"

	"duostoryteller/app/llama"
)

// Perplexity is the engine's surprise at a text: exp of the mean of -log p over
// all tokens but the first, p the probability, at temperature 1, that it gives
// each after those before it. All rows of the classifier are read for each. A
// story that is being told must be started anew afterwards.
func (e *Engine) Perplexity(tokens []int) (float64, error) {
	c := e.model.Config
	if err := llama.CheckPrompt(c, tokens); err != nil {
		return 0, err
	}
	if len(tokens) < 2 || len(tokens) > c.SeqLen {
		return 0, fmt.Errorf("perplexity of %d tokens: the model takes 2 to %d", len(tokens), c.SeqLen)
	}
	if err := e.waitAll(); err != nil {
		return 0, err
	}
	logits, loss := make([]float32, c.VocabSize), 0.0
	for pos := 0; pos+1 < len(tokens); pos += e.batch {
		n := min(e.batch, len(tokens)-1-pos)
		if err := e.layers(e.inputs, tokens[pos:pos+n], pos); err != nil {
			return 0, err
		}
		for p := range n {
			if err := e.rows.All(logits, e.inputs[p*c.Dim:(p+1)*c.Dim]); err != nil {
				return 0, err
			}
			loss += surprise(logits, tokens[pos+p+1])
		}
	}
	return math.Exp(loss / float64(len(tokens)-1)), nil
}

// surprise is -log of a token's probability.
func surprise(logits []float32, token int) float64 { return logSum(logits) - float64(logits[token]) }
