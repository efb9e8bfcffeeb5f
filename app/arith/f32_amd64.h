// The float32 products for AVX2, one body for both ways to round. Sixteen rows are two
// registers. The including file defines TERM(X, A, B), A += Y12 * X and B += Y13 * X by
// way of Y14 and Y15, SUM(W, T, A), A += W * Y14 by way of T, and
// COLUMN(W, X, A), A += W * X, which may spoil W.
//
// DI dst, SI w, DX x, CX columns left; R8 strides in bytes.

// func blockF32x1(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x1(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	VZEROUPPER
	RET

// func blockF32x2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x2(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	LEAQ	(DX)(AX*4), R9
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	TERM((R9)(BX*4), Y2, Y3)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y2, (DI)
	VMOVUPS	Y3, 32(DI)
	VZEROUPPER
	RET

// func blockF32x3(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x3(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	LEAQ	(DX)(AX*4), R9
	LEAQ	(R9)(AX*4), R10
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
	VXORPS	Y4, Y4, Y4
	VXORPS	Y5, Y5, Y5
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	TERM((R9)(BX*4), Y2, Y3)
	TERM((R10)(BX*4), Y4, Y5)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y2, (DI)
	VMOVUPS	Y3, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y4, (DI)
	VMOVUPS	Y5, 32(DI)
	VZEROUPPER
	RET

// func blockF32x4(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x4(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	LEAQ	(DX)(AX*4), R9
	LEAQ	(R9)(AX*4), R10
	LEAQ	(R10)(AX*4), R11
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
	VXORPS	Y4, Y4, Y4
	VXORPS	Y5, Y5, Y5
	VXORPS	Y6, Y6, Y6
	VXORPS	Y7, Y7, Y7
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	TERM((R9)(BX*4), Y2, Y3)
	TERM((R10)(BX*4), Y4, Y5)
	TERM((R11)(BX*4), Y6, Y7)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y2, (DI)
	VMOVUPS	Y3, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y4, (DI)
	VMOVUPS	Y5, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y6, (DI)
	VMOVUPS	Y7, 32(DI)
	VZEROUPPER
	RET

// func blockF32x5(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x5(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	LEAQ	(DX)(AX*4), R9
	LEAQ	(R9)(AX*4), R10
	LEAQ	(R10)(AX*4), R11
	LEAQ	(R11)(AX*4), R12
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
	VXORPS	Y4, Y4, Y4
	VXORPS	Y5, Y5, Y5
	VXORPS	Y6, Y6, Y6
	VXORPS	Y7, Y7, Y7
	VXORPS	Y8, Y8, Y8
	VXORPS	Y9, Y9, Y9
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	TERM((R9)(BX*4), Y2, Y3)
	TERM((R10)(BX*4), Y4, Y5)
	TERM((R11)(BX*4), Y6, Y7)
	TERM((R12)(BX*4), Y8, Y9)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y2, (DI)
	VMOVUPS	Y3, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y4, (DI)
	VMOVUPS	Y5, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y6, (DI)
	VMOVUPS	Y7, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y8, (DI)
	VMOVUPS	Y9, 32(DI)
	VZEROUPPER
	RET

// func blockF32x6(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x6(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	stride+8(FP), R8
	SHLQ	$2, R8
	MOVQ	w+16(FP), SI
	MOVQ	x+24(FP), DX
	MOVQ	xStride+32(FP), AX
	MOVQ	n+40(FP), CX
	LEAQ	(DX)(AX*4), R9
	LEAQ	(R9)(AX*4), R10
	LEAQ	(R10)(AX*4), R11
	LEAQ	(R11)(AX*4), R12
	LEAQ	(R12)(AX*4), R13
	XORQ	BX, BX
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
	VXORPS	Y4, Y4, Y4
	VXORPS	Y5, Y5, Y5
	VXORPS	Y6, Y6, Y6
	VXORPS	Y7, Y7, Y7
	VXORPS	Y8, Y8, Y8
	VXORPS	Y9, Y9, Y9
	VXORPS	Y10, Y10, Y10
	VXORPS	Y11, Y11, Y11
loop:
	VMOVUPS	(SI), Y12
	VMOVUPS	32(SI), Y13
	TERM((DX)(BX*4), Y0, Y1)
	TERM((R9)(BX*4), Y2, Y3)
	TERM((R10)(BX*4), Y4, Y5)
	TERM((R11)(BX*4), Y6, Y7)
	TERM((R12)(BX*4), Y8, Y9)
	TERM((R13)(BX*4), Y10, Y11)
	ADDQ	$64, SI
	INCQ	BX
	CMPQ	BX, CX
	JLT	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y2, (DI)
	VMOVUPS	Y3, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y4, (DI)
	VMOVUPS	Y5, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y6, (DI)
	VMOVUPS	Y7, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y8, (DI)
	VMOVUPS	Y9, 32(DI)
	ADDQ	R8, DI
	VMOVUPS	Y10, (DI)
	VMOVUPS	Y11, 32(DI)
	VZEROUPPER
	RET

