package arith

import "math"

// native needs no trial: NEON is a part of every 64-bit ARM that Go runs on. (Its dot
// products of bytes are not, and would add four columns of a row, which the packed
// matrices keep apart: turning them takes the instructions that it saves.)
func native() []*Set { return []*Set{{name: "neon", unit: neon}} }

func (u unit) blockF32(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	if u != neon {
		blockF32Go(fused, dst, stride, w, x, n, k)
		return
	}
	if k == 6 { // six do not fit the registers
		u.blockF32(fused, dst, stride, w, x, n, 3)
		dst, x, k = dst[3*stride:], x[3*n:], 3
	}
	if fused {
		switch k {
		case 1:
			blockF32x1FusedNEON(&dst[0], stride, &w[0], &x[0], n, n)
		case 2:
			blockF32x2FusedNEON(&dst[0], stride, &w[0], &x[0], n, n)
		case 3:
			blockF32x3FusedNEON(&dst[0], stride, &w[0], &x[0], n, n)
		case 4:
			blockF32x4FusedNEON(&dst[0], stride, &w[0], &x[0], n, n)
		case 5:
			blockF32x5FusedNEON(&dst[0], stride, &w[0], &x[0], n, n)
		}
		return
	}
	switch k {
	case 1:
		blockF32x1NEON(&dst[0], stride, &w[0], &x[0], n, n)
	case 2:
		blockF32x2NEON(&dst[0], stride, &w[0], &x[0], n, n)
	case 3:
		blockF32x3NEON(&dst[0], stride, &w[0], &x[0], n, n)
	case 4:
		blockF32x4NEON(&dst[0], stride, &w[0], &x[0], n, n)
	case 5:
		blockF32x5NEON(&dst[0], stride, &w[0], &x[0], n, n)
	}
}

