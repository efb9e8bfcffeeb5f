//go:build !amd64 && !riscv64

package arith

func native() []*Set { return nil }

func (unit) blockF32(dst []float32, stride int, w, x []float32, n, k int) {
	blockF32Go(dst, stride, w, x, n, k)
}

func (unit) sums48(dst, w, x []float32, n, rowStride, blockStride int) {
	sums48Go(dst, w, x, n, rowStride, blockStride)
}

func (unit) sums16(dst, w, x []float32, n, rowStride int) {
	sums16Go(dst, w, x, n, rowStride)
}

func (unit) blockI4(dst []int32, stride int, w []byte, x []int8, xStride, k int, segs []segment, p int) {
	blockI4Go(dst, stride, w, x, xStride, k)
}

func (unit) halfBlockI4(dst []int32, w []byte, x []int8, segs []segment, p int) {
	halfBlockI4Go(dst, w, x)
}

func (unit) blockI8(dst []int32, stride int, w, x []int8, xStride, k int, segs []segment, p int) {
	blockI8Go(dst, stride, w, x, xStride, k)
}

func (unit) halfBlockI8(dst []int32, w, x []int8, segs []segment) {
	halfBlockI8Go(dst, w, x)
}
