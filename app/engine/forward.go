package engine

import (
	"math"
	"time"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
)

// state is what a pass through the layers works on, for several positions side
// by side: every buffer is (position, width), widths as run.c has them.
type state struct {
	x, xb  []float32
	qkv    []float32 // queries, keys and values of a position, one after the other
	hidden []float32 // w1's and w3's outputs of a position, one after the other
	gated  []float32
	att    []float32 // (context, and to the next multiple of 32): the head at work

	// The KV cache. Keys are transposed, (layer, kvDim, context), so that the
	// scores of many positions are computed side by side; values are
	// (layer, context, kvDim).
	keys, values []float32

	quantized []int8
	acc       []int32
}

// lanes is how many elements the kernels take at a time.
const lanes = 32

func newState(c llama.Config, positions int) *state {
	vector := func(n int) []float32 { return make([]float32, n) }
	kv := c.KVDim()
	return &state{
		x: vector(positions * c.Dim), xb: vector(positions * c.Dim),
		qkv:    vector(positions * (c.Dim + 2*kv)),
		hidden: vector(positions * 2 * c.HiddenDim), gated: vector(positions * c.HiddenDim),
		att:  vector(c.SeqLen + lanes),
		keys: vector(c.Layers * kv * c.SeqLen), values: vector(c.Layers * c.SeqLen * kv),
		quantized: make([]int8, max(c.Dim, c.HiddenDim)),
		acc:       make([]int32, max(c.Dim+2*kv, 2*c.HiddenDim)),
	}
}

// product multiplies k positions x (k, n) by one of layer l's matrices: with the
// float32 weights in run.c's order, or about, with whole weights and activations.
func (e *Engine) product(dst []float32, l, which int, x []float32, k int, about bool) error {
	if e.raw != nil {
		e.rawProduct(dst, l, which, x, k)
		return nil
	}
	layer := &e.model.Layers[l]
	n, d := e.model.Shape(which)
	switch {
	case !about && layer.Exact[which] == nil:
		return e.streamProduct(dst[:k*d], x[:k*n], n, d, k)
	case !about:
		e.set.MatMulF32(dst[:k*d], layer.Exact[which], x[:k*n], n, d, k)
	case e.fast && layer.Fast[which].Weights != nil:
		for p := range k {
			e.multiply(dst[p*d:(p+1)*d], layer.Fast[which].Scale, x[p*n:(p+1)*n], func(acc []int32, q []int8) {
				e.set.MatMulI8(acc, layer.Fast[which].Weights, q, n, d, 1, packed.FastLimit)
			})
		}
	case layer.Draft[which].Weights == nil:
		return e.streamFour(dst, x, n, d, k)
	default:
		e.fourProduct(dst, x, layer.Draft[which], n, d, k)
	}
	return nil
}

// fourProduct multiplies k positions by a draft's matrix.
func (e *Engine) fourProduct(dst, x []float32, m packed.Four, n, d, k int) {
	for p := range k {
		e.multiply(dst[p*d:(p+1)*d], m.Scale, x[p*n:(p+1)*n], func(acc []int32, q []int8) {
			e.set.MatMulI4(acc, m.Weights, q, n, d, 1)
		})
	}
}

// multiply is one vector through a matrix of whole weights with a scale for each row.
func (e *Engine) multiply(dst, scale, x []float32, product func(acc []int32, q []int8)) {
	q, acc := e.state.quantized[:len(x)], e.state.acc[:len(dst)]
	largest := e.set.MaxAbs(x)
	if largest == 0 {
		clear(dst)
		return
	}
	e.set.Quantize(q, x, 127/largest, 127)
	product(acc, q)
	e.set.ScaleI32(dst, acc, scale, largest/127)
}

