//go:build !arm64 && !riscv64 && !wasm

package arith

func (unit) boundRows(dst []float32, tail *[32]float32, acc []int32, along, scale, rowError []float32, b *Bound) int {
	return 0
}

func (unit) laneMax(dst *[32]float32, x []float32) int { return 0 }
