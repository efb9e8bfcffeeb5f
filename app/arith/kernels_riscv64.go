package arith

import "math"

// native tries the vector units in a child process, which an instruction refused by the
// processor or the kernel ends, and nothing else. riscv_hwprobe would not do: user-mode emulators do
// not answer it, older kernels do not know T-Head's unit, and what a kernel says of that unit
// follows from the vendor's name, not from what the processor executes.
func native() []*Set {
	var sets []*Set
	if trial10() {
		sets = append(sets, &Set{name: "rvv10", unit: rvv10})
	}
	if trial071() {
		sets = append(sets, &Set{name: "rvv071", unit: rvv071})
	}
	return sets
}

func (u unit) blockF32(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	switch {
	case u == rvv071 && !fused:
		switch k {
		case 1:
			blockF32x1RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 6:
			blockF32x6RVV071(&dst[0], stride, &w[0], &x[0], n, n)
		}
	case u == rvv071:
		switch k {
		case 1:
			blockF32x1FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		case 6:
			blockF32x6FusedRVV071(&dst[0], stride, &w[0], &x[0], n, n)
		}
	case u == rvv10 && !fused:
		switch k {
		case 1:
			blockF32x1RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 6:
			blockF32x6RVV10(&dst[0], stride, &w[0], &x[0], n, n)
		}
	case u == rvv10:
		switch k {
		case 1:
			blockF32x1FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		case 6:
			blockF32x6FusedRVV10(&dst[0], stride, &w[0], &x[0], n, n)
		}
	default:
		blockF32Go(fused, dst, stride, w, x, n, k)
	}
}

func (u unit) sums48(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	switch {
	case u == rvv071 && !fused:
		sums48RVV071(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	case u == rvv071:
		sums48FusedRVV071(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	case u == rvv10 && !fused:
		sums48RVV10(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	case u == rvv10:
		sums48FusedRVV10(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	default:
		sums48Go(fused, dst, w, x, n, rowStride, blockStride)
	}
}

func (u unit) sums16(fused bool, dst, w, x []float32, n, rowStride int) {
	switch {
	case u == rvv071 && !fused:
		sums16RVV071(&dst[0], &w[0], &x[0], n, rowStride, len(dst))
	case u == rvv071:
		sums16FusedRVV071(&dst[0], &w[0], &x[0], n, rowStride, len(dst))
	case u == rvv10 && !fused:
		sums16RVV10(&dst[0], &w[0], &x[0], n, rowStride, len(dst))
	case u == rvv10:
		sums16FusedRVV10(&dst[0], &w[0], &x[0], n, rowStride, len(dst))
	default:
		sums16Go(fused, dst, w, x, n, rowStride)
	}
}

// The scalar unit of every processor that has a vector unit has a fused multiply-add.

func (u unit) dotFused(w, x []float32) float32 {
	if u == generic {
		return dotFusedGo(w, x)
	}
	return dotFused(&w[0], &x[0], len(x))
}

func (u unit) dot4(fused bool, a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	switch {
	case !fused:
		return dot4(a, b, c, d, x)
	case u == generic:
		return dot4FusedGo(a, b, c, d, x)
	}
	return dot4Fused(&a[0], &b[0], &c[0], &d[0], &x[0], len(x))
}

// rotate says whether it was done.
func (u unit) rotate(fused bool, vec, cos, sin []float32) bool {
	if u == generic || !fused {
		return false
	}
	rotateFused(&vec[0], &cos[0], &sin[0], len(vec), len(cos))
	return true
}

func (u unit) blockI4(dst []int32, stride int, w []byte, x []int8, xStride, k int, segs []segment, p int) {
	switch u {
	case rvv071:
		switch k {
		case 1:
			blockI4x1RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 2:
			blockI4x2RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
			blockI4x2RVV071(&dst[32], stride, &w[32], &x[0], xStride, &segs[0], len(segs), p)
		case 3:
			blockI4x3RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
			blockI4x3RVV071(&dst[32], stride, &w[32], &x[0], xStride, &segs[0], len(segs), p)
		}
	case rvv10:
		switch k {
		case 1:
			blockI4x1RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 2:
			blockI4x2RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
			blockI4x2RVV10(&dst[32], stride, &w[32], &x[0], xStride, &segs[0], len(segs), p)
		case 3:
			blockI4x3RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
			blockI4x3RVV10(&dst[32], stride, &w[32], &x[0], xStride, &segs[0], len(segs), p)
		}
	default:
		blockI4Go(dst, stride, w, x, xStride, k)
	}
}

func (u unit) halfBlockI4(dst []int32, w []byte, x []int8, segs []segment, p int) {
	switch u {
	case rvv071:
		halfBlockI4RVV071(&dst[0], 0, &w[0], &x[0], 0, &segs[0], len(segs), p)
	case rvv10:
		halfBlockI4RVV10(&dst[0], 0, &w[0], &x[0], 0, &segs[0], len(segs), p)
	default:
		halfBlockI4Go(dst, w, x)
	}
}

func (u unit) blockI8(dst []int32, stride int, w, x []int8, xStride, k int, segs []segment, p int) {
	switch u {
	case rvv071:
		switch k {
		case 1:
			blockI8x1RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 2:
			blockI8x2RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 3:
			blockI8x3RVV071(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		}
	case rvv10:
		switch k {
		case 1:
			blockI8x1RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 2:
			blockI8x2RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		case 3:
			blockI8x3RVV10(&dst[0], stride, &w[0], &x[0], xStride, &segs[0], len(segs), p)
		}
	default:
		blockI8Go(dst, stride, w, x, xStride, k)
	}
}

func (u unit) halfBlockI8(dst []int32, w, x []int8, segs []segment) {
	switch u {
	case rvv071:
		halfBlockI8RVV071(&dst[0], 0, &w[0], &x[0], 0, &segs[0], len(segs), 0)
	case rvv10:
		halfBlockI8RVV10(&dst[0], 0, &w[0], &x[0], 0, &segs[0], len(segs), 0)
	default:
		halfBlockI8Go(dst, w, x)
	}
}

// The element-wise kernels return how many elements they did; Go does the others.

func (u unit) addTo(dst, x []float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		addToRVV071(&dst[0], &x[0], len(x))
		return len(x)
	case u == rvv10:
		addToRVV10(&dst[0], &x[0], len(x))
		return len(x)
	}
	return 0
}

func (u unit) mulScaleWeight(dst, w, x []float32, scale float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		mulScaleWeightRVV071(&dst[0], &w[0], &x[0], len(x), scale)
		return len(x)
	case u == rvv10:
		mulScaleWeightRVV10(&dst[0], &w[0], &x[0], len(x), scale)
		return len(x)
	}
	return 0
}

func (u unit) mulWeightScale(dst, w, x []float32, scale float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		mulWeightScaleRVV071(&dst[0], &w[0], &x[0], len(x), scale)
		return len(x)
	case u == rvv10:
		mulWeightScaleRVV10(&dst[0], &w[0], &x[0], len(x), scale)
		return len(x)
	}
	return 0
}

func (u unit) mulScalar(x []float32, by float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		mulScalarRVV071(&x[0], len(x), by)
		return len(x)
	case u == rvv10:
		mulScalarRVV10(&x[0], len(x), by)
		return len(x)
	}
	return 0
}

func (u unit) scaleI32(dst []float32, acc []int32, rowScale []float32, scale float32) int {
	switch {
	case len(acc) == 0:
	case u == rvv071:
		scaleI32RVV071(&dst[0], &acc[0], &rowScale[0], len(acc), scale)
		return len(acc)
	case u == rvv10:
		scaleI32RVV10(&dst[0], &acc[0], &rowScale[0], len(acc), scale)
		return len(acc)
	}
	return 0
}

func (u unit) quantize(dst []int8, x []float32, inv, limit float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		quantizeRVV071(&dst[0], &x[0], len(x), inv, limit)
		return len(x)
	case u == rvv10:
		quantizeRVV10(&dst[0], &x[0], len(x), inv, limit)
		return len(x)
	}
	return 0
}