// forward takes tokens, at positions pos and up, through all layers, and leaves
// the classifier's inputs in out (position, dim): as run.c does, or about so. It
// writes the KV cache at the tokens' positions.
func (e *Engine) forward(out []float32, tokens []int, pos int, about bool) error {
	c, s, k := e.model.Config, e.state, len(tokens)
	dim, kv, hidden := c.Dim, c.KVDim(), c.HiddenDim
	x, xb := s.x[:k*dim], s.xb[:k*dim]
	for p, token := range tokens {
		row, err := e.embedding.Row(token)
		if err != nil {
			return err
		}
		copy(x[p*dim:(p+1)*dim], row)
	}
	width := dim + 2*kv
	for l := range c.Layers {
		if !e.loaded {
			if err := e.model.WaitLayer(l); err != nil {
				return err
			}
		}
		layer := &e.model.Layers[l]
		e.norms(xb, x, layer.AttNorm, false)
		if err := e.product(s.qkv, l, packed.QKV, xb, k, about); err != nil {
			return err
		}
		keys, values := s.keys[l*kv*c.SeqLen:][:kv*c.SeqLen], s.values[l*kv*c.SeqLen:][:kv*c.SeqLen]
		for p := range k {
			qkv := s.qkv[p*width:][:width]
			at := pos + p
			e.rotate(qkv[:dim+kv], at)
			for i, v := range qkv[dim : dim+kv] {
				keys[i*c.SeqLen+at] = v
			}
			copy(values[at*kv:], qkv[dim+kv:])
		}
		begin := time.Now()
		e.attend(xb, keys, values, pos, k, about)
		e.counters.Attend += time.Since(begin)
		if err := e.product(s.qkv, l, packed.WO, xb, k, about); err != nil {
			return err
		}
		e.set.Add(x, s.qkv[:k*dim])

		e.norms(xb, x, layer.FFNNorm, false)
		if err := e.product(s.hidden, l, packed.W13, xb, k, about); err != nil {
			return err
		}
		for p := range k {
			h := s.hidden[p*2*hidden:][:2*hidden]
			gated := s.gated[p*hidden:][:hidden]
			if about {
				e.set.GateAbout(gated, h[:hidden], h[hidden:])
			} else {
				swiGLU(gated, h[:hidden], h[hidden:])
			}
		}
		if err := e.product(xb, l, packed.W2, s.gated, k, about); err != nil {
			return err
		}
		e.set.Add(x, xb)
	}
	e.norms(out[:k*dim], x, e.model.FinalNorm, true)
	return nil
}

// norms is run.c's rmsnorm of every position.
func (e *Engine) norms(out, x, weight []float32, last bool) {
	dim := len(weight)
	for ; len(x) > 0; out, x = out[dim:], x[dim:] {
		scale := e.arithmetic.InverseRMS(e.set.Dot(x[:dim], x[:dim]), dim, last)
		if e.arithmetic == llama.Strict {
			e.set.MulScaleWeight(out[:dim], weight, x[:dim], scale)
		} else {
			e.set.MulWeightScale(out[:dim], weight, x[:dim], scale)
		}
	}
}

// rotate turns the pairs of queries and keys by the angles of a position.
func (e *Engine) rotate(vec []float32, pos int) {
	half := e.model.Config.HeadSize() / 2
	e.set.Rotate(vec, e.cos[pos*half:][:half], e.sin[pos*half:][:half])
}

// divide divides x by a number, or multiplies with its reciprocal where -Ofast does.
func (e *Engine) divide(x []float32, by float32) {
	if e.arithmetic == llama.Strict {
		e.set.DivScalar(x, by)
	} else {
		e.set.MulScalar(x, 1/by)
	}
}

// attend mixes the values of the positions so far, for each of k positions from
// pos on and each head. Positions are the inner loop: a head's keys and values
// are read from memory once for all of them.
func (e *Engine) attend(out, keys, values []float32, pos, k int, about bool) {
	c, s := e.model.Config, e.state
	size, kv, width := c.HeadSize(), c.KVDim(), c.Dim+2*c.KVDim()
	root := float32(math.Sqrt(float64(size)))
	for h := range c.Heads {
		head := h / (c.Heads / c.KVHeads) * size
		for p := range k {
			n := pos + p + 1
			att := s.att[:n]
			e.set.Scores(att, s.qkv[p*width+h*size:][:size], keys[head*c.SeqLen:], size, n, c.SeqLen)
			mixed := out[p*c.Dim+h*size:][:size]
			if about {
				sum := e.weigh(n, 1/root)
				e.set.Mix(mixed, att, values[head:], n, size, kv)
				e.divide(mixed, sum)
				continue
			}
			e.divide(att, root)
			e.softmax(att)
			e.set.Mix(mixed, att, values[head:], n, size, kv)
		}
	}
}

// softmax is run.c's.
func (e *Engine) softmax(x []float32) {
	largest := e.set.Max(x)
	var sum float32
	for i, v := range x {
		v = llama.Exp(v - largest)
		x[i] = v
		sum += v
	}
	e.divide(x, sum)
}

// weigh makes about the exponentials of n scores, times scale, out of them, and
// returns their sum.
func (e *Engine) weigh(n int, scale float32) float32 {
	largest := e.set.Max(e.state.att[:n])
	whole := (n + lanes - 1) / lanes * lanes
	for i := n; i < whole; i++ {
		e.state.att[i] = -math.MaxFloat32 // adds nothing to the sum
	}
	return e.set.ExpAbout(e.state.att[:whole], largest, scale)
}

// swiGLU is run.c's gate.
func swiGLU(out, h1, h3 []float32) {
	for i, v := range h1 {
		out[i] = v * (1 / (1 + llama.Exp(-v))) * h3[i]
	}
}
