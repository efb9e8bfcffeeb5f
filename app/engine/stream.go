package engine

// stopped is why the story ends before the pass does; nil if it does not.
func (e *Engine) stopped() error {
	if e.until == nil || !e.model.Streamed() {
		return nil
	}
	return e.until.Err()
}

// beginPass begins to read the float32 layers, unless that is under way.
func (e *Engine) beginPass() {
	if e.pass == nil {
		e.pass = e.model.Pass()
	}
}

// endPass ends the reading, if it is under way.
func (e *Engine) endPass() {
	if e.pass != nil {
		e.counters.BytesStreamed += e.pass.BytesRead
		e.pass.Close()
		e.pass = nil
	}
}

// forwardStreamed is forward with the float32 layers as they come from the file. What
// was damaged on its way is right when it is read once more: a pass can be repeated,
// for it writes what it reads.
func (e *Engine) forwardStreamed(out []float32, tokens []int, pos int) error {
	defer e.endPass()
	e.beginPass()
	err := e.forward(out, tokens, pos, false)
	if err != nil && e.stopped() == nil {
		e.endPass()
		e.beginPass()
		err = e.forward(out, tokens, pos, false)
	}
	return err
}

// streamProduct is a product by the next d rows of the pass, which come in pieces.
func (e *Engine) streamProduct(dst, x []float32, n, d, k int) error {
	for first := 0; first < d; {
		if err := e.stopped(); err != nil {
			return err
		}
		weights, rows, err := e.pass.Next()
		if err != nil {
			return err
		}
		part := e.part[:k*rows]
		e.set.MatMulF32(part, weights, x, n, rows, k)
		for p := range k {
			copy(dst[p*d+first:], part[p*rows:(p+1)*rows])
		}
		first += rows
	}
	return nil
}
