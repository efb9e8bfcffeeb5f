package arith

import "golang.org/x/sys/cpu"

func native() []*Set {
	if !cpu.X86.HasAVX2 {
		return nil
	}
	return []*Set{{"avx2", avx2}}
}

//go:noescape
func blockF32x1AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6AVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48AVX2(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16AVX2(dst, w, x *float32, n, rowStride int)

//go:noescape
func blockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func blockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)

//go:noescape
func halfBlockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)

func (u unit) blockF32(dst []float32, stride int, w, x []float32, n, k int) {
	if u != avx2 {
		blockF32Go(dst, stride, w, x, n, k)
		return
	}
	switch k {
	case 1:
		blockF32x1AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	case 2:
		blockF32x2AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	case 3:
		blockF32x3AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	case 4:
		blockF32x4AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	case 5:
		blockF32x5AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	case 6:
		blockF32x6AVX2(&dst[0], stride, &w[0], &x[0], n, n)
	}
}

func (u unit) sums48(dst, w, x []float32, n, rowStride, blockStride int) {
	if u != avx2 {
		sums48Go(dst, w, x, n, rowStride, blockStride)
		return
	}
	sums48AVX2(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
}

func (u unit) sums16(dst, w, x []float32, n, rowStride int) {
	if u != avx2 || len(dst) < 16 {
		sums16Go(dst, w, x, n, rowStride)
		return
	}
	sums16AVX2(&dst[0], &w[0], &x[0], n, rowStride)
}

func (u unit) blockI4(dst []int32, stride int, w []byte, x []int8, xStride, k int, segs []segment, p int) {
	if u != avx2 {
		blockI4Go(dst, stride, w, x, xStride, k)
		return
	}
	for i := range k {
		blockI4AVX2(&dst[i*stride], &w[0], &x[i*xStride], &segs[0], len(segs), p+i)
	}
}

func (u unit) halfBlockI4(dst []int32, w []byte, x []int8, segs []segment, p int) {
	if u != avx2 {
		halfBlockI4Go(dst, w, x)
		return
	}
	halfBlockI4AVX2(&dst[0], &w[0], &x[0], &segs[0], len(segs), p)
}

func (u unit) blockI8(dst []int32, stride int, w, x []int8, xStride, k int, segs []segment, p int) {
	if u != avx2 {
		blockI8Go(dst, stride, w, x, xStride, k)
		return
	}
	for i := range k {
		blockI8AVX2(&dst[i*stride], &w[0], &x[i*xStride], &segs[0], len(segs))
	}
}

func (u unit) halfBlockI8(dst []int32, w, x []int8, segs []segment) {
	if u != avx2 {
		halfBlockI8Go(dst, w, x)
		return
	}
	halfBlockI8AVX2(&dst[0], &w[0], &x[0], &segs[0], len(segs))
}
