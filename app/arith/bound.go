package arith

import "math"

// Bound says how BoundRows makes bounds and sums their exponentials.
type Bound struct {
	Scale, Along, Error, Add float32 // see BoundRows
	Top                      float32 // larger bounds count as this in the sum
	Slope, Offset            float32 // of the exponential's bits
}

// BoundRows bounds the rows of a product: with every operation rounded,
//
//	dst[i] = acc[i]*b.Scale*scale[i] + along[i]*b.Along + rowError[i]*b.Error + b.Add
//
// and adds to tail[i%32] the float32 whose bits are min(dst[i], Top)*Slope + Offset,
// or zero if that is negative. Bits grow as a logarithm does, and never faster than
// it between two powers of two: with Slope = 2^23/ln 2, that number is proportional to
// exp(dst[i]) and up to 6.2 % larger, as long as the bits are 2^23 or more, and
// less than that of 2^23 otherwise. (N. Schraudolph, "A Fast, Compact
// Approximation of the Exponential Function", 1999.) The bits must stay below 2^31.
func (s *Set) BoundRows(dst []float32, tail *[32]float32, acc []int32, along, scale, rowError []float32, b *Bound) {
	n := len(acc)
	check("dst", len(dst), n)
	check("along", len(along), n)
	check("scale", len(scale), n)
	check("rowError", len(rowError), n)
	for i := s.unit.boundRows(dst, tail, acc, along, scale, rowError, b); i < n; i++ {
		v := float32(float32(float32(acc[i])*b.Scale) * scale[i])
		v += float32(along[i] * b.Along)
		v += float32(rowError[i] * b.Error)
		v += b.Add
		dst[i] = v
		bits := max(0, float32(min(v, b.Top)*b.Slope)+b.Offset)
		tail[i%32] += math.Float32frombits(uint32(math.RoundToEven(float64(bits))))
	}
}
