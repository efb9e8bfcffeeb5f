package arith

//go:noescape
func blockF32x1NEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2NEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3NEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4NEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5NEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48NEON(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16NEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func sums4NEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func sums1NEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func rows32NEON(dst, w, x *float32, stride, n int)

//go:noescape
func dot4NEON(dst, a, b, c, d, x *float32, n int)

//go:noescape
func blockF32x1FusedNEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2FusedNEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3FusedNEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4FusedNEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5FusedNEON(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48FusedNEON(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16FusedNEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func sums4FusedNEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func sums1FusedNEON(dst, w, x *float32, n, rowStride int)

//go:noescape
func rows32FusedNEON(dst, w, x *float32, stride, n int)

//go:noescape
func dot4FusedNEON(dst, a, b, c, d, x *float32, n int)

//go:noescape
func dotFused(w, x *float32, n int) float32

//go:noescape
func rotateFusedNEON(vec, cos, sin *float32, n, half int)

//go:noescape
func rotateNEON(vec, cos, sin *float32, n, half int)

//go:noescape
func blockI4NEON(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI4NEON(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)

//go:noescape
func blockI8NEON(dst *int32, w, x *int8, segs *segment, nsegs int)

//go:noescape
func halfBlockI8NEON(dst *int32, w, x *int8, segs *segment, nsegs int)

//go:noescape
func addToNEON(dst, x *float32, n int)

//go:noescape
func mulScaleWeightNEON(dst, w, x *float32, n int, scale float32)

//go:noescape
func mulWeightScaleNEON(dst, w, x *float32, n int, scale float32)

//go:noescape
func mulScalarNEON(x *float32, n int, by float32)

//go:noescape
func divScalarNEON(x *float32, n int, by float32)

//go:noescape
func scaleI32NEON(dst *float32, acc *int32, rowScale *float32, n int, scale float32)

//go:noescape
func quantizeNEON(dst *int8, x *float32, n int, inv, limit float32)

//go:noescape
func maxAbsNEON(dst *[32]float32, x *float32, n int)

//go:noescape
func laneMaxNEON(dst *[32]float32, x *float32, n int)

//go:noescape
func expAboutNEON(lanes *[32]float32, x *float32, n int, minusFrom, scale float32, constants *float32)

//go:noescape
func gateAboutNEON(dst, h1, h3 *float32, n int, minusLog2E float32, constants *float32)

//go:noescape
func boundRowsNEON(dst *float32, tail *[32]float32, acc *int32, along, scale, rowError *float32, n int, b *Bound)
