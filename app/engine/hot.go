package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// Pack builds the packed form of a checkpoint, with those rows of the classifier
// kept in memory that the model itself finds most likely, in all, while it tells
// that many tokens of its own stories, and those that stand out most. The fast engine's
// layers are left out if the draft's are as good. It gives the same bytes on every
// machine.
func Pack(c *llama.Checkpoint, set *arith.Set, tokens int) (*packed.Model, error) {
	m, err := packed.Pack(c, func(m *packed.Model) ([]int32, error) {
		rows, err := findHot(m, c, set, tokens)
		if err == nil {
			// A few stories do not show all words that the model knows. One that it
			// does is unlike the many that it never learnt, and left among those it
			// would spoil the bound that they have in common.
			standOut(rows[len(m.Head.Rows)*3/4:], c)
		}
		return rows, err
	})
	if err != nil {
		return nil, err
	}
	loss, err := draftLoss(m, c, set, min(tokens, lossTokens))
	if err == nil && loss <= mostLoss {
		err = m.DropFast()
	}
	if err != nil {
		m.Close()
		return nil, fmt.Errorf("cannot pack the checkpoint: %w", err)
	}
	return m, nil
}

// standOut orders rows of the classifier by how far they are from the mean of all,
// the farthest first.
func standOut(rows []int32, c *llama.Checkpoint) {
	mean := make([]float64, c.Dim)
	for i, v := range c.Classifier {
		mean[i%c.Dim] += float64(v) / float64(c.VocabSize)
	}
	far := make([]float64, c.VocabSize)
	for r := range far {
		for i, v := range c.Classifier[r*c.Dim:][:c.Dim] {
			d := float64(v) - mean[i]
			far[r] += float64(d * d)
		}
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(far[b], far[a]) })
}

// findHot tells stories at temperature 1 and returns the rows, those with the
// largest sum of probabilities first.
func findHot(m *packed.Model, c *llama.Checkpoint, set *arith.Set, tokens int) ([]int32, error) {
	e, err := newOver(m, c, set, Options{Positions: 1})
	if err != nil {
		return nil, err
	}
	likely := &sumOfProbabilities{e.rows, make([]float32, m.Config.VocabSize), make([]float64, m.Config.VocabSize)}
	for seed := uint64(1); tokens > 0; seed++ {
		s := llama.NewSampler(m.Config.VocabSize, 1, 0, seed)
		if err := e.Start([]int{llama.BOS}, s); err != nil {
			return nil, err
		}
		e.token = llama.BOS
		for e.pos < m.Config.SeqLen && tokens > 0 {
			if err := e.forward(e.inputs, []int{e.token}, e.pos, false); err != nil {
				return nil, err
			}
			if e.token, err = likely.sample(e.inputs[:m.Config.Dim], s); err != nil {
				return nil, err
			}
			e.pos++
			tokens--
			if e.token == llama.BOS {
				break
			}
		}
	}
	rows := make([]int32, m.Config.VocabSize)
	for i := range rows {
		rows[i] = int32(i)
	}
	slices.SortStableFunc(rows, func(a, b int32) int { return cmp.Compare(likely.sums[b], likely.sums[a]) })
	return rows, nil
}

type sumOfProbabilities struct {
	rows   classifier.Rows
	logits []float32
	sums   []float64
}

func (s *sumOfProbabilities) sample(x []float32, sampler *llama.Sampler) (int, error) {
	if err := s.rows.All(s.logits, x); err != nil {
		return 0, err
	}
	token := sampler.Sample(s.logits)
	for i, p := range s.logits {
		if math.IsNaN(float64(p)) {
			return 0, fmt.Errorf("the model's probabilities are not numbers")
		}
		s.sums[i] += float64(p)
	}
	return token, nil
}
