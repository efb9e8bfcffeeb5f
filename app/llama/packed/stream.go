package packed

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"sync"

	"duostoryteller/app/arith"
)

// pieceSize is how many bytes of a layer are read at a time: enough for a card's full
// speed, and little beside what a layer would take.
const pieceSize = 1 << 20

// ahead is how many pieces are in memory: the one in use and the next.
const ahead = 2

// piece is a part of a layer's section: whole blocks of rows of one product, or of a
// draft a whole product.
type piece struct {
	begin, end int64 // in the section, the norms before the first product included
	weights    int64 // where they begin, or the scales before them
	rows       int
}

// streams are the sections that a pass reads.
func (l *layout) streams() (sections []int) {
	for i := range l.config.Layers {
		switch {
		case l.use == Streamed:
			sections = append(sections, l.layer(i))
		case l.use == Partial && i >= l.drafts:
			sections = append(sections, l.draft(i))
		}
	}
	return sections
}

// norms is how many bytes of a layer's section are its norms.
func (l *layout) norms() int64 { return int64(2 * 4 * l.config.Dim) }

// pieces cuts the section of a layer that is streamed.
func (l *layout) pieces() (all []piece) {
	at, weights := int64(0), l.norms()
	for _, m := range matrices(l.config) {
		if l.use == Partial {
			end := weights + int64(4*m.d+arith.PackedI4Len(m.n, m.d))
			all = append(all, piece{begin: at, end: end, weights: weights, rows: m.d})
			at, weights = end, end
			continue
		}
		block := int64(4 * arith.PackedF32Len(m.n, 1))
		most := max(1, pieceSize/block)
		for row := 0; row < m.d; {
			rows := min(int(most)*arith.BlockF32, m.d-row)
			end := weights + int64(4*arith.PackedF32Len(m.n, rows))
			all = append(all, piece{begin: at, end: end, weights: weights, rows: rows})
			at, weights, row = end, end, row+rows
		}
	}
	return all
}

// buffers is the memory of the pieces.
func (l *layout) buffers() int64 {
	longest := int64(0)
	for _, p := range l.pieces() {
		longest = max(longest, p.end-p.begin)
	}
	return ahead * (pages(longest) + 2*pageSize)
}

// Limits says in what this machine's memory limits the model.
func (m *Model) Limits() (lines []string) {
	if m.Streamed() {
		lines = append(lines, "the model is larger than the memory: its layers are read from the card again and again, a few tokens at a time")
	}
	if l := m.layout; l.use == Partial {
		lines = append(lines, fmt.Sprintf("the model is larger than the memory: %d of its %d layers are read from the card for each token", l.config.Layers-l.drafts, l.config.Layers))
	}
	if (m.layout.use == Narrow || m.layout.use == Partial) && m.layout.hasFast {
		lines = append(lines, "there is no memory for layers of 7 bits a weight, which this model should have: its layers have 4 bits, and its words are a little worse")
	}
	if all := m.layout.config.SeqLen; m.Config.SeqLen < all {
		lines = append(lines, fmt.Sprintf("there is memory for stories of up to %d tokens, not the model's %d", m.Config.SeqLen, all))
	}
	return lines
}

// Partial says whether the fast engine takes some layers from a Pass: those whose draft
// has no weights in memory.
func (m *Model) Partial() bool { return m.layout.use == Partial }

// PieceRows is how many rows a piece of a Pass has at most.
func (m *Model) PieceRows() int {
	most := 0
	for _, p := range m.layout.pieces() {
		most = max(most, p.rows)
	}
	return most
}

// Pass reads the layers that memory has no room for from the file once, in the order in
// which a pass through the layers uses them. It reads a piece ahead, on a goroutine of its own.
type Pass struct {
	BytesRead int64 // as far as Next has come

	free chan []byte
	read chan arrival
	quit chan struct{}
	done sync.WaitGroup
	used []byte // by who called Next last
}

// arrival is a piece in memory.
type arrival struct {
	buffer  []byte
	weights []byte
	rows    int
	bytes   int64
	err     error
}

// Streamed says whether the float32 layers are not kept in memory: who wants them takes
// them from a Pass.
func (m *Model) Streamed() bool { return m.layout.use == Streamed }

// Pass begins to read. Only one may be open.
func (m *Model) Pass() *Pass {
	pieces := m.layout.pieces()
	if m.buffers == nil {
		for range ahead {
			m.buffers = append(m.buffers, alignedPages(int(m.layout.buffers()/ahead)))
		}
	}
	p := &Pass{free: make(chan []byte, len(m.buffers)), read: make(chan arrival), quit: make(chan struct{})}
	for _, b := range m.buffers {
		p.free <- b
	}
	p.done.Go(func() {
		defer close(p.read)
		for _, section := range m.layout.streams() {
			sum := uint32(0)
			for j, piece := range pieces {
				a := arrival{}
				select {
				case a.buffer = <-p.free:
				case <-p.quit:
					return
				}
				m.readPiece(&a, section, piece, &sum)
				if s := m.layout.sections[section]; a.err == nil && j == len(pieces)-1 && sum != s.crc {
					adviseRead(m.file, s.offset, s.length) // the next pass has it from the card again
					a.err = m.damaged(s, errSum)
				}
				select {
				case p.read <- a:
				case <-p.quit:
					return
				}
				if a.err != nil {
					return
				}
			}
		}
	})
	return p
}

// readPiece reads a piece of a section to a.buffer and adds what is new of it to sum.
func (m *Model) readPiece(a *arrival, section int, p piece, sum *uint32) {
	s := m.layout.sections[section]
	first := p.begin / pageSize * pageSize // whole pages are read
	a.bytes, a.rows = p.end-p.begin, p.rows
	b := a.buffer[:p.end-first]
	if a.err = m.read(a.buffer, s, first, len(b)); a.err != nil {
		return
	}
	*sum = crc32.Update(*sum, castagnoli, b[p.begin-first:])
	a.weights = b[p.weights-first:]
	if p.begin == 0 && m.Partial() && !bytes.Equal(b[:m.layout.norms()], m.norms[section-m.layout.draft(0)]) {
		a.err = m.damaged(s, errSum) // as it came now, or as it was kept
	}
}

// Next returns the weights of the next rows of the layers' products, packed by
// arith.PackF32, valid until it is called again.
func (p *Pass) Next() (weights []float32, rows int, err error) {
	a, err := p.next()
	return view[float32](a.weights), a.rows, err
}

// NextFour returns the next product of a draft's layers, of n inputs, valid until it is
// called again.
func (p *Pass) NextFour(n int) (Four, error) {
	a, err := p.next()
	if err != nil {
		return Four{}, err
	}
	b := cutter(a.weights)
	return b.four(n, a.rows), nil
}

func (p *Pass) next() (arrival, error) {
	if p.used != nil {
		p.free <- p.used
		p.used = nil
	}
	a, ok := <-p.read
	if !ok {
		return arrival{}, fmt.Errorf("packed checkpoint: all layers have been read: %w", os.ErrClosed)
	}
	if a.err != nil {
		return arrival{}, a.err
	}
	p.used = a.buffer
	p.BytesRead += a.bytes
	return a, nil
}

// Close ends the reading.
func (p *Pass) Close() {
	close(p.quit)
	p.done.Wait()
}
