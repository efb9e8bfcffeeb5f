package arith

import (
	"fmt"
	"unsafe"
)

// Rows in a block of a packed matrix.
const (
	BlockF32 = 16
	BlockI4  = 128 // the last may have half
	BlockI8  = 64  // the last may have half
)

// positionsPerPass bounds the vectors that go by while a block of weights stays in
// the first-level cache: with more, the vectors themselves would no longer fit beside it.
const positionsPerPass = 24

func check(what string, got, want int) {
	if got != want {
		panic(fmt.Sprintf("arith: %s has %d elements, want %d", what, got, want))
	}
}

func blocks(d, size int) int { return (d + size - 1) / size }

// PackedF32Len is the length of a packed d×n matrix.
func PackedF32Len(n, d int) int { return blocks(d, BlockF32) * BlockF32 * n }

// PackF32 packs the d×n matrix w: dst[(b*n+j)*16+i] = w[(b*16+i)*n+j].
func PackF32(dst, w []float32, n, d int) {
	check("dst", len(dst), PackedF32Len(n, d))
	pack(dst, w, n, d, BlockF32)
}

// PackedI8Len is the length of a packed d×n matrix.
func PackedI8Len(n, d int) int { return blocks(d, BlockI8/2) * BlockI8 / 2 * n }

// PackI8 packs the d×n matrix w: dst[(b*n+j)*64+i] = w[(b*64+i)*n+j]. If 32 rows or fewer are left
// for the last block it has 32: dst[(b*n*2+j)*32+i].
func PackI8(dst, w []int8, n, d int) {
	check("dst", len(dst), PackedI8Len(n, d))
	check("w", len(w), n*d)
	whole := fullBlocks(d, BlockI8)
	pack(dst[:PackedI8Len(n, whole)], w[:whole*n], n, whole, BlockI8)
	pack(dst[PackedI8Len(n, whole):], w[whole*n:], n, d-whole, BlockI8/2)
}

// fullBlocks is the number of rows in blocks of a size; the others are in one of half.
func fullBlocks(d, size int) int {
	if d%size <= size/2 {
		return d - d%size
	}
	return d
}

func pack[T any](dst, w []T, n, d, size int) {
	check("w", len(w), n*d)
	clear(dst)
	for r := range d {
		block := dst[r/size*size*n:]
		for j := range n {
			block[j*size+r%size] = w[r*n+j]
		}
	}
}

// PackedI4Len is the number of bytes of a packed d×n matrix.
func PackedI4Len(n, d int) int { return blocks(d, BlockI4/2) * BlockI4 / 4 * n }

// PackI4 packs the d×n matrix w of values from -7 to 7, two to a byte: byte (b*n+j)*64+i
// holds column j of row b*128+i, plus 8, in its low four bits, and of row b*128+64+i, in
// two's complement, in its high four. Shifted right by four as a signed byte it is the second
// weight; unshifted it is the first plus 8 plus 16 times the second, which is taken out
// of the finished sums: unpacking costs one instruction. If 64 rows or fewer are left for
// the last block it has 64, bytes 32 a column, weights 32 rows apart.
func PackI4(dst []byte, w []int8, n, d int) {
	check("dst", len(dst), PackedI4Len(n, d))
	check("w", len(w), n*d)
	for i := range dst {
		dst[i] = 8
	}
	whole := fullBlocks(d, BlockI4)
	for r := range d {
		size := BlockI4
		if r >= whole {
			size /= 2
		}
		block := dst[r/BlockI4*(BlockI4/2)*n:]
		for j := range n {
			v := w[r*n+j]
			if v < -maxI4 || v > maxI4 {
				panic(fmt.Sprintf("arith: PackI4: weight %d is not between -7 and 7", v))
			}
			at := &block[j*(size/2)+r%(size/2)]
			if r%size < size/2 {
				*at += byte(v)
			} else {
				*at += byte(v << 4)
			}
		}
	}
}

const maxI4 = 7

// MatMulF32 multiplies the packed d×n matrix w by the k vectors x.
func (s *Set) MatMulF32(dst, w, x []float32, n, d, k int) {
	check("w", len(w), PackedF32Len(n, d))
	check("x", len(x), n*k)
	check("dst", len(dst), d*k)
	if n == 0 {
		clear(dst)
		return
	}
	for p := 0; p < k; p += positionsPerPass {
		q := min(p+positionsPerPass, k)
		s.matMulF32(dst[p*d:q*d], w, x[p*n:q*n], n, d, q-p)
	}
}

func (s *Set) matMulF32(dst, w, x []float32, n, d, k int) {
	const b = BlockF32
	r := 0
	if k == 1 { // three blocks at a time share the loads of x
		for ; r+3*b <= d; r += 3 * b {
			s.unit.sums48(s.fused, dst[r:r+3*b], w[r*n:], x, n, b, b*n)
		}
	}
	for ; r+b <= d; r += b {
		for p := 0; p < k; p += 6 {
			s.unit.blockF32(s.fused, dst[p*d+r:], d, w[r*n:(r+b)*n], x[p*n:], n, min(6, k-p))
		}
	}
	if r < d {
		var last [6 * b]float32
		for p := 0; p < k; p += 6 {
			m := min(6, k-p)
			s.unit.blockF32(s.fused, last[:], b, w[r*n:(r+b)*n], x[p*n:], n, m)
			for i := range m {
				copy(dst[(p+i)*d+r:(p+i+1)*d], last[i*b:])
			}
		}
	}
}

