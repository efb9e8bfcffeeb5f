package packed

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"duostoryteller/app/arith"
	"duostoryteller/app/engine/classifier"
	"duostoryteller/app/llama"
)

// panelLen is the length of a panel in a file.
func panelLen(rows, dim int) int { return 2*4*rows + arith.PackedI8Len(dim, rows) + sumSize }

// remainderLen is the length of the section: all panels are of the same length but for
// the last.
func remainderLen(c llama.Config) int64 {
	const rows = classifier.PanelRows
	length := int64(c.VocabSize/rows) * int64(panelLen(rows, c.Dim))
	if last := c.VocabSize % rows; last > 0 {
		length += int64(panelLen(last, c.Dim))
	}
	return length
}

// fileRemainder are the panels in a file, each with its checksum behind it.
type fileRemainder struct {
	pages      *pageReader
	offset     int64
	vocab, dim int
}

// ReadPanel reads a panel and compares its checksum; what was damaged on its way from the
// card is right when it is read once more.
func (r *fileRemainder) ReadPanel(i int) (classifier.Panel, error) {
	p, err := r.read(i)
	if err != nil {
		length := int64(panelLen(classifier.PanelRows, r.dim))
		adviseRead(r.pages.file, r.offset+int64(i)*length, length)
		p, err = r.read(i)
	}
	if err != nil {
		return p, fmt.Errorf(`packed checkpoint %s: panel %d of section "remainder" is damaged (%w): write the card again`, r.pages.file.Name(), i, err)
	}
	return p, nil
}

func (r *fileRemainder) read(i int) (p classifier.Panel, err error) {
	const rows = classifier.PanelRows
	n := min(rows, r.vocab-i*rows)
	b, err := r.pages.read(r.offset+int64(i)*int64(panelLen(rows, r.dim)), panelLen(n, r.dim))
	if err != nil {
		return p, err
	}
	end := len(b) - sumSize
	if rowSum(b[:end], i) != binary.LittleEndian.Uint32(b[end:]) {
		return p, errSum
	}
	c := cutter(b)
	return classifier.Panel{Scale: c.floats(n), Error: c.floats(n), Weights: view[int8](c.take(arith.PackedI8Len(r.dim, n)))}, nil
}

// packRemainder makes the section of panels.
func (m *Model) packRemainder() ([]byte, error) {
	const rows = classifier.PanelRows
	c := m.Config
	b, w := make([]byte, 0, remainderLen(c)), make([]float32, rows*c.Dim)
	for first := 0; first < c.VocabSize; first += rows {
		n := min(rows, c.VocabSize-first)
		if err := m.Classifier.ReadRows(w[:n*c.Dim], first); err != nil {
			return nil, err
		}
		p, begin := classifier.NewPanel(n, c.Dim), len(b)
		m.Screen.PackPanel(p, w[:n*c.Dim], first)
		b = append(append(append(b, raw(p.Scale)...), raw(p.Error)...), raw(p.Weights)...)
		b = binary.LittleEndian.AppendUint32(b, rowSum(b[begin:], first/rows))
	}
	return b, nil
}

// raw are the bytes of a slice.
func raw[T any](v []T) []byte {
	if len(v) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&v[0])), len(v)*int(unsafe.Sizeof(v[0])))
}
