// The float32 products for NEON, one body for both ways to round. Sixteen rows are four
// registers. The including file defines TERM(W, X, I, A), which adds the registers W to
// W+3 times element I of X to A to A+3, and QUAD(W, X, I, A), which does so for one
// register; both may use V9 to V11. TURN makes V4 and V5 of the pairs V0 and V1 by the
// cosines V2 and the sines V3.
//
// R0 dst, R1 w, R2 to R6 the vectors x, R7 columns left, R8 strides in bytes.

#define COLUMN16	VLD1.P	64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]

#define ZERO4(A, B, C, D) \
	VEOR	A.B16, A.B16, A.B16 \
	VEOR	B.B16, B.B16, B.B16 \
	VEOR	C.B16, C.B16, C.B16 \
	VEOR	D.B16, D.B16, D.B16

// PASS does F, a column's terms, for all columns, four at a time as X loads them, and
// then one at a time, as X1 does.
#define PASS(F, X, X1) \
	SUBS	$4, R7, R7 \
	BLT	few \
four: \
	X \
	F(0) \
	F(1) \
	F(2) \
	F(3) \
	SUBS	$4, R7, R7 \
	BGE	four \
few: \
	ADDS	$4, R7, R7 \
	BEQ	done \
one: \
	X1 \
	F(0) \
	SUBS	$1, R7, R7 \
	BNE	one \
done:

#define X4_1	FMOVQ.P	16(R2), F4
#define X4_2	X4_1 \
	FMOVQ.P	16(R3), F5
#define X4_3	X4_2 \
	FMOVQ.P	16(R4), F6
#define X4_4	X4_3 \
	FMOVQ.P	16(R5), F7
#define X4_5	X4_4 \
	FMOVQ.P	16(R6), F8

#define X1_1	FMOVS.P	4(R2), F4
#define X1_2	X1_1 \
	FMOVS.P	4(R3), F5
#define X1_3	X1_2 \
	FMOVS.P	4(R4), F6
#define X1_4	X1_3 \
	FMOVS.P	4(R5), F7
#define X1_5	X1_4 \
	FMOVS.P	4(R6), F8

#define TERMS1(I)	COLUMN16 \
	TERM(0, 4, I, 12)
#define TERMS2(I)	TERMS1(I) \
	TERM(0, 5, I, 16)
#define TERMS3(I)	TERMS2(I) \
	TERM(0, 6, I, 20)
#define TERMS4(I)	TERMS3(I) \
	TERM(0, 7, I, 24)
#define TERMS5(I)	TERMS4(I) \
	TERM(0, 8, I, 28)

#define BLOCK_ARGUMENTS \
	MOVD	dst+0(FP), R0 \
	MOVD	stride+8(FP), R8 \
	LSL	$2, R8 \
	MOVD	w+16(FP), R1 \
	MOVD	x+24(FP), R2 \
	MOVD	xStride+32(FP), R9 \
	MOVD	n+40(FP), R7 \
	ADD	R9<<2, R2, R3 \
	ADD	R9<<2, R3, R4 \
	ADD	R9<<2, R4, R5 \
	ADD	R9<<2, R5, R6

// func blockF32x1(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x1(SB), NOSPLIT, $0-48
	BLOCK_ARGUMENTS
	ZERO4(V12, V13, V14, V15)
	PASS(TERMS1, X4_1, X1_1)
	VST1	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)
	RET

// func blockF32x2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x2(SB), NOSPLIT, $0-48
	BLOCK_ARGUMENTS
	ZERO4(V12, V13, V14, V15)
	ZERO4(V16, V17, V18, V19)
	PASS(TERMS2, X4_2, X1_2)
	VST1.P	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)(R8)
	VST1	[V16.S4, V17.S4, V18.S4, V19.S4], (R0)
	RET

// func blockF32x3(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x3(SB), NOSPLIT, $0-48
	BLOCK_ARGUMENTS
	ZERO4(V12, V13, V14, V15)
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	PASS(TERMS3, X4_3, X1_3)
	VST1.P	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)(R8)
	VST1.P	[V16.S4, V17.S4, V18.S4, V19.S4], (R0)(R8)
	VST1	[V20.S4, V21.S4, V22.S4, V23.S4], (R0)
	RET