// A segment is a range of columns whose products can be summed in 16 bits.
type segment struct {
	lo, hi int
	sum    [positionsPerPass]int16 // of x over the range, by position: no larger than a product's sum
}

// segments are for kernels whose sums are of 16 bits: the others need none.
func (u unit) segments(buf []segment, x []int8, n, k, wmax int) []segment {
	if u == generic || u == simd {
		return nil
	}
	return segments(buf, x, n, k, wmax)
}

// segments splits n columns so that no sum of weights up to wmax times x leaves 16 bits
// in a segment: nearly the longest ones that these very x allow. They are multiples of eight
// columns, as the kernels are unrolled, unless x is so large that eight are too many.
func segments(buf []segment, x []int8, n, k, wmax int) []segment {
	if k == 1 && n%8 == 0 {
		if segs, ok := segmentsOne(buf, x, wmax); ok {
			return segs
		}
	}
	segs, ok := segmentsBy(8, buf, x, n, k, wmax)
	if !ok {
		segs, _ = segmentsBy(1, buf, x, n, k, wmax)
	}
	return segs
}

func segmentsBy(step int, buf []segment, x []int8, n, k, wmax int) ([]segment, bool) {
	limit := int32(0x7fff / wmax)
	var size, sum, abs [positionsPerPass]int32 // of the segment |x|; of the step x and |x|
	buf = append(buf, segment{})
	now := &buf[len(buf)-1]
	for j := 0; j < n; j += step {
		now.hi = j
		step = min(step, n-j)
		full := false
		for p := range k {
			sum[p], abs[p] = sumAbs(x[p*n+j:][:step])
			full = full || size[p]+abs[p] > limit
		}
		if full {
			buf = append(buf, segment{lo: j})
			now = &buf[len(buf)-1]
			clear(size[:k])
		}
		for p := range k {
			if abs[p] > limit {
				return buf[:0], false
			}
			size[p] += abs[p]
			now.sum[p] += int16(sum[p])
		}
	}
	now.hi = n
	return buf, true
}

// segmentsOne is segmentsBy(8) for one position, where the search weighs most beside
// the product.
func segmentsOne(buf []segment, x []int8, wmax int) ([]segment, bool) {
	limit := int32(0x7fff / wmax)
	var now segment
	var size int32
	for now.hi < len(x) {
		sum, abs := sumAbs8((*[8]int8)(x[now.hi:]))
		if size+abs > limit {
			if abs > limit {
				return buf, false
			}
			buf = append(buf, now)
			now.lo, now.sum[0], size = now.hi, 0, 0
		}
		now.sum[0] += int16(sum)
		size += abs
		now.hi += 8
	}
	return append(buf, now), true
}

// sumAbs returns Σx and Σ|x|.
func sumAbs(x []int8) (sum, abs int32) {
	if len(x) == 8 {
		return sumAbs8((*[8]int8)(x))
	}
	for _, v := range x {
		sum += int32(v)
		abs += max(int32(v), -int32(v))
	}
	return sum, abs
}

// sumAbs8 adds eight bytes in one register.
func sumAbs8(x *[8]int8) (sum, abs int32) {
	const (
		ones  = 0x0101010101010101
		pairs = 0x00ff00ff00ff00ff
		four  = 0x0001000100010001
	)
	v := *(*uint64)(unsafe.Pointer(x))
	sign := v >> 7 & ones
	a := (v ^ (sign<<8 - sign)) + sign
	u := v ^ (ones << 7)
	sum = int32((u&pairs+u>>8&pairs)*four>>48) - 8*128
	abs = int32((a&pairs + a>>8&pairs) * four >> 48)
	return sum, abs
}

// MatMulI4 multiplies the packed d×n matrix w by the k vectors x.
func (s *Set) MatMulI4(dst []int32, w []byte, x []int8, n, d, k int) {
	s.MatMulI4Rows(dst, w, x, n, d, k, 0, d)
}