// func sums48(dst, w, x *float32, n, rowStride, blockStride int)
TEXT sums48(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	n+24(FP), CX
	MOVQ	rowStride+32(FP), R8
	SHLQ	$2, R8
	MOVQ	blockStride+40(FP), R9
	SHLQ	$2, R9
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
	VXORPS	Y4, Y4, Y4
	VXORPS	Y5, Y5, Y5
loop:
	VBROADCASTSS	(DX), Y14
	SUM((SI), Y6, Y0)
	SUM(32(SI), Y7, Y1)
	SUM((SI)(R9*1), Y8, Y2)
	SUM(32(SI)(R9*1), Y9, Y3)
	SUM((SI)(R9*2), Y10, Y4)
	SUM(32(SI)(R9*2), Y11, Y5)
	ADDQ	R8, SI
	ADDQ	$4, DX
	DECQ	CX
	JNZ	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	VMOVUPS	Y2, 64(DI)
	VMOVUPS	Y3, 96(DI)
	VMOVUPS	Y4, 128(DI)
	VMOVUPS	Y5, 160(DI)
	VZEROUPPER
	RET

// func sums16(dst, w, x *float32, n, rowStride int)
TEXT sums16(SB), NOSPLIT, $0-40
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	n+24(FP), CX
	MOVQ	rowStride+32(FP), R8
	SHLQ	$2, R8
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
loop:
	VBROADCASTSS	(DX), Y14
	SUM((SI), Y6, Y0)
	SUM(32(SI), Y7, Y1)
	ADDQ	R8, SI
	ADDQ	$4, DX
	DECQ	CX
	JNZ	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	VZEROUPPER
	RET

// func sumsFew(dst, w, x *float32, n, rowStride int, mask *int32): sums16 of the lanes
// whose mask is -1; memory beside them is not touched.
TEXT sumsFew(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	n+24(FP), CX
	MOVQ	rowStride+32(FP), R8
	SHLQ	$2, R8
	MOVQ	mask+40(FP), AX
	VMOVDQU	(AX), Y12
	VMOVDQU	32(AX), Y13
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
loop:
	VBROADCASTSS	(DX), Y14
	VMASKMOVPS	(SI), Y12, Y2
	VMASKMOVPS	32(SI), Y13, Y3
	SUM(Y2, Y6, Y0)
	SUM(Y3, Y7, Y1)
	ADDQ	R8, SI
	ADDQ	$4, DX
	DECQ	CX
	JNZ	loop
	VMASKMOVPS	Y0, Y12, (DI)
	VMASKMOVPS	Y1, Y13, 32(DI)
	VZEROUPPER
	RET

// EIGHT adds four columns of eight rows, P on and Q on, to their sums A.
#define EIGHT(P, Q, A) \
	VMOVUPS	(P), X4 \
	VMOVUPS	(P)(R8*1), X5 \
	VMOVUPS	(P)(R8*2), X6 \
	VMOVUPS	(P)(R9*1), X7 \
	VINSERTF128	$1, (Q), Y4, Y4 \
	VINSERTF128	$1, (Q)(R8*1), Y5, Y5 \
	VINSERTF128	$1, (Q)(R8*2), Y6, Y6 \
	VINSERTF128	$1, (Q)(R9*1), Y7, Y7 \
	VUNPCKLPS	Y5, Y4, Y8 \
	VUNPCKHPS	Y5, Y4, Y9 \
	VUNPCKLPS	Y7, Y6, Y10 \
	VUNPCKHPS	Y7, Y6, Y11 \
	VUNPCKLPD	Y10, Y8, Y4 \
	VUNPCKHPD	Y10, Y8, Y5 \
	VUNPCKLPD	Y11, Y9, Y6 \
	VUNPCKHPD	Y11, Y9, Y7 \
	COLUMN(Y4, Y12, A) \
	COLUMN(Y5, Y13, A) \
	COLUMN(Y6, Y14, A) \
	COLUMN(Y7, Y15, A)

// func rows32(dst, w, x *float32, stride, n int): 32 rows as they are, stride apart, by
// columns of eight rows, which four columns at a time are turned into; n is a multiple
// of 4 above 0. What follows the rows is asked for beside it.
//
// AX BX SI DI R10 R11 R12 R13 every fourth row, R8 and R9 one and three strides in
// bytes, DX x, CX columns left, R14 what is asked for.
TEXT rows32(SB), NOSPLIT, $0-40
	MOVQ	w+8(FP), AX
	MOVQ	x+16(FP), DX
	MOVQ	stride+24(FP), R8
	SHLQ	$2, R8
	MOVQ	n+32(FP), CX
	LEAQ	(R8)(R8*2), R9
	LEAQ	(AX)(R8*4), BX
	LEAQ	(BX)(R8*4), SI
	LEAQ	(SI)(R8*4), DI
	LEAQ	(DI)(R8*4), R10
	LEAQ	(R10)(R8*4), R11
	LEAQ	(R11)(R8*4), R12
	LEAQ	(R12)(R8*4), R13
	LEAQ	(R13)(R8*4), R14
	VXORPS	Y0, Y0, Y0
	VXORPS	Y1, Y1, Y1
	VXORPS	Y2, Y2, Y2
	VXORPS	Y3, Y3, Y3
loop:
	VBROADCASTSS	(DX), Y12
	VBROADCASTSS	4(DX), Y13
	VBROADCASTSS	8(DX), Y14
	VBROADCASTSS	12(DX), Y15
	EIGHT(AX, BX, Y0)
	EIGHT(SI, DI, Y1)
	EIGHT(R10, R11, Y2)
	EIGHT(R12, R13, Y3)
	PREFETCHT0	(R14)
	PREFETCHT0	64(R14)
	PREFETCHT0	128(R14)
	PREFETCHT0	192(R14)
	PREFETCHT0	256(R14)
	PREFETCHT0	320(R14)
	PREFETCHT0	384(R14)
	PREFETCHT0	448(R14)
	ADDQ	$512, R14
	ADDQ	$16, AX
	ADDQ	$16, BX
	ADDQ	$16, SI
	ADDQ	$16, DI
	ADDQ	$16, R10
	ADDQ	$16, R11
	ADDQ	$16, R12
	ADDQ	$16, R13
	ADDQ	$16, DX
	SUBQ	$4, CX
	JNZ	loop
	MOVQ	dst+0(FP), DI
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	VMOVUPS	Y2, 64(DI)
	VMOVUPS	Y3, 96(DI)
	VZEROUPPER
	RET
