package simd

import "slices"

// A WebAssembly module as the core specification has it (version 2.0, chapter 5, "Binary
// Format"), as far as the kernels need it: functions of int32 that return nothing, and the
// memory of whoever loads it.

// code is a piece of a function: what it leaves on the stack is its value.
type code []byte

// op is an instruction after its operands.
func op(instruction code, operands ...code) code {
	return append(slices.Concat(operands...), instruction...)
}

// vector is the encoding of a vector instruction.
func vector(number int, immediates ...byte) code {
	return append(append(code{0xfd}, unsigned(number)...), immediates...)
}

// unsigned is a number in LEB128.
func unsigned(n int) (b code) {
	for ; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n))
}

// signed is a number in signed LEB128.
func signed(n int) (b code) {
	for ; n < -64 || n > 63; n >>= 7 {
		b = append(b, byte(n)|0x80)
	}
	return append(b, byte(n)&0x7f)
}

// sized is something behind its length.
func sized(b code) code { return append(unsigned(len(b)), b...) }

// Types of values.
const (
	typeI32  = 0x7f
	typeV128 = 0x7b
)

// local is a function's variable, by number.
type local int

func (l local) get() code        { return op(append(code{0x20}, unsigned(int(l))...)) }
func (l local) set(v code) code  { return op(append(code{0x21}, unsigned(int(l))...), v) }
func (l local) more(n code) code { return l.set(add(l.get(), n)) }

// Whole numbers of 32 bits.
func number(n int) code  { return append(code{0x41}, signed(n)...) }
func add(a, b code) code { return op(code{0x6a}, a, b) }
func and(a, b code) code { return op(code{0x71}, a, b) }
func or(a, b code) code  { return op(code{0x72}, a, b) }
func shl(a, b code) code { return op(code{0x74}, a, b) }
func byteAt(p code, offset int) code {
	return op(append(code{0x2c, 0}, unsigned(offset)...), p) // with its sign
}

// Memory; offsets in bytes. What is read need not be aligned.
func load(p code, offset int) code { return op(vector(0, append(code{0}, unsigned(offset)...)...), p) }
func widen8(p code, offset int) code {
	return op(vector(1, append(code{0}, unsigned(offset)...)...), p)
} // eight bytes, with signs
func everywhere(p code, offset int) code {
	return op(vector(9, append(code{0}, unsigned(offset)...)...), p)
} // four bytes in all lanes
func store(p code, offset int, v code) code {
	return op(vector(11, append(code{0}, unsigned(offset)...)...), p, v)
}

// Vectors of float32, each operation rounded, and of whole numbers.
func addF(a, b code) code     { return op(vector(0xe4), a, b) }
func mulF(a, b code) code     { return op(vector(0xe6), a, b) }
func smaller(a, b code) code  { return op(vector(0xea), a, b) } // b < a ? b : a
func larger(a, b code) code   { return op(vector(0xeb), a, b) } // a < b ? b : a
func nearest(a code) code     { return op(vector(0x6a), a) }
func toInts(a code) code      { return op(vector(0xf8), a) }
func fromInts(a code) code    { return op(vector(0xfa), a) }
func splat(a code) code       { return op(vector(0x11), a) }
func addI(a, b code) code     { return op(vector(0xae), a, b) }
func dotPairs(a, b code) code { return op(vector(0xba), a, b) } // products of int16, neighbours added

// interleave takes elements of so many bytes in turns from the lower halves of two vectors,
// or the upper ones.
func interleave(size int, upper bool, a, b code) code {
	var lanes [16]byte
	for i := range lanes {
		from := i/(2*size)*size + i%size
		if upper {
			from += 8
		}
		if i/size%2 == 1 {
			from += 16 // of the second
		}
		lanes[i] = byte(from)
	}
	return op(vector(13, lanes[:]...), a, b)
}

// constant is four times the float32 with these bits.
func constant(bits uint32) code {
	b := code{byte(bits), byte(bits >> 8), byte(bits >> 16), byte(bits >> 24)}
	return vector(12, slices.Repeat(b, 4)...)
}

// repeat runs the body until the condition is 0, once at least.
func repeat(condition code, body ...code) code {
	return slices.Concat(code{0x03, 0x40}, slices.Concat(body...), condition, code{0x0d, 0, 0x0b})
}

// function is one that the module exports.
type function struct {
	name    string
	params  int // local 0 and up
	ints    int // further locals
	vectors int
	body    code
}

func (f *function) int() local {
	f.ints++
	return local(f.params + f.ints - 1)
}

// vectorsOf returns n locals, when all of int were taken.
func (f *function) vectorsOf(n int) []local {
	var l []local
	for range n {
		l = append(l, local(f.params+f.ints+f.vectors))
		f.vectors++
	}
	return l
}

func (f *function) do(what ...code) { f.body = append(f.body, slices.Concat(what...)...) }

func module(functions []*function) []byte {
	name := func(s string) code { return sized(code(s)) }
	list := func(n int, element func(i int) code) code {
		b := unsigned(n)
		for i := range n {
			b = append(b, element(i)...)
		}
		return b
	}
	n := len(functions)
	sections := []struct {
		id      byte
		content code
	}{
		{1, list(n, func(i int) code { // types: each function its own
			return slices.Concat(code{0x60}, sized(slices.Repeat(code{typeI32}, functions[i].params)), unsigned(0))
		})},
		{2, slices.Concat(unsigned(1), name("go"), name("mem"), code{0x02, 0x00, 0x00})}, // the memory, of any size
		{3, list(n, unsigned)},
		{7, list(n, func(i int) code { return slices.Concat(name(functions[i].name), code{0x00}, unsigned(i)) })},
		{10, list(n, func(i int) code {
			f := functions[i]
			locals := slices.Concat(unsigned(2), unsigned(f.ints), code{typeI32}, unsigned(f.vectors), code{typeV128})
			return sized(slices.Concat(locals, f.body, code{0x0b}))
		})},
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	for _, s := range sections {
		out = append(append(out, s.id), sized(s.content)...)
	}
	return out
}
