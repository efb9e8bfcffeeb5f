// Package arith is the arithmetic of the language model: matrix products,
// attention sums and the small vector steps around them, each in portable Go and
// in assembly for five vector units, all bit for bit the same.
//
// # Implementations
//
// A [Set] is one implementation: "generic" (Go), "rvv071" (RISC-V vector 0.7.1,
// T-Head's xtheadvector: the C906 of the Milk-V Duo), "rvv10" (RISC-V vector 1.0, any
// VLEN >= 128), "avx2" (PCs), "neon" (64-bit ARM) and "simd" (WebAssembly in a browser: the
// kernels that an unpacked model needs, in package simd). [Select] picks the best that runs
// here; STORYTELLER_CPU names one instead. The two RISC-V units share one body, rvv_riscv64.h: all
// instructions in it have the same bits in both versions, except vsetvli. The float32
// products, f32_riscv64.h, f32_amd64.h and f32_arm64.h, are compiled a second time for fused
// sums.
//
// # Rounding
//
// Functions on float32 do what a strict C compiler makes of run.c: a sum starts at +0
// and takes its terms in ascending order, and every product is rounded to float32
// before it is added. [Set.Fused] has them do what gcc -Ofast makes of it for
// riscv64: product and sum are rounded once, together. Where a processor has no such
// instruction, [FMA] computes the same number, slowly. No sum is split, in any
// implementation: the vector lanes are different outputs, never parts of one.
// Subnormal numbers are kept. NaNs come out as NaNs, but their payloads may differ.
//
// Functions on integers are exact, for every input that their type can hold.
//
// # Shapes
//
// Matrices are d rows by n columns, row-major, and a product takes k vectors of n
// (positions of a text) to k vectors of d:
//
//	dst[p*d+r] = Σ w[r*n+j] * x[p*n+j], j = 0..n-1
//
// Products read packed matrices (PackF32, PackI4, PackI8): blocks of 16, 128 or 64
// rows, column-major inside a block, so that one vector register holds a column of
// several outputs and the weights are read from memory in one ascending pass, once
// for up to 24 vectors: a block stays in the first-level cache while the vectors go by. The last
// block is padded with zeros; an integer one may have half the rows.
// MatMulRows takes weights that are not packed, for a PC that has only just got them.
//
// Modelled for a C906 (serial cycles: 2 a 128-bit register, 1 a scalar instruction), a
// multiply-add costs in float32 1.18 with six vectors and 1.60 with one, in int4 0.34 and 0.43,
// in int8 0.44 and 0.50.
//
// Slices of a wrong length are a mistake of the caller and panic. A product is made
// of assembly calls of at most some 0.1 ms on a 1 GHz C906, so that Go's scheduler and
// collector are not held up, which cannot interrupt assembly.
package arith
