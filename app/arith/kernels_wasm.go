package arith

import "unsafe"

// The kernels for WebAssembly's vectors are a module of their own, which package simd makes:
// Go's compiler has no such instructions. Whoever loads a program with this package gives it
// that module's functions as "kernels", and the function there besides, which says 1; or, in
// a browser without vectors, 0, and functions that are never called.

//go:wasmimport kernels there
func there() int32

//go:wasmimport kernels rows
//go:noescape
func rows(dst, w, x unsafe.Pointer, stride, n, d int32)

//go:wasmimport kernels sums16
//go:noescape
func sums16(dst, w, x unsafe.Pointer, n, stride int32)

//go:wasmimport kernels rowsI8
//go:noescape
func rowsI8(dst, w, x unsafe.Pointer, n, d int32)

//go:wasmimport kernels boundRows
//go:noescape
func boundRows(dst, tail, acc, along, scale, rowError unsafe.Pointer, n int32, b unsafe.Pointer)

//go:wasmimport kernels laneMax
//go:noescape
func laneMax(dst, x unsafe.Pointer, n int32)

func native() []*Set {
	if there() == 0 {
		return nil
	}
	return []*Set{{name: "simd", unit: simd}}
}

// address is where a slice begins, for a kernel.
func address[T any](s []T) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(s)) }

// There is no kernel for fused sums: these vectors multiply and add in two steps.

func (u unit) blockF32(fused bool, dst []float32, stride int, w, x []float32, n, k int) {
	if fused || u != simd {
		blockF32Go(fused, dst, stride, w, x, n, k)
		return
	}
	for p := range k {
		u.sums16(fused, dst[p*stride:][:BlockF32], w, x[p*n:], n, BlockF32)
	}
}

func (u unit) sums48(fused bool, dst, w, x []float32, n, rowStride, blockStride int) {
	for b := range 3 {
		u.sums16(fused, dst[b*16:][:16], w[b*blockStride:], x, n, rowStride)
	}
}

func (u unit) sums16(fused bool, dst, w, x []float32, n, rowStride int) {
	if fused || u != simd || len(dst) < 16 {
		sums16Go(fused, dst, w, x, n, rowStride)
		return
	}
	sums16(address(dst), address(w), address(x), int32(n), int32(4*rowStride))
}

// rows32 is dst[i] = Σ w[i*stride+j] * x[j], i < 32, over the first columns, and
// returns how many those are: 0 if there is no such kernel.
func (u unit) rows32(fused bool, dst *[32]float32, w, x []float32, stride int) int {
	n := len(x) &^ 3
	if fused || u != simd || n == 0 {
		return 0
	}
	rows(unsafe.Pointer(dst), address(w), address(x), int32(4*stride), int32(n), int32(len(dst)))
	return n
}

func (unit) blockI4(dst []int32, stride int, w []byte, x []int8, xStride, k int, segs []segment, p int) {
	blockI4Go(dst, stride, w, x, xStride, k)
}

func (unit) halfBlockI4(dst []int32, w []byte, x []int8, segs []segment, p int) {
	halfBlockI4Go(dst, w, x)
}

func (u unit) blockI8(dst []int32, stride int, w, x []int8, xStride, k int, segs []segment, p int) {
	for i := range k {
		u.columnsI8(dst[i*stride:][:BlockI8], w, x[i*xStride:][:xStride])
	}
}

func (u unit) halfBlockI8(dst []int32, w, x []int8, segs []segment) {
	u.columnsI8(dst[:BlockI8/2], w, x)
}

// columnsI8 does two columns at a time, whose sums are of 32 bits: it needs no segments.
func (u unit) columnsI8(dst []int32, w, x []int8) {
	n := 0
	if u == simd {
		n = len(x) &^ 1
	}
	if n > 0 {
		rowsI8(address(dst), address(w), address(x), int32(n), int32(len(dst)))
	}
	columnsI8Go(dst, w[n*len(dst):], x[n:])
}

func (unit) dotFused(w, x []float32) float32 { return dotFusedGo(w, x) }

func (unit) dot4(fused bool, a, b, c, d, x []float32) (sa, sb, sc, sd float32) {
	if !fused {
		return dot4(a, b, c, d, x)
	}
	return dot4FusedGo(a, b, c, d, x)
}

func (u unit) boundRows(dst []float32, tail *[32]float32, acc []int32, along, scale, rowError []float32, b *Bound) int {
	n := len(acc) &^ 31
	if u != simd || n == 0 {
		return 0
	}
	boundRows(address(dst), unsafe.Pointer(tail), address(acc), address(along), address(scale), address(rowError), int32(n), unsafe.Pointer(b))
	return n
}

func (u unit) laneMax(dst *[32]float32, x []float32) int {
	n := len(x) &^ 31
	if u != simd || n == 0 {
		return 0
	}
	laneMax(unsafe.Pointer(dst), address(x), int32(n))
	return n
}
