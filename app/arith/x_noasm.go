//go:build !amd64 && !arm64 && !riscv64 && !wasm

package arith

func native() []*Set { return nil }

func (unit) blockF32(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	blockF32Go(fused, dst, stride, w, x, n, k)
}

func (unit) sums48(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	sums48Go(fused, dst, w, x, n, rowStride, blockStride)
}

func (unit) sums16(fused bool, dst, w, x []float32, n, rowStride int) {
	sums16Go(fused, dst, w, x, n, rowStride)
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

func (unit) dotFused(w, x []float32) float32 { return dotFusedGo(w, x) }

func (unit) dot4(fused bool, a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	if !fused {
		return dot4(a, b, c, d, x)
	}
	return dot4FusedGo(a, b, c, d, x)
}
