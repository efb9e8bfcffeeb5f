package engine

// stopped is why the story ends before the pass does; nil if it does not.
func (e *Engine) stopped() error {
	if e.until == nil || !e.model.Streamed() && !e.model.Partial() {
		return nil
	}
	return e.until.Err()
}

// beginPass begins to read the layers that memory has no room for, unless that is under way.
func (e *Engine) beginPass() {
	if e.reading == nil {
		e.reading = e.model.Pass()
	}
}

// endPass ends the reading, if it is under way.
func (e *Engine) endPass() {
	if e.reading != nil {
		e.counters.BytesStreamed += e.reading.BytesRead
		e.reading.Close()
		e.reading = nil
	}
}

// pass is forward, with the layers that memory has no room for as they come from the file.
// What was damaged on its way is right when it is read once more: a pass can be repeated,
// for it writes what it reads.
func (e *Engine) pass(out []float32, tokens []int, pos int, about bool) error {
	if about && !e.model.Partial() || !about && !e.model.Streamed() {
		return e.forward(out, tokens, pos, about)
	}
	defer e.endPass()
	e.beginPass()
	err := e.forward(out, tokens, pos, about)
	if err != nil && e.stopped() == nil {
		e.endPass()
		e.beginPass()
		err = e.forward(out, tokens, pos, about)
	}
	return err
}

// streamProduct is a product by the next d rows of the pass, which come in pieces.
func (e *Engine) streamProduct(dst, x []float32, n, d, k int) error {
	for first := 0; first < d; {
		if err := e.stopped(); err != nil {
			return err
		}
		weights, rows, err := e.reading.Next()
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

// streamFour is about a product, of k positions, by the next matrix of the pass.
func (e *Engine) streamFour(dst, x []float32, n, d, k int) error {
	if err := e.stopped(); err != nil {
		return err
	}
	m, err := e.reading.NextFour(n)
	if err != nil {
		return err
	}
	e.fourProduct(dst, x, m, n, d, k)
	return nil
}