// func blockF32x4(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x4(SB), NOSPLIT, $0-48
	BLOCK_ARGUMENTS
	ZERO4(V12, V13, V14, V15)
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	ZERO4(V24, V25, V26, V27)
	PASS(TERMS4, X4_4, X1_4)
	VST1.P	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)(R8)
	VST1.P	[V16.S4, V17.S4, V18.S4, V19.S4], (R0)(R8)
	VST1.P	[V20.S4, V21.S4, V22.S4, V23.S4], (R0)(R8)
	VST1	[V24.S4, V25.S4, V26.S4, V27.S4], (R0)
	RET

// func blockF32x5(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x5(SB), NOSPLIT, $0-48
	BLOCK_ARGUMENTS
	ZERO4(V12, V13, V14, V15)
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	ZERO4(V24, V25, V26, V27)
	ZERO4(V28, V29, V30, V31)
	PASS(TERMS5, X4_5, X1_5)
	VST1.P	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)(R8)
	VST1.P	[V16.S4, V17.S4, V18.S4, V19.S4], (R0)(R8)
	VST1.P	[V20.S4, V21.S4, V22.S4, V23.S4], (R0)(R8)
	VST1.P	[V24.S4, V25.S4, V26.S4, V27.S4], (R0)(R8)
	VST1	[V28.S4, V29.S4, V30.S4, V31.S4], (R0)
	RET

#define SUMS48(I) \
	VLD1.P	(R1)(R8), [V0.S4, V1.S4, V2.S4, V3.S4] \
	VLD1.P	(R3)(R8), [V24.S4, V25.S4, V26.S4, V27.S4] \
	VLD1.P	(R4)(R8), [V28.S4, V29.S4, V30.S4, V31.S4] \
	TERM(0, 4, I, 12) \
	TERM(24, 4, I, 16) \
	TERM(28, 4, I, 20)

// func sums48(dst, w, x *float32, n, rowStride, blockStride int)
TEXT sums48(SB), NOSPLIT, $0-48
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	MOVD	rowStride+32(FP), R8
	LSL	$2, R8
	MOVD	blockStride+40(FP), R9
	ADD	R9<<2, R1, R3
	ADD	R9<<2, R3, R4
	ZERO4(V12, V13, V14, V15)
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	PASS(SUMS48, X4_1, X1_1)
	VST1.P	[V12.S4, V13.S4, V14.S4, V15.S4], 64(R0)
	VST1.P	[V16.S4, V17.S4, V18.S4, V19.S4], 64(R0)
	VST1	[V20.S4, V21.S4, V22.S4, V23.S4], (R0)
	RET

#define SUMS16(I) \
	VLD1.P	(R1)(R8), [V0.S4, V1.S4, V2.S4, V3.S4] \
	TERM(0, 4, I, 12)

// func sums16(dst, w, x *float32, n, rowStride int)
TEXT sums16(SB), NOSPLIT, $0-40
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	MOVD	rowStride+32(FP), R8
	LSL	$2, R8
	ZERO4(V12, V13, V14, V15)
	PASS(SUMS16, X4_1, X1_1)
	VST1	[V12.S4, V13.S4, V14.S4, V15.S4], (R0)
	RET

#define SUMS4(I) \
	VLD1.P	(R1)(R8), [V0.S4] \
	QUAD(0, 4, I, 12)

// func sums4(dst, w, x *float32, n, rowStride int)
TEXT sums4(SB), NOSPLIT, $0-40
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	MOVD	rowStride+32(FP), R8
	LSL	$2, R8
	VEOR	V12.B16, V12.B16, V12.B16
	PASS(SUMS4, X4_1, X1_1)
	VST1	[V12.S4], (R0)
	RET

// A load of one lane, which leaves the other lanes what they are.
#define SUMS1(I) \
	VLD1.P	(R1)(R8), V0.S[0] \
	QUAD(0, 4, I, 12)

