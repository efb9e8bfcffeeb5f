package arith

//go:noescape
func boundRowsRVV071(dst *float32, tail *[32]float32, acc *int32, along, scale, rowError *float32, n int, b *Bound)

//go:noescape
func boundRowsRVV10(dst *float32, tail *[32]float32, acc *int32, along, scale, rowError *float32, n int, b *Bound)

func (u unit) boundRows(dst []float32, tail *[32]float32, acc []int32, along, scale, rowError []float32, b *Bound) int {
	n := len(acc) &^ 31
	switch {
	case n == 0:
	case u == rvv071:
		boundRowsRVV071(&dst[0], tail, &acc[0], &along[0], &scale[0], &rowError[0], n, b)
		return n
	case u == rvv10:
		boundRowsRVV10(&dst[0], tail, &acc[0], &along[0], &scale[0], &rowError[0], n, b)
		return n
	}
	return 0
}
