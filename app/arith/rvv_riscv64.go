package arith

//go:noescape
func blockF32x1RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6RVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48RVV071(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16RVV071(dst, w, x *float32, n, rowStride, lanes int)

//go:noescape
func blockI4x1RVV071(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI4x2RVV071(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI4x3RVV071(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI4RVV071(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x1RVV071(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI8RVV071(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x2RVV071(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x3RVV071(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockF32x1RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6RVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48RVV10(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16RVV10(dst, w, x *float32, n, rowStride, lanes int)

//go:noescape
func blockI4x1RVV10(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI4x2RVV10(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI4x3RVV10(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI4RVV10(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x1RVV10(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func halfBlockI8RVV10(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x2RVV10(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func blockI8x3RVV10(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)

//go:noescape
func addToRVV071(dst, x *float32, n int)

//go:noescape
func mulScaleWeightRVV071(dst, w, x *float32, n int, scale float32)

//go:noescape
func scaleI32RVV071(dst *float32, acc *int32, rowScale *float32, n int, scale float32)

//go:noescape
func quantizeRVV071(dst *int8, x *float32, n int, inv, limit float32)

//go:noescape
func maxAbsRVV071(dst *[32]float32, x *float32, n int)

//go:noescape
func laneMaxRVV071(dst *[32]float32, x *float32, n int)

//go:noescape
func divScalarRVV071(x *float32, n int, by float32)

//go:noescape
func expAboutRVV071(lanes *[32]float32, x *float32, n int, minusFrom, scale float32, constants *float32)

//go:noescape
func gateAboutRVV071(dst, h1, h3 *float32, n int, minusLog2E float32, constants *float32)

//go:noescape
func addToRVV10(dst, x *float32, n int)

//go:noescape
func mulScaleWeightRVV10(dst, w, x *float32, n int, scale float32)

//go:noescape
func scaleI32RVV10(dst *float32, acc *int32, rowScale *float32, n int, scale float32)

//go:noescape
func quantizeRVV10(dst *int8, x *float32, n int, inv, limit float32)

//go:noescape
func maxAbsRVV10(dst *[32]float32, x *float32, n int)

//go:noescape
func laneMaxRVV10(dst *[32]float32, x *float32, n int)

//go:noescape
func divScalarRVV10(x *float32, n int, by float32)

//go:noescape
func expAboutRVV10(lanes *[32]float32, x *float32, n int, minusFrom, scale float32, constants *float32)

//go:noescape
func gateAboutRVV10(dst, h1, h3 *float32, n int, minusLog2E float32, constants *float32)

//go:noescape
func blockF32x1FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6FusedRVV071(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48FusedRVV071(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16FusedRVV071(dst, w, x *float32, n, rowStride, lanes int)

//go:noescape
func mulWeightScaleRVV071(dst, w, x *float32, n int, scale float32)

//go:noescape
func mulScalarRVV071(x *float32, n int, by float32)

//go:noescape
func blockF32x1FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x2FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x3FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x4FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x5FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func blockF32x6FusedRVV10(dst *float32, stride int, w, x *float32, xStride, n int)

//go:noescape
func sums48FusedRVV10(dst, w, x *float32, n, rowStride, blockStride int)

//go:noescape
func sums16FusedRVV10(dst, w, x *float32, n, rowStride, lanes int)

//go:noescape
func mulWeightScaleRVV10(dst, w, x *float32, n int, scale float32)

//go:noescape
func mulScalarRVV10(x *float32, n int, by float32)

//go:noescape
func dotFused(w, x *float32, n int) float32

//go:noescape
func dot4Fused(a, b, c, d, x *float32, n int) (sa, sb, sc, sd float32)

//go:noescape
func rotateFused(vec, cos, sin *float32, n, half int)

// trial071 and trial10 run a few instructions of a vector unit in a child process and report
// whether the child survived them with the right result.
//
//go:noescape
func trial071() bool

//go:noescape
func trial10() bool
