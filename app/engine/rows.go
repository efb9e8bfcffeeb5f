package engine

import (
	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama/packed"
)

// rowCache keeps some of a matrix's exact rows in memory, and reads the others
// when they are wanted, in place of one that was not wanted for a while (the
// clock algorithm).
type rowCache struct {
	set    *arith.Set
	source packed.Rows
	dim    int
	memory []float32 // (slots, dim)
	slot   []int32   // by row; -1 for a row not in memory
	row    []int32   // by slot
	used   []bool    // by slot
	hand   int

	slots     []int32 // scratch of Score
	buffer    []float32
	bytesRead int64
	reads     int64 // of single rows
}

// newRowCache returns a cache over memory, which holds the rows first.
func newRowCache(set *arith.Set, source packed.Rows, vocab, dim int, memory []float32, first []int32) *rowCache {
	c := &rowCache{set: set, source: source, dim: dim, memory: memory, slot: make([]int32, vocab)}
	for i := range c.slot {
		c.slot[i] = -1
	}
	n := len(memory) / dim
	c.row, c.used = make([]int32, n), make([]bool, n)
	for i := range c.row {
		c.row[i] = -1
	}
	for i, r := range first {
		c.slot[r], c.row[i] = int32(i), r
	}
	return c
}

// allRows returns a cache of a matrix that is in memory.
func allRows(set *arith.Set, memory []float32, vocab, dim int) *rowCache {
	every := make([]int32, vocab)
	for i := range every {
		every[i] = int32(i)
	}
	return newRowCache(set, nil, vocab, dim, memory, every)
}

// find returns the slot that row is in, after reading it if need be.
func (c *rowCache) find(row int32) (int32, error) {
	if s := c.slot[row]; s >= 0 {
		c.used[s] = true
		return s, nil
	}
	for c.used[c.hand] {
		c.used[c.hand] = false
		c.hand = (c.hand + 1) % len(c.row)
	}
	s := int32(c.hand)
	c.hand = (c.hand + 1) % len(c.row)
	if old := c.row[s]; old >= 0 {
		c.slot[old] = -1
	}
	c.row[s] = -1
	if err := c.source.ReadRows(c.memory[int(s)*c.dim:][:c.dim], int(row)); err != nil {
		return 0, err
	}
	c.bytesRead += int64(4 * c.dim)
	c.reads++
	c.row[s], c.slot[row], c.used[s] = row, s, true
	return s, nil
}

// Near says whether a row is in memory.
func (c *rowCache) Near(row int32) bool { return c.slot[row] >= 0 }

// Row returns one row, valid until the next call.
func (c *rowCache) Row(row int) ([]float32, error) {
	s, err := c.find(int32(row))
	if err != nil {
		return nil, err
	}
	return c.memory[int(s)*c.dim:][:c.dim], nil
}

// Score computes the exact logits of some rows, in groups that leave the cache
// room: a row just read is not replaced by the next. Unless it is to keep them, it
// reads past the cache: many rows that only prove something would drive out
// those that stories are made of.
func (c *rowCache) Score(dst []float32, rows []int32, x []float32, keep bool) error {
	if !keep {
		return c.scorePast(dst, rows, x)
	}
	group := min(32, len(c.row))
	for len(rows) > 0 {
		n := min(group, len(rows))
		c.slots = c.slots[:0]
		for _, r := range rows[:n] {
			s, err := c.find(r)
			if err != nil {
				return err
			}
			c.slots = append(c.slots, s)
		}
		c.set.DotRows(dst[:n], c.memory, c.slots, x)
		dst, rows = dst[n:], rows[n:]
	}
	return nil
}

func (c *rowCache) scorePast(dst []float32, rows []int32, x []float32) error {
	c.allocate()
	only := []int32{0}
	for i, r := range rows {
		w, slot := c.memory, c.slot[r:][:1]
		if slot[0] < 0 {
			if err := c.source.ReadRows(c.buffer[:c.dim], int(r)); err != nil {
				return err
			}
			c.bytesRead += int64(4 * c.dim)
			c.reads++
			w, slot = c.buffer, only
		}
		c.set.DotRows(dst[i:i+1], w, slot, x)
	}
	return nil
}

// rowsAtOnce is how many rows are read together.
const rowsAtOnce = 64

func (c *rowCache) allocate() {
	if c.buffer == nil {
		c.buffer = make([]float32, rowsAtOnce*c.dim)
	}
}

// All computes every row's logit. Unless all rows are in memory, it reads them
// past the cache.
func (c *rowCache) All(dst, x []float32) error {
	if c.source == nil {
		c.set.MatMulRows(dst, len(dst), c.memory, x, c.dim, len(dst), 1)
		return nil
	}
	if len(c.row) == len(dst) {
		c.slots = append(c.slots[:0], c.slot...)
		c.set.DotRows(dst, c.memory, c.slots, x)
		return nil
	}
	c.allocate()
	var index [rowsAtOnce]int32
	for i := range index {
		index[i] = int32(i)
	}
	for first := 0; first < len(dst); first += rowsAtOnce {
		n := min(rowsAtOnce, len(dst)-first)
		b := c.buffer[:n*c.dim]
		if err := c.source.ReadRows(b, first); err != nil {
			return err
		}
		c.bytesRead += int64(4 * len(b))
		c.set.DotRows(dst[first:first+n], b, index[:n], x)
	}
	return nil
}

// panels are the classifier's remainder, and count what is read of it.
type panels struct {
	classifier.Remainder
	bytesRead int64
}

func (p *panels) ReadPanel(i int) (classifier.Panel, error) {
	panel, err := p.Remainder.ReadPanel(i)
	p.bytesRead += int64(len(panel.Weights) + 4*(len(panel.Scale)+len(panel.Error)))
	return panel, err
}
