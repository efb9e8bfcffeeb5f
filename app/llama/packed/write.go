package packed

import (
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
)

// Pack builds the packed form of c in memory. hot is called, when the layers
// and the exact rows are there, for the numbers of the classifier's rows that
// deserve to be kept in memory, the best first; nil means the first ones. c must
// stay open as long as the model is used. The bytes are the same on every machine.
func Pack(c *llama.Checkpoint, hot func(*Model) ([]int32, error)) (*Model, error) {
	m, err := pack(c, hot)
	if err != nil {
		return nil, fmt.Errorf("cannot pack the checkpoint: %w", err)
	}
	return m, nil
}

func pack(c *llama.Checkpoint, hot func(*Model) ([]int32, error)) (*Model, error) {
	l, err := newLayout(c.Config, min(Hot, c.VocabSize), true)
	if err != nil {
		return nil, err
	}
	m := &Model{}
	if err := m.allocate(l, whole); err != nil {
		return nil, err
	}
	m.Embedding = memoryRows{c.TokenEmbedding, c.Dim}
	m.Classifier = memoryRows{c.Classifier, c.Dim}
	m.packLayers(c)
	m.ready = l.rows()
	rows := m.Head.Rows
	for i := range rows {
		rows[i] = int32(i)
	}
	if hot != nil && len(rows) < c.VocabSize {
		likely, err := hot(m)
		if err != nil {
			m.Close()
			return nil, err
		}
		copy(rows, likely)
		slices.Sort(rows)
	}
	if err := m.check(0); err != nil {
		m.Close()
		return nil, err
	}
	row := func(r int32) []float32 { return c.Classifier[int(r)*c.Dim:][:c.Dim] }
	for i, r := range rows {
		copy(m.HotRows[i*c.Dim:], row(r))
	}
	m.Head.Pack(row)
	m.Screen.Pack(c.Classifier, rows)
	return m, nil
}

// packLayers fills in all that is no classifier.
func (m *Model) packLayers(c *llama.Checkpoint) {
	copy(m.FinalNorm, c.RMSFinal)
	dim, kv, hidden := c.Dim, c.KVDim(), c.HiddenDim
	for i := range m.Layers {
		part := func(w []float32, size int) []float32 { return w[i*size : (i+1)*size] }
		layer := &m.Layers[i]
		copy(layer.AttNorm, part(c.RMSAtt, dim))
		copy(layer.FFNNorm, part(c.RMSFFN, dim))
		norms := m.bytes(m.layout.layer(i))[:2*4*dim]
		copy(m.bytes(m.layout.fast(i)), norms)
		copy(m.bytes(m.layout.draft(i)), norms)
		for product, w := range [4][]float32{
			slices.Concat(part(c.WQ, dim*dim), part(c.WK, dim*kv), part(c.WV, dim*kv)),
			part(c.WO, dim*dim),
			slices.Concat(part(c.W1, dim*hidden), part(c.W3, dim*hidden)),
			part(c.W2, dim*hidden),
		} {
			n, d := m.Shape(product)
			arith.PackF32(layer.Exact[product], w, n, d)
			layer.Fast[product].pack(w, n, d)
			layer.Draft[product].pack(w, n, d)
		}
	}
}

// DropFast leaves the fast engine the draft's layers: where these are as good, they
// take half the memory and half the time to get there. It is for a model that was just
// packed.
func (m *Model) DropFast() error {
	from := m.layout
	to, err := newLayout(m.Config, from.hot, false)
	if err != nil {
		return err
	}
	to.place(whole)
	ahead := len(from.sections) - len(to.sections)
	for i := range to.rows() {
		old := i
		if i >= to.layer(0) {
			old += ahead
		}
		s := from.sections[old] // later ones move to where earlier ones were
		copy(m.memory[to.sections[i].memory:], m.memory[s.memory:][:pages(s.length)])
	}
	m.layout, m.ready, m.memory = to, to.rows(), m.memory[:to.resident]
	m.slice()
	return nil
}

func (q Eight) pack(w []float32, n, d int) {
	arith.PackI8(q.Weights, quantize(q.Scale, w, n, d, FastLimit), n, d)
}

func (q Four) pack(w []float32, n, d int) {
	arith.PackI4(q.Weights, quantize(q.Scale, w, n, d, draftLimit), n, d)
}

// quantize makes whole weights of w (d, n), and the rows' scales.
func quantize(scale, w []float32, n, d, limit int) []int8 {
	weights, row := make([]int8, n*d), make([]float64, n)
	for r := range d {
		for i, v := range w[r*n : (r+1)*n] {
			row[i] = float64(v)
		}
		scale[r], _, _ = classifier.QuantizeRow(weights[r*n:(r+1)*n], row, limit)
	}
	return weights
}

// WriteTo writes the packed checkpoint as a file.
func (m *Model) WriteTo(w io.Writer) (int64, error) {
	if err := m.WaitAll(); err != nil {
		return 0, err
	}
	l := m.layout
	sources := []Rows{m.Classifier}
	if !m.Config.SharedClassifier {
		sources = append(sources, m.Embedding)
	}
	for i := range l.rows() {
		l.sections[i].crc = crc32.Checksum(m.bytes(i), castagnoli)
	}
	for i, rows := range sources {
		sum := crc32.New(castagnoli)
		if _, err := writeRows(sum, rows, m.Config.VocabSize, m.Config.Dim); err != nil {
			return 0, err
		}
		l.sections[l.rows()+i].crc = sum.Sum32()
	}
	var left []byte
	if l.hasRemainder() {
		var err error
		if left, err = m.packRemainder(); err != nil {
			return 0, err
		}
		l.sections[l.remainder()].crc = crc32.Checksum(left, castagnoli)
	}
	copy(m.memory, l.header())
	n, err := w.Write(m.memory[:l.resident])
	written := int64(n)
	fill := func() { // the page is filled up
		if err == nil {
			n, err = w.Write(make([]byte, (pageSize-written%pageSize)%pageSize))
			written += int64(n)
		}
	}
	for _, rows := range sources {
		fill()
		if err != nil {
			return written, err
		}
		var k int64
		k, err = writeRows(w, rows, m.Config.VocabSize, m.Config.Dim)
		written += k
	}
	if l.hasRemainder() {
		fill()
		if err != nil {
			return written, err
		}
		n, err = w.Write(left)
		written += int64(n)
	}
	return written, err
}
