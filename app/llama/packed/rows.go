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
	pages   *pageReader
	section string
	offset  int64
	dim     int
}

// pageReader reads pieces of a file.
type pageReader struct {
	file   *os.File // may be one that is read past the page cache
	buffer []byte   // whole pages
}

// read returns n bytes from offset on, good until the next call.
func (r *pageReader) read(offset int64, n int) ([]byte, error) {
	skip := int(offset % pageSize)
	end := skip + n
	if len(r.buffer) < end {
		r.buffer = alignedPages(end + pageSize)
	}
	if got, err := r.file.ReadAt(r.buffer[:pages(int64(end))], offset-int64(skip)); got < end { // the file may end within a page
		return nil, err
	}
	return r.buffer[skip:end], nil
}

// ReadRows reads rows and compares their checksums. What was damaged on its way
// from the card is right when it is read once more, from the card again.
func (r *fileRows) ReadRows(dst []float32, first int) error {
	number, err := r.read(dst, first)
	if err != nil {
		adviseRead(r.pages.file, r.offset+int64(first*r.stride()), int64(len(dst)/r.dim*r.stride()))
		number, err = r.read(dst, first)
	}
	if err != nil {
		return fmt.Errorf("packed checkpoint %s: row %d of section %q is damaged (%w): write the card again", r.pages.file.Name(), number, r.section, err)
	}
	return nil
}

func (r *fileRows) stride() int { return 4*r.dim + sumSize }

// read reads rows once; number is the row that err is about.
func (r *fileRows) read(dst []float32, first int) (number int, err error) {
	const most = 64 // rows a call: enough for a card's full speed
	for stride := r.stride(); len(dst) > 0; {
		n := min(most, len(dst)/r.dim)
		all, err := r.pages.read(r.offset+int64(first*stride), n*stride)
		if err != nil {
			return first, err
		}
		for i := range n {
			row := all[i*stride:][:stride]
			if rowSum(row[:4*r.dim], first+i) != binary.LittleEndian.Uint32(row[4*r.dim:]) {
				return first + i, errSum
			}
			copy(unsafe.Slice((*byte)(unsafe.Pointer(&dst[i*r.dim])), 4*r.dim), row)
		}
		first, dst = first+n, dst[n*r.dim:]
	}
	return 0, nil
}

// alignedPages are n bytes of memory and what is left of the last page.
func alignedPages(n int) []byte {
	whole := int(pages(int64(n)))
	b := make([]byte, whole+pageSize)
	return b[-uintptr(unsafe.Pointer(&b[0]))%pageSize:][:whole]
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
