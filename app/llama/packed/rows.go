package packed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"unsafe"
)

// Rows reads rows of a float32 matrix.
type Rows interface {
	// ReadRows fills dst with as many rows as fit, from row first on.
	ReadRows(dst []float32, first int) error
}

// sumSize is the length of the checksum behind each row in a file.
const sumSize = 4

var errSum = errors.New("its checksum is wrong")

// rowSum is the checksum of a row.
func rowSum(row []byte, number int) uint32 { return crc32.Update(uint32(number), castagnoli, row) }

// fileRows are rows in a file, each with its checksum behind it.
type fileRows struct {
	file    *os.File
	direct  *os.File // the same, past the page cache; nil if that cannot be
	section string
	offset  int64
	dim     int
	buffer  []byte // whole pages, for direct
}

// ReadRows reads rows and compares their checksums. What was damaged on its way
// from the card is right when it is read once more, from the card again. Of single
// rows the kernel keeps a copy; many are the whole matrix, passing by: that would
// drive the programs out of a small memory.
func (r *fileRows) ReadRows(dst []float32, first int) error {
	many := len(dst) > r.dim
	if many && r.direct != nil {
		if r.readPast(dst, first) == nil {
			return nil
		}
	}
	forget := func() {
		adviseRead(r.file, r.offset+int64(first)*r.stride(), int64(len(dst)/r.dim)*r.stride())
	}
	number, err := r.read(dst, first)
	if err != nil {
		forget()
		number, err = r.read(dst, first)
	}
	if many {
		forget()
	}
	if err != nil {
		return fmt.Errorf("packed checkpoint %s: row %d of section %q is damaged (%w): write the card again", r.file.Name(), number, r.section, err)
	}
	return nil
}

func (r *fileRows) stride() int64 { return int64(4*r.dim + sumSize) }

// readPast reads rows once, past the page cache.
func (r *fileRows) readPast(dst []float32, first int) error {
	for stride := int(r.stride()); len(dst) > 0; {
		n := min(mostRows, len(dst)/r.dim)
		start := r.offset + int64(first*stride)
		skip := int(start % pageSize)
		if len(r.buffer) == 0 {
			r.buffer = alignedPages(pages(int64(mostRows*stride)) + pageSize)
		}
		b := r.buffer[:pages(int64(skip+n*stride))]
		if read, err := r.direct.ReadAt(b, start-int64(skip)); read < skip+n*stride { // less at the file's end
			return err
		}
		for i := range n {
			row := b[skip+i*stride:][:stride]
			if rowSum(row[:4*r.dim], first+i) != binary.LittleEndian.Uint32(row[4*r.dim:]) {
				return errSum
			}
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[i*r.dim])), 4*r.dim), row)
		}
		first, dst = first+n, dst[n*r.dim:]
	}
	return nil
}

// alignedPages are whole pages of memory.
func alignedPages(n int64) []byte {
	b := make([]byte, n+pageSize)
	skip := -int(uintptr(unsafe.Pointer(&b[0]))) & (pageSize - 1)
	return b[skip:][:n]
}

// mostRows are read with one call: of pieces, two a row, the kernel takes 1024.
const mostRows = 64

// read reads rows once; number is the row that err is about.
func (r *fileRows) read(dst []float32, first int) (number int, err error) {
	var sums [mostRows][sumSize]byte
	var pieces [2 * mostRows][]byte
	for n := 0; len(dst) > 0; first, dst = first+n, dst[n*r.dim:] {
		n = min(mostRows, len(dst)/r.dim)
		for i := range n {
			pieces[2*i] = unsafe.Slice((*byte)(unsafe.Pointer(&dst[i*r.dim])), 4*r.dim)
			pieces[2*i+1] = sums[i][:]
		}
		if err := readPieces(r.file, pieces[:2*n], r.offset+int64(first)*r.stride()); err != nil {
			return first, err
		}
		for i := range n {
			if rowSum(pieces[2*i], first+i) != binary.LittleEndian.Uint32(sums[i][:]) {
				return first + i, errSum
			}
		}
	}
	return 0, nil
}

// writeRows writes vocab rows as a file has them.
func writeRows(w io.Writer, rows Rows, vocab, dim int) (written int64, err error) {
	const batch = 256
	in, out := make([]float32, batch*dim), make([]byte, 0, batch*(4*dim+sumSize))
	for first := 0; first < vocab; first += batch {
		b := in[:min(batch, vocab-first)*dim]
		if err := rows.ReadRows(b, first); err != nil {
			return written, err
		}
		out = out[:0]
		for i := 0; i < len(b); i += dim {
			row := unsafe.Slice((*byte)(unsafe.Pointer(&b[i])), 4*dim)
			out = append(out, row...)
			out = binary.LittleEndian.AppendUint32(out, rowSum(row, first+i/dim))
		}
		n, err := w.Write(out)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// memoryRows are rows in memory.
type memoryRows struct {
	rows []float32
	dim  int
}

func (r memoryRows) ReadRows(dst []float32, first int) error {
	copy(dst, r.rows[first*r.dim:])
	return nil
}
