package llama

import "math"

// Arithmetic says how x·y + z is rounded where run.c writes it. Both go through
// a sum in run.c's order; they are what one C source becomes under two compilers.
type Arithmetic int

const (
	// Fused rounds once: run.c where the compiler contracts, as gcc does by
	// default for riscv64 and with -mfma for x86-64.
	Fused Arithmetic = iota
	// Strict rounds the product, then the sum: run.c with -ffp-contract=off.
	Strict
)

func (a Arithmetic) mulAdd(x, y, z float32) float32 {
	if a == Strict {
		return float32(x*y) + z
	}
	return fma32(x, y, z)
}

// fma32 is x·y + z, rounded once. In float64 the product is exact and only the
// sum rounds.
func fma32(x, y, z float32) float32 {
	if sum := float64(x)*float64(y) + float64(z); !doubtful(sum) {
		return float32(sum)
	}
	return fma32Odd(x, y, z)
}

// doubtful reports whether rounding a float64 sum again, to float32, may go
// wrong: when it lies on the middle between two float32 values, or among or
// below the subnormal ones.
func doubtful(sum float64) bool {
	bits := math.Float64bits(sum)
	return bits<<35 == 1<<63 || bits<<1 < 0x381<<53
}

// fma32Odd rounds the float64 sum to odd, which a second rounding cannot spoil
// (S. Boldo, G. Melquiond: "Emulation of FMA and correctly rounded sums: proved
// algorithms using rounding to odd", 2008).
func fma32Odd(x, y, z float32) float32 {
	a, b := float64(x)*float64(y), float64(z)
	sum := a + b
	high := sum - a
	lost := (a - (sum - high)) + (b - high) // Knuth's two-sum: exact
	if bits := math.Float64bits(sum); lost != 0 && bits&1 == 0 {
		if (lost > 0) == (sum > 0) {
			bits++
		} else {
			bits--
		}
		sum = math.Float64frombits(bits)
	}
	return float32(sum)
}