func (u unit) maxAbs(dst *[32]float32, x []float32) int {
	switch {
	case len(x) < 32:
	case u == rvv071:
		maxAbsRVV071(dst, &x[0], len(x)&^31)
		return len(x) &^ 31
	case u == rvv10:
		maxAbsRVV10(dst, &x[0], len(x)&^31)
		return len(x) &^ 31
	}
	return 0
}

func (u unit) laneMax(dst *[32]float32, x []float32) int {
	switch {
	case len(x) < 32:
	case u == rvv071:
		laneMaxRVV071(dst, &x[0], len(x)&^31)
		return len(x) &^ 31
	case u == rvv10:
		laneMaxRVV10(dst, &x[0], len(x)&^31)
		return len(x) &^ 31
	}
	return 0
}

func (u unit) divScalar(x []float32, by float32) int {
	switch {
	case len(x) == 0:
	case u == rvv071:
		divScalarRVV071(&x[0], len(x), by)
		return len(x)
	case u == rvv10:
		divScalarRVV10(&x[0], len(x), by)
		return len(x)
	}
	return 0
}

func (u unit) expAbout(lanes *[32]float32, x []float32, minusFrom, scale float32) int {
	switch {
	case len(x) < 32:
	case u == rvv071:
		expAboutRVV071(lanes, &x[0], len(x)&^31, minusFrom, scale, &aboutConstants[0])
		return len(x) &^ 31
	case u == rvv10:
		expAboutRVV10(lanes, &x[0], len(x)&^31, minusFrom, scale, &aboutConstants[0])
		return len(x) &^ 31
	}
	return 0
}

func (u unit) gateAbout(dst, h1, h3 []float32) int {
	switch {
	case len(dst) == 0:
	case u == rvv071:
		gateAboutRVV071(&dst[0], &h1[0], &h3[0], len(dst), -math.Log2E, &aboutConstants[0])
		return len(dst)
	case u == rvv10:
		gateAboutRVV10(&dst[0], &h1[0], &h3[0], len(dst), -math.Log2E, &aboutConstants[0])
		return len(dst)
	}
	return 0
}