func (u unit) sums48(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	switch {
	case u != neon:
		sums48Go(fused, dst, w, x, n, rowStride, blockStride)
	case fused:
		sums48FusedNEON(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	default:
		sums48NEON(&dst[0], &w[0], &x[0], n, rowStride, blockStride)
	}
}

func (u unit) sums16(fused bool, dst, w, x []float32, n, rowStride int) {
	switch {
	case u != neon:
		sums16Go(fused, dst, w, x, n, rowStride)
		return
	case len(dst) == 16 && fused:
		sums16FusedNEON(&dst[0], &w[0], &x[0], n, rowStride)
		return
	case len(dst) == 16:
		sums16NEON(&dst[0], &w[0], &x[0], n, rowStride)
		return
	}
	i := 0
	for ; i+4 <= len(dst); i += 4 {
		if fused {
			sums4FusedNEON(&dst[i], &w[i], &x[0], n, rowStride)
		} else {
			sums4NEON(&dst[i], &w[i], &x[0], n, rowStride)
		}
	}
	for ; i < len(dst); i++ {
		if fused {
			sums1FusedNEON(&dst[i], &w[i], &x[0], n, rowStride)
		} else {
			sums1NEON(&dst[i], &w[i], &x[0], n, rowStride)
		}
	}
}

// rows32 is dst[i] = Σ w[i*stride+j] * x[j], i < 32, over the first columns, and
// returns how many those are: 0 if there is no such kernel.
func (u unit) rows32(fused bool, dst *[32]float32, w, x []float32, stride int) int {
	n := len(x) &^ 3
	switch {
	case u != neon || n == 0:
		return 0
	case fused:
		rows32FusedNEON(&dst[0], &w[0], &x[0], stride, n)
	default:
		rows32NEON(&dst[0], &w[0], &x[0], stride, n)
	}
	return n
}

func (u unit) dotFused(w, x []float32) float32 {
	if u != neon {
		return dotFusedGo(w, x)
	}
	return dotFused(&w[0], &x[0], len(x))
}

func (u unit) dot4(fused bool, a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	var sums [4]float32
	switch {
	case u != neon && fused:
		return dot4FusedGo(a, b, c, d, x)
	case u != neon:
		return dot4(a, b, c, d, x)
	case fused:
		dot4FusedNEON(&sums[0], &a[0], &b[0], &c[0], &d[0], &x[0], len(x))
	default:
		dot4NEON(&sums[0], &a[0], &b[0], &c[0], &d[0], &x[0], len(x))
	}
	return sums[0], sums[1], sums[2], sums[3]
}

// rotate says whether it was done.
func (u unit) rotate(fused bool, vec, cos, sin []float32) bool {
	switch {
	case u != neon || len(cos)%4 != 0:
		return false
	case fused:
		rotateFusedNEON(&vec[0], &cos[0], &sin[0], len(vec), len(cos))
	default:
		rotateNEON(&vec[0], &cos[0], &sin[0], len(vec), len(cos))
	}
	return true
}

func (u unit) blockI4(dst []int32, stride int, w []byte, x []int8, xStride, k int, segs []segment, p int) {
	if u != neon {
		blockI4Go(dst, stride, w, x, xStride, k)
		return
	}
	for i := range k {
		blockI4NEON(&dst[i*stride], &w[0], &x[i*xStride], &segs[0], len(segs), p+i)
	}
}

func (u unit) halfBlockI4(dst []int32, w []byte, x []int8, segs []segment, p int) {
	if u != neon {
		halfBlockI4Go(dst, w, x)
		return
	}
	halfBlockI4NEON(&dst[0], &w[0], &x[0], &segs[0], len(segs), p)
}

func (u unit) blockI8(dst []int32, stride int, w, x []int8, xStride, k int, segs []segment, p int) {
	if u != neon {
		blockI8Go(dst, stride, w, x, xStride, k)
		return
	}
	for i := range k {
		blockI8NEON(&dst[i*stride], &w[0], &x[i*xStride], &segs[0], len(segs))
	}
}

func (u unit) halfBlockI8(dst []int32, w, x []int8, segs []segment) {
	if u != neon {
		halfBlockI8Go(dst, w, x)
		return
	}
	halfBlockI8NEON(&dst[0], &w[0], &x[0], &segs[0], len(segs))
}

// whole is how many of n elements a kernel does that takes so many at a time.
func (u unit) whole(n, step int) int {
	if u != neon {
		return 0
	}
	return n / step * step
}

// The element-wise kernels return how many elements they did; Go does the others.

func (u unit) addTo(dst, x []float32) int {
	n := u.whole(len(x), 4)
	if n > 0 {
		addToNEON(&dst[0], &x[0], n)
	}
	return n
}

func (u unit) mulScaleWeight(dst, w, x []float32, scale float32) int {
	n := u.whole(len(x), 4)
	if n > 0 {
		mulScaleWeightNEON(&dst[0], &w[0], &x[0], n, scale)
	}
	return n
}

func (u unit) mulWeightScale(dst, w, x []float32, scale float32) int {
	n := u.whole(len(x), 4)
	if n > 0 {
		mulWeightScaleNEON(&dst[0], &w[0], &x[0], n, scale)
	}
	return n
}

func (u unit) mulScalar(x []float32, by float32) int {
	n := u.whole(len(x), 4)
	if n > 0 {
		mulScalarNEON(&x[0], n, by)
	}
	return n
}

func (u unit) divScalar(x []float32, by float32) int {
	n := u.whole(len(x), 4)
	if n > 0 {
		divScalarNEON(&x[0], n, by)
	}
	return n
}

func (u unit) scaleI32(dst []float32, acc []int32, rowScale []float32, scale float32) int {
	n := u.whole(len(acc), 4)
	if n > 0 {
		scaleI32NEON(&dst[0], &acc[0], &rowScale[0], n, scale)
	}
	return n
}

func (u unit) quantize(dst []int8, x []float32, inv, limit float32) int {
	n := u.whole(len(x), 16)
	if n > 0 {
		quantizeNEON(&dst[0], &x[0], n, inv, limit)
	}
	return n
}

func (u unit) maxAbs(dst *[32]float32, x []float32) int {
	n := u.whole(len(x), 32)
	if n > 0 {
		maxAbsNEON(dst, &x[0], n)
	}
	return n
}

func (u unit) laneMax(dst *[32]float32, x []float32) int {
	n := u.whole(len(x), 32)
	if n > 0 {
		laneMaxNEON(dst, &x[0], n)
	}
	return n
}

func (u unit) expAbout(lanes *[32]float32, x []float32, minusFrom, scale float32) int {
	n := u.whole(len(x), 32)
	if n > 0 {
		expAboutNEON(lanes, &x[0], n, minusFrom, scale, &aboutConstants[0])
	}
	return n
}

func (u unit) gateAbout(dst, h1, h3 []float32) int {
	n := u.whole(len(dst), 4)
	if n > 0 {
		gateAboutNEON(&dst[0], &h1[0], &h3[0], n, -math.Log2E, &aboutConstants[0])
	}
	return n
}

func (u unit) boundRows(dst []float32, tail *[32]float32, acc []int32, along, scale, rowError []float32, b *Bound) int {
	n := u.whole(len(acc), 32)
	if n > 0 {
		boundRowsNEON(&dst[0], tail, &acc[0], &along[0], &scale[0], &rowError[0], n, b)
	}
	return n
}
