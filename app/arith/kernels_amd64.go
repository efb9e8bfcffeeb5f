package arith

import "golang.org/x/sys/cpu"

func native() []*Set {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return nil
	}
	return []*Set{{name: "avx2", unit: avx2}}
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
func sumsFewAVX2(dst, w, x *float32, n, rowStride int, mask *int32)

//go:noescape
func sumsFewFusedAVX2(dst, w, x *float32, n, rowStride int, mask *int32)

//go:noescape
func rows32AVX2(dst, w, x *float32, stride, n int)

//go:noescape
func rows32FusedAVX2(dst, w, x *float32, stride, n int)

// firstLanes, from its element 16-n on, is a mask of the first n of 16 lanes.
var firstLanes = [32]int32{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}

//go:noescape
func blockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func blockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)

//go:noescape
func halfBlockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)

//go:noescape
func blockF32x1FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6FusedAVX2(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48FusedAVX2(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16FusedAVX2(dst, w, x *float32, n, rowStride int)

//go:noescape
func dotFused(w, x *float32, n int) float32

//go:noescape
func dot4Fused(a, b, c, d, x *float32, n int) (sa, sb, sc, sd float32)

func (u unit) blockF32(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	switch {
	case u != avx2:
		blockF32Go(fused, dst, stride, w, x, n, k)
	case fused:
		switch k {
		case 1:
			blockF32x1FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		case 6:
			blockF32x6FusedAVX2(&dst[0], stride, &w[0], &x[0], n, n)
		}
	default:
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
}

func (u unit) sums48(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	switch {
	case u != avx2:
		sums48Go(fused, dst, w, x, n, rowStride, blockStride)
	case fused:
		sums48FusedAVX2(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	default:
		sums48AVX2(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	}
}

func (u unit) sums16(fused bool, dst, w, x []float32, n, rowStride int) {
	switch {
	case u != avx2:
		sums16Go(fused, dst, w, x, n, rowStride)
	case len(dst) < 16 && fused:
		sumsFewFusedAVX2(&dst[0], &w[0], &x[0], n, rowStride, &firstLanes[16-len(dst)])
	case len(dst) < 16:
		sumsFewAVX2(&dst[0], &w[0], &x[0], n, rowStride, &firstLanes[16-len(dst)])
	case fused:
		sums16FusedAVX2(&dst[0], &w[0], &x[0], n, rowStride)
	default:
		sums16AVX2(&dst[0], &w[0], &x[0], n, rowStride)
	}
}

// rows32 is dst[i] = Σ w[i*stride+j] * x[j], i < 32, over the first columns, and
// returns how many those are: 0 if there is no such kernel.
func (u unit) rows32(fused bool, dst *[32]float32, w, x []float32, stride int) int {
	n := len(x) &^ 3
	switch {
	case u != avx2 || n == 0:
		return 0
	case fused:
		rows32FusedAVX2(&dst[0], &w[0], &x[0], stride, n)
	default:
		rows32AVX2(&dst[0], &w[0], &x[0], stride, n)
	}
	return n
}

func (u unit) dotFused(w, x []float32) float32 {
	if u != avx2 {
		return dotFusedGo(w, x)
	}
	return dotFused(&w[0], &x[0], len(x))
}

func (u unit) dot4(fused bool, a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	switch {
	case !fused:
		return dot4(a, b, c, d, x)
	case u != avx2:
		return dot4FusedGo(a, b, c, d, x)
	}
	return dot4Fused(&a[0], &b[0], &c[0], &d[0], &x[0], len(x))
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
