package llama

import "fmt"

// Transformer computes logits from a checkpoint, one position at a time.
type Transformer struct {
	w          *Checkpoint
	arithmetic Arithmetic
	dot        func(x, y []float32) float32

	x, xb, xb2, q  []float32 // (dim): residual stream and what branches off it
	hb, hb2        []float32 // (hidden)
	att            []float32 // (seqLen): attention of the head at work
	logits         []float32 // (vocab)
	keys, values   []float32 // (layer, seqLen, kvDim): the KV cache
	frequencies    []float32 // (headSize/2): rotary encoding's angle for one position
	cosines, sines []float32 // (headSize/2): at the position at work
}

// NewTransformer allocates the state that a run over c needs, in the arithmetic
// of one of run.c's builds.
func NewTransformer(c *Checkpoint, a Arithmetic) *Transformer {
	vector := func(n int) []float32 { return make([]float32, n) }
	cache := c.Layers * c.SeqLen * c.KVDim()
	t := &Transformer{
		w: c, arithmetic: a, dot: a.dot(),
		x: vector(c.Dim), xb: vector(c.Dim), xb2: vector(c.Dim), q: vector(c.Dim),
		hb: vector(c.HiddenDim), hb2: vector(c.HiddenDim),
		att: vector(c.SeqLen), logits: vector(c.VocabSize),
		keys: vector(cache), values: vector(cache),
		frequencies: vector(c.HeadSize() / 2), cosines: vector(c.HeadSize() / 2), sines: vector(c.HeadSize() / 2),
	}
	for i := range t.frequencies {
		t.frequencies[i] = a.frequency(2*i, c.HeadSize())
	}
	return t
}

// Forward returns the logits, (vocab), of what follows token at position pos,
// given the tokens of the positions before, which earlier calls have left in
// the KV cache. The slice is overwritten by the next call and is the caller's
// until then.
func (t *Transformer) Forward(token, pos int) []float32 {
	c, w := t.w.Config, t.w
	dim, kvDim, headSize, hidden := c.Dim, c.KVDim(), c.HeadSize(), c.HiddenDim
	queriesPerKey := c.Heads / c.KVHeads
	x := t.x
	copy(x, w.TokenEmbedding[token*dim:])

	for i, f := range t.frequencies {
		t.sines[i], t.cosines[i] = sinCos(float32(pos) * f)
	}

	for l := range c.Layers {
		t.rmsNorm(t.xb, x, w.RMSAtt[l*dim:], false)

		// This position's key and value go straight into the cache.
		keys := t.keys[l*c.SeqLen*kvDim:]
		values := t.values[l*c.SeqLen*kvDim:]
		k := keys[pos*kvDim : (pos+1)*kvDim]
		v := values[pos*kvDim : (pos+1)*kvDim]
		t.matMul(t.q, t.xb, w.WQ[l*dim*dim:])
		t.matMul(k, t.xb, w.WK[l*dim*kvDim:])
		t.matMul(v, t.xb, w.WV[l*dim*kvDim:])
		t.rotate(t.q)
		t.rotate(k)

		for h := range c.Heads {
			head := h / queriesPerKey * headSize // of keys and values
			q := t.q[h*headSize : (h+1)*headSize]
			att := t.att[:pos+1]
			for p := range att {
				att[p] = t.arithmetic.score(t.dot(q, keys[p*kvDim+head:][:headSize]), headSize)
			}
			t.arithmetic.softmax(att)
			xb := t.xb[h*headSize : (h+1)*headSize]
			clear(xb)
			for p, a := range att {
				for i, v := range values[p*kvDim+head:][:headSize] {
					xb[i] = t.arithmetic.addProduct(xb[i], a, v)
				}
			}
		}
		t.matMul(t.xb2, t.xb, w.WO[l*dim*dim:])
		for i, v := range t.xb2 {
			x[i] += v
		}

		t.rmsNorm(t.xb, x, w.RMSFFN[l*dim:], false)
		t.matMul(t.hb, t.xb, w.W1[l*dim*hidden:])
		t.matMul(t.hb2, t.xb, w.W3[l*dim*hidden:])
		for i, v := range t.hb { // SwiGLU
			t.hb[i] = v * (1 / (1 + expf(-v))) * t.hb2[i]
		}
		t.matMul(t.xb, t.hb, w.W2[l*dim*hidden:])
		for i, v := range t.xb {
			x[i] += v
		}
	}

	t.rmsNorm(x, x, w.RMSFinal, true)
	t.matMul(t.logits, x, w.Classifier)
	return t.logits
}

// rmsNorm sets out to x scaled to a root mean square of one, times weight.
func (t *Transformer) rmsNorm(out, x, weight []float32, last bool) {
	scale := t.arithmetic.InverseRMS(t.dot(x, x), len(x), last)
	for i, v := range x {
		out[i] = t.arithmetic.normalized(weight[i], scale, v)
	}
}

// matMul sets out to w·x, w being row-major, (len(out), len(x)).
func (t *Transformer) matMul(out, x, w []float32) {
	for i := range out {
		out[i] = t.dot(x, w[i*len(x):][:len(x)])
	}
}

// rotate turns each pair of every head in vec by the position's angles.
func (t *Transformer) rotate(vec []float32) {
	half := len(t.cosines)
	for i := 0; i < len(vec); i += 2 {
		cos, sin := t.cosines[i/2%half], t.sines[i/2%half]
		vec[i], vec[i+1] = t.arithmetic.Rotated(vec[i], vec[i+1], cos, sin)
	}
}

// softmax turns x into probabilities.
func (a Arithmetic) softmax(x []float32) {
	largest := x[0]
	for _, v := range x[1:] {
		if v > largest {
			largest = v
		}
	}
	var sum float32
	for i, v := range x {
		x[i] = expf(v - largest)
		sum += x[i]
	}
	for i, e := range x {
		x[i] = a.Probability(e, sum)
	}
}

// Plain is the [Engine] that computes every position with a [Transformer].
type Plain struct {
	*Transformer
	prompt  []int
	sampler *Sampler
	token   int // the one at pos
	pos     int
}

// NewPlain returns a plain engine over c, which stays the caller's to close.
func NewPlain(c *Checkpoint, a Arithmetic) *Plain {
	return &Plain{Transformer: NewTransformer(c, a)}
}

// Config is the shape of the model.
func (p *Plain) Config() Config { return p.w.Config }

// Start begins a new story. Positions are written before they are read, so
// that the KV cache needs no clearing.
func (p *Plain) Start(prompt []int, s *Sampler) error {
	if err := CheckPrompt(p.w.Config, prompt); err != nil {
		return err
	}
	p.prompt, p.sampler, p.token, p.pos = prompt, s, prompt[0], 0
	s.Arithmetic = p.arithmetic
	return nil
}

// Next returns the token at the next position.
func (p *Plain) Next() (int, error) {
	if p.pos >= p.w.SeqLen {
		return 0, fmt.Errorf("the model's context of %d tokens is full", p.w.SeqLen)
	}
	logits := p.Forward(p.token, p.pos)
	p.pos++
	if p.pos < len(p.prompt) {
		p.token = p.prompt[p.pos]
	} else {
		p.token = p.sampler.Sample(logits)
	}
	return p.token, nil
}

// Close does nothing: memory is all that a plain engine holds.
func (p *Plain) Close() error { return nil }
