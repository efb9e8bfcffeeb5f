package llama

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	"duostoryteller/app/arith"
)

// Arithmetic says which build of run.c is followed to the bit. The same source
// rounds differently when it is compiled to fuse a product with the sum that
// it goes into, and to divide by multiplying with a reciprocal; a story may then
// become another one, about once in a hundred thousand tokens.
type Arithmetic int

const (
	// Strict is gcc -O3 -ffp-contract=off: every operation is rounded.
	Strict Arithmetic = iota

	// RISCV64Ofast is gcc -Ofast for riscv64, the build that a person with a board
	// has: sums run in the same order, but each step of a dot product rounds
	// once. See doc.go for the rest.
	RISCV64Ofast
)

var arithmeticNames = [...]string{"strict", "riscv64-ofast"}

// String is the arithmetic's name.
func (a Arithmetic) String() string {
	if a < 0 || int(a) >= len(arithmeticNames) {
		return fmt.Sprintf("Arithmetic(%d)", int(a))
	}
	return arithmeticNames[a]
}

// ArithmeticNames lists what ParseArithmetic knows.
func ArithmeticNames() string { return strings.Join(arithmeticNames[:], ", ") }

// ParseArithmetic returns the arithmetic of that name.
func ParseArithmetic(name string) (Arithmetic, error) {
	for i, n := range arithmeticNames {
		if n == name {
			return Arithmetic(i), nil
		}
	}
	return 0, fmt.Errorf("no arithmetic %q: it is one of %s", name, ArithmeticNames())
}

// NativeArithmetic is that of the run.c with which one compares on this kind of
// machine: gcc's -Ofast for riscv64 on a board, the strict one on a PC, where
// each -Ofast build adds in an order of its own.
func NativeArithmetic() Arithmetic {
	if runtime.GOARCH == "riscv64" {
		return RISCV64Ofast
	}
	return Strict
}

// dot returns the function that sums x[i]·y[i] in order.
func (a Arithmetic) dot() func(x, y []float32) float32 {
	if a == Strict {
		return arith.Dot
	}
	return arith.All()[0].Fused().Dot
}

// addProduct is sum + x·y.
func (a Arithmetic) addProduct(sum, x, y float32) float32 {
	if a == Strict {
		return sum + float32(x*y)
	}
	return arith.FMA(x, y, sum)
}

// Probability is what softmax makes of an exponential and the sum of all. It
// never decreases with e nor increases with sum.
func (a Arithmetic) Probability(e, sum float32) float32 {
	if a == Strict {
		return e / sum
	}
	return e * (1 / sum)
}

// score is an attention score from the product of a query and a key.
func (a Arithmetic) score(product float32, headSize int) float32 {
	root := float32(math.Sqrt(float64(headSize)))
	if a == Strict {
		return product / root
	}
	return product * (1 / root)
}

// InverseRMS is what rmsnorm scales a vector of n numbers by, given the sum of
// their squares. gcc's -Ofast rounds the last norm, before the classifier,
// differently from those of the layers, because it finds the division by n
// outside of the loop over them.
func (a Arithmetic) InverseRMS(squares float32, n int, last bool) float32 {
	var mean float32
	if a == Strict || last {
		mean = squares/float32(n) + 1e-5
	} else {
		mean = arith.FMA(squares, 1/float32(n), 1e-5)
	}
	return 1 / float32(math.Sqrt(float64(mean)))
}

// normalized is one number of rmsnorm's result.
func (a Arithmetic) normalized(weight, scale, x float32) float32 {
	if a == Strict {
		return weight * float32(scale*x)
	}
	return float32(weight*x) * scale
}

// Rotated is a pair of a query or a key, turned by an angle.
func (a Arithmetic) Rotated(x, y, cos, sin float32) (float32, float32) {
	if a == Strict {
		return float32(x*cos) - float32(y*sin), float32(x*sin) + float32(y*cos)
	}
	return arith.FMA(x, cos, -float32(y*sin)), arith.FMA(x, sin, float32(y*cos))
}

// frequency is the angle by which position 1 turns the pair that begins at the
// i-th number of a head.
func (a Arithmetic) frequency(i, headSize int) float32 {
	if a == Strict {
		return 1 / pow10000(float32(i)/float32(headSize))
	}
	const logOf10000 = 0x1.26bb1cp+3
	return expf(-float32(float32(i)*(1/float32(headSize))) * logOf10000)
}