// MatMulI4Rows computes the rows lo <= r < hi of MatMulI4's result and leaves the others
// of dst as they are. lo is a multiple of 128; so is hi, unless it is d.
func (s *Set) MatMulI4Rows(dst []int32, w []byte, x []int8, n, d, k, lo, hi int) {
	check("w", len(w), PackedI4Len(n, d))
	check("x", len(x), n*k)
	check("dst", len(dst), d*k)
	if lo%BlockI4 != 0 || hi%BlockI4 != 0 && hi != d || hi > d {
		panic(fmt.Sprintf("arith: MatMulI4Rows: rows %d to %d are not whole blocks of %d", lo, hi, BlockI4))
	}
	if n == 0 {
		for p := range k {
			clear(dst[p*d+lo : p*d+hi])
		}
		return
	}
	var buf [8]segment
	for p := 0; p < k; p += positionsPerPass {
		m := min(positionsPerPass, k-p)
		segs := s.unit.segments(buf[:0], x[p*n:(p+m)*n], n, m, maxI4)
		whole := min(hi, fullBlocks(d, BlockI4))
		for r := lo; r < whole; r += BlockI4 {
			block, bx := w[r/2*n:(r+BlockI4)/2*n], x[p*n:(p+m)*n]
			if r+BlockI4 <= d {
				s.blockI4(dst[p*d+r:], d, block, bx, n, m, segs)
				continue
			}
			var last [positionsPerPass * BlockI4]int32
			s.blockI4(last[:], BlockI4, block, bx, n, m, segs)
			for i := range m {
				copy(dst[(p+i)*d+r:(p+i+1)*d], last[i*BlockI4:])
			}
		}
		for i := p; i < p+m && whole < hi; i++ {
			var last [BlockI4 / 2]int32
			s.unit.halfBlockI4(last[:], w[whole/2*n:], x[i*n:(i+1)*n], segs, i-p)
			copy(dst[i*d+whole:(i+1)*d], last[:])
		}
	}
}

// blockI4 multiplies one packed block by all positions of a pass, three at a time.
func (s *Set) blockI4(dst []int32, stride int, w []byte, x []int8, n, k int, segs []segment) {
	for p := range k {
		clear(dst[p*stride:][:BlockI4])
	}
	for p := 0; p < k; p += 3 {
		s.unit.blockI4(dst[p*stride:], stride, w, x[p*n:], n, min(3, k-p), segs, p)
	}
}

// MatMulI8 multiplies the packed d×n matrix w by the k vectors x. No weight is larger
// than wmax (1 to 128) or smaller than -wmax; a smaller wmax is faster.
func (s *Set) MatMulI8(dst []int32, w, x []int8, n, d, k, wmax int) {
	check("w", len(w), PackedI8Len(n, d))
	check("x", len(x), n*k)
	check("dst", len(dst), d*k)
	if wmax < 1 || wmax > 128 {
		panic(fmt.Sprintf("arith: MatMulI8: wmax %d is not between 1 and 128", wmax))
	}
	if n == 0 {
		clear(dst)
		return
	}
	var buf [32]segment
	for p := 0; p < k; p += positionsPerPass {
		m := min(positionsPerPass, k-p)
		vectors := x[p*n : (p+m)*n]
		s.matMulI8(dst[p*d:(p+m)*d], w, vectors, n, d, m, s.unit.segments(buf[:0], vectors, n, m, wmax))
	}
}

// VectorsI8 are a few vectors made ready for products with many matrices.
type VectorsI8 struct {
	x        []int8
	n, k     int
	segments []segment
}

// VectorsI8 makes k vectors of n elements ready for [Set.MatMulVectorsI8] with weights up
// to wmax. They are not to be changed meanwhile. k is 24 at most.
func (s *Set) VectorsI8(x []int8, n, k, wmax int) VectorsI8 {
	check("x", len(x), n*k)
	return VectorsI8{x, n, k, s.unit.segments(nil, x, n, k, wmax)}
}

// MatMulVectorsI8 is MatMulI8 with vectors that were made ready before.
func (s *Set) MatMulVectorsI8(dst []int32, w []int8, v VectorsI8, d int) {
	check("w", len(w), PackedI8Len(v.n, d))
	check("dst", len(dst), d*v.k)
	s.matMulI8(dst, w, v.x, v.n, d, v.k, v.segments)
}

func (s *Set) matMulI8(dst []int32, w, x []int8, n, d, k int, segs []segment) {
	whole := fullBlocks(d, BlockI8)
	for r := 0; r < whole; r += BlockI8 {
		block := w[r*n : (r+BlockI8)*n]
		if r+BlockI8 <= d {
			s.blockI8(dst[r:], d, block, x, n, k, segs)
			continue
		}
		var last [positionsPerPass * BlockI8]int32
		s.blockI8(last[:], BlockI8, block, x, n, k, segs)
		for i := range k {
			copy(dst[i*d+r:(i+1)*d], last[i*BlockI8:])
		}
	}
	if whole < d {
		for i := range k {
			var last [BlockI8 / 2]int32
			s.unit.halfBlockI8(last[:], w[whole*n:], x[i*n:(i+1)*n], segs)
			copy(dst[i*d+whole:(i+1)*d], last[:])
		}
	}
}

func (s *Set) blockI8(dst []int32, stride int, w, x []int8, n, k int, segs []segment) {
	for p := range k {
		clear(dst[p*stride:][:BlockI8])
	}
	for p := 0; p < k; p += 3 {
		s.unit.blockI8(dst[p*stride:], stride, w, x[p*n:], n, min(3, k-p), segs, p)
	}
}
