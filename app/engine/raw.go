package engine

import (
	"sync"
	"sync/atomic"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// raw is what an engine has that tells from a checkpoint as llama2.c has it: at
// once, one position after the other, because nothing that guesses is packed. The
// first tokens take the whole classifier; meanwhile an eight-bit one is made of it,
// which leaves few rows to look at. Once that is there, the words are the same.
type raw struct {
	checkpoint *llama.Checkpoint
	head       chan *classifier.Classifier // gets one, when it is made
	making     sync.WaitGroup
	stop       atomic.Bool
	logits     []float32 // (vocab)
}

// NewRaw returns an engine that tells run.c's words from c, which must stay open until
// the engine is closed. It needs an implementation that has a kernel for such weights
// to be fast; on the others it is right.
func NewRaw(c *llama.Checkpoint, set *arith.Set, o Options) (*Engine, error) {
	m, err := packed.Unpacked(c)
	if err != nil {
		return nil, err
	}
	if o.Arithmetic == llama.RISCV64Ofast {
		set = set.Fused()
	}
	e := &Engine{
		model: m, set: set, arithmetic: o.Arithmetic, loaded: true,
		raw:    &raw{checkpoint: c, head: make(chan *classifier.Classifier, 1), logits: make([]float32, c.VocabSize)},
		batch:  batch,
		state:  newState(c.Config, batch),
		inputs: make([]float32, batch*c.Dim),
		hints:  []int{-1},
		queue:  make([]int, 0, c.SeqLen+1),
	}
	e.cos, e.sin = llama.Rotary(c.Config, o.Arithmetic)
	e.takeRows(c)
	e.raw.making.Go(func() {
		screen, head := classifier.PackAll(c.Classifier, c.VocabSize, c.Dim, e.raw.stop.Load)
		if head != nil {
			e.raw.head <- classifier.New(set, screen, head, e.rows, nil, 1)
		}
	})
	return e, nil
}

// Raw says whether the engine tells from a checkpoint that is not packed.
func (e *Engine) Raw() bool { return e.raw != nil }

func (r *raw) close() {
	r.stop.Store(true)
	r.making.Wait()
}

// product multiplies k positions x by one of a layer's matrices.
func (e *Engine) rawProduct(dst []float32, l, which int, x []float32, k int) {
	c := e.raw.checkpoint
	n, d := e.model.Shape(which)
	dim, kv, hidden := c.Dim, c.KVDim(), c.HiddenDim
	at := 0
	multiply := func(all []float32, rows int) {
		e.set.MatMulRows(dst[at:], d, all[l*n*rows:(l+1)*n*rows], x[:k*n], n, rows, k)
		at += rows
	}
	switch which {
	case packed.QKV:
		multiply(c.WQ, dim)
		multiply(c.WK, kv)
		multiply(c.WV, kv)
	case packed.WO:
		multiply(c.WO, dim)
	case packed.W13:
		multiply(c.W1, hidden)
		multiply(c.W3, hidden)
	case packed.W2:
		multiply(c.W2, dim)
	}
}

// rawRound computes one position and decides what follows it.
func (e *Engine) rawRound() error {
	if err := e.layers(e.inputs, []int{e.token}, e.pos); err != nil {
		return err
	}
	e.counters.Rounds++
	e.counters.Positions++
	e.pos++
	return e.decide(e.inputs, 1, nil)
}

// decideRaw samples from all logits of x, until there is a classifier that spares most.
// It says whether it has.
func (e *Engine) decideRaw(x []float32) (bool, error) {
	select {
	case e.classes = <-e.raw.head:
	default:
	}
	if e.classes != nil {
		return false, nil
	}
	if err := e.rows.All(e.raw.logits, x); err != nil {
		return false, err
	}
	e.decided(e.sampler.Sample(e.raw.logits))
	return true, nil
}

// decided hands out a token.
func (e *Engine) decided(token int) {
	e.queue = append(e.queue, token)
	e.sampled++
	e.counters.Sampled++
	e.token = token
}
