package bandwidth

import (
	"unsafe"

	"duostoryteller/app/arith"
)

// kernel is one product: n inputs, d outputs, k positions at a time.
type kernel struct {
	name  string
	n, d  int // out of the cache
	m, e  int // the same within
	k     int
	bytes func(n, d int) int // of the packed weights
	run   func(s *arith.Set, w []byte, n, d, k int, b *buffers)
}

// buffers are inputs and outputs of any of the kernels.
type buffers struct {
	x   []float32
	q   []int8
	out []float32
	acc []int32
}

// The shapes of stories15M: 288 inputs, 768 outputs, 32,000 rows.
func kernels() []kernel {
	f32 := func(n, d int) int { return 4 * arith.PackedF32Len(n, d) }
	runF32 := func(s *arith.Set, w []byte, n, d, k int, b *buffers) {
		s.MatMulF32(b.out[:d*k], view[float32](w), b.x[:n*k], n, d, k)
	}
	runI8 := func(s *arith.Set, w []byte, n, d, k int, b *buffers) {
		s.MatMulI8(b.acc[:d*k], view[int8](w), b.q[:n*k], n, d, k, largest)
	}
	runI4 := func(s *arith.Set, w []byte, n, d, k int, b *buffers) {
		s.MatMulI4(b.acc[:d*k], w, b.q[:n*k], n, d, k)
	}
	return []kernel{
		{"float32, one position", 288, 768, 96, 96, 1, f32, runF32},
		{"float32, six positions", 288, 768, 96, 96, 6, f32, runF32},
		{"8 bits, one position", 288, 768, 192, 128, 1, arith.PackedI8Len, runI8},
		{"4 bits, one position", 288, 8192, 288, 128, 1, arith.PackedI4Len, runI4},
		{"4 bits, six positions", 288, 8192, 288, 128, 6, arith.PackedI4Len, runI4},
	}
}

// largest is the largest weight of eight bits in the memory; see fill.
const largest = 63

// fill makes the memory's bytes weights of any kind: as float32 from 0.03 to
// 0.05, as eight bits from 1 to 63, as four bits none of -8.
func fill(memory []byte) {
	for i := range memory {
		switch i % 4 {
		case 3:
			memory[i] = 0x3d
		default:
			memory[i] = byte(1 + i/4%15 + 16*(i%4))
		}
	}
}

// kernel measures one product over weights from memory and within the cache.
func (m *meter) kernel(k kernel, clock float64) Kernel {
	most := max(k.d, k.e) * k.k
	b := &buffers{x: make([]float32, max(k.n, k.m)*k.k), q: make([]int8, max(k.n, k.m)*k.k), out: make([]float32, most), acc: make([]int32, most)}
	for i := range b.x {
		b.x[i], b.q[i] = float32(i%13)/16, int8(i%15-7)
	}
	size := k.bytes(k.n, k.d)
	copies := len(m.memory) / size
	from := m.median(func() {
		for i := range copies {
			k.run(m.set, m.memory[i*size:][:size], k.n, k.d, k.k, b)
		}
	})
	small := m.memory[:k.bytes(k.m, k.e)]
	const again = 64
	cached := m.median(func() {
		for range again {
			k.run(m.set, small, k.m, k.e, k.k, b)
		}
	})
	macs := float64(copies * k.n * k.d * k.k)
	r := Kernel{Name: k.name, Bytes: float64(copies*size) / from, MACs: macs / from, Cached: float64(again*k.m*k.e*k.k) / cached}
	r.Cycles = clock / r.Cached
	if stall := from - macs/r.Cached; stall > 0 {
		r.Fill = float64(copies*size) / stall
	}
	return r
}

// view is memory as elements of another type.
func view[T any](b []byte) []T {
	var v T
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), len(b)/int(unsafe.Sizeof(v)))
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }
