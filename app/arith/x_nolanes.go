//go:build !arm64 && !riscv64

package arith

// The element-wise kernels return how many elements they did: none.

func (unit) addTo(dst, x []float32) int                                                 { return 0 }
func (unit) mulScaleWeight(dst, w, x []float32, scale float32) int                      { return 0 }
func (unit) scaleI32(dst []float32, acc []int32, rowScale []float32, scale float32) int { return 0 }
func (unit) quantize(dst []int8, x []float32, inv, limit float32) int                   { return 0 }
func (unit) maxAbs(dst *[32]float32, x []float32) int                                   { return 0 }
func (unit) divScalar(x []float32, by float32) int                                      { return 0 }
func (unit) expAbout(lanes *[32]float32, x []float32, minusFrom, scale float32) int     { return 0 }
func (unit) gateAbout(dst, h1, h3 []float32) int                                        { return 0 }
func (unit) mulWeightScale(dst, w, x []float32, scale float32) int                      { return 0 }
func (unit) mulScalar(x []float32, by float32) int                                      { return 0 }

// rotate says whether it was done.
func (unit) rotate(fused bool, vec, cos, sin []float32) bool { return false }