// func sums1(dst, w, x *float32, n, rowStride int)
TEXT sums1(SB), NOSPLIT, $0-40
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	MOVD	rowStride+32(FP), R8
	LSL	$2, R8
	VEOR	V0.B16, V0.B16, V0.B16
	VEOR	V12.B16, V12.B16, V12.B16
	PASS(SUMS1, X4_1, X1_1)
	FMOVS	F12, (R0)
	RET

// FOUR turns four columns of four rows into four registers from W on and adds them to A.
#define FOUR(W, A) \
	LD4(W, 0, 1, 8) \
	LD4(W, 1, 1, 8) \
	LD4(W, 2, 1, 8) \
	LD4(W, 3, 1, 8) \
	QUAD(W, 4, 0, A) \
	QUAD((W)+1, 4, 1, A) \
	QUAD((W)+2, 4, 2, A) \
	QUAD((W)+3, 4, 3, A)

// func rows32(dst, w, x *float32, stride, n int): 32 rows as they are, stride apart; n is
// a multiple of 4 above 0.
TEXT rows32(SB), NOSPLIT, $0-40
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	stride+24(FP), R8
	LSL	$2, R8
	MOVD	n+32(FP), R7
	LSL	$5, R8, R9
	SUB	$16, R9
	ZERO4(V24, V25, V26, V27)
	ZERO4(V28, V29, V30, V31)
loop:
	X4_1
	FOUR(0, 24)
	FOUR(12, 25)
	FOUR(16, 26)
	FOUR(20, 27)
	FOUR(0, 28)
	FOUR(12, 29)
	FOUR(16, 30)
	FOUR(20, 31)
	SUB	R9, R1
	SUBS	$4, R7, R7
	BNE	loop
	VST1.P	[V24.S4, V25.S4, V26.S4, V27.S4], 64(R0)
	VST1	[V28.S4, V29.S4, V30.S4, V31.S4], (R0)
	RET

// func dot4(dst, a, b, c, d, x *float32, n int)
TEXT dot4(SB), NOSPLIT, $0-56
	MOVD	dst+0(FP), R0
	MOVD	a+8(FP), R3
	MOVD	b+16(FP), R4
	MOVD	c+24(FP), R5
	MOVD	d+32(FP), R6
	MOVD	x+40(FP), R2
	MOVD	n+48(FP), R7
	VEOR	V12.B16, V12.B16, V12.B16
	SUBS	$4, R7, R7
	BLT	few
four:
	LD4NEXT(0, 0, 3)
	LD4NEXT(0, 1, 4)
	LD4NEXT(0, 2, 5)
	LD4NEXT(0, 3, 6)
	X4_1
	QUAD(0, 4, 0, 12)
	QUAD(1, 4, 1, 12)
	QUAD(2, 4, 2, 12)
	QUAD(3, 4, 3, 12)
	SUBS	$4, R7, R7
	BGE	four
few:
	ADDS	$4, R7, R7
	BEQ	done
one:
	VLD1.P	4(R3), V0.S[0]
	VLD1.P	4(R4), V0.S[1]
	VLD1.P	4(R5), V0.S[2]
	VLD1.P	4(R6), V0.S[3]
	X1_1
	QUAD(0, 4, 0, 12)
	SUBS	$1, R7, R7
	BNE	one
done:
	VST1	[V12.S4], (R0)
	RET

// func rotate(vec, cos, sin *float32, n, half int): half is a multiple of 4.
TEXT rotate(SB), NOSPLIT, $0-40
	MOVD	vec+0(FP), R0
	MOVD	n+24(FP), R7
again:
	MOVD	cos+8(FP), R1
	MOVD	sin+16(FP), R2
	MOVD	half+32(FP), R3
	SUB	R3<<1, R7
loop:
	VLD2	(R0), [V0.S4, V1.S4]
	FMOVQ.P	16(R1), F2
	FMOVQ.P	16(R2), F3
	TURN
	VST2.P	[V4.S4, V5.S4], 32(R0)
	SUBS	$4, R3, R3
	BNE	loop
	CBNZ	R7, again
	RET
