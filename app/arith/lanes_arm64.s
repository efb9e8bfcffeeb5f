#include "go_asm.h"
#include "textflag.h"
#include "words_arm64.h"

// Element by element. Every n is a multiple of 4 above 0, or of 32 or 16 where it says so.
// R0 dst, R1 to R4 what is read, R7 elements left.

// func addToNEON(dst, x *float32, n int)
TEXT ·addToNEON(SB), NOSPLIT, $0-24
	MOVD	dst+0(FP), R0
	MOVD	x+8(FP), R1
	MOVD	n+16(FP), R7
loop:
	FMOVQ	(R0), F0
	FMOVQ.P	16(R1), F1
	FADDV(0, 0, 1)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// func mulScaleWeightNEON(dst, w, x *float32, n int, scale float32)
TEXT ·mulScaleWeightNEON(SB), NOSPLIT, $0-36
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	FMOVS	scale+32(FP), F2
loop:
	FMOVQ.P	16(R1), F0
	FMOVQ.P	16(R2), F1
	FMULE(1, 1, 2, 0)
	FMULV(0, 0, 1)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// func mulWeightScaleNEON(dst, w, x *float32, n int, scale float32)
TEXT ·mulWeightScaleNEON(SB), NOSPLIT, $0-36
	MOVD	dst+0(FP), R0
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	n+24(FP), R7
	FMOVS	scale+32(FP), F2
loop:
	FMOVQ.P	16(R1), F0
	FMOVQ.P	16(R2), F1
	FMULV(0, 0, 1)
	FMULE(0, 0, 2, 0)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// func mulScalarNEON(x *float32, n int, by float32)
TEXT ·mulScalarNEON(SB), NOSPLIT, $0-20
	MOVD	x+0(FP), R0
	MOVD	n+8(FP), R7
	FMOVS	by+16(FP), F2
loop:
	FMOVQ	(R0), F0
	FMULE(0, 0, 2, 0)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// func divScalarNEON(x *float32, n int, by float32)
TEXT ·divScalarNEON(SB), NOSPLIT, $0-20
	MOVD	x+0(FP), R0
	MOVD	n+8(FP), R7
	FMOVS	by+16(FP), F2
	VDUP	V2.S[0], V2.S4
loop:
	FMOVQ	(R0), F0
	FDIVV(0, 0, 2)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// func scaleI32NEON(dst *float32, acc *int32, rowScale *float32, n int, scale float32)
TEXT ·scaleI32NEON(SB), NOSPLIT, $0-36
	MOVD	dst+0(FP), R0
	MOVD	acc+8(FP), R1
	MOVD	rowScale+16(FP), R2
	MOVD	n+24(FP), R7
	FMOVS	scale+32(FP), F2
loop:
	FMOVQ.P	16(R1), F0
	FMOVQ.P	16(R2), F1
	SCVTFV(0, 0)
	FMULV(0, 0, 1)
	FMULE(0, 0, 2, 0)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

#define ROUND(V) \
	FMULE(V, V, 4, 0) \
	FMINV(V, V, 5) \
	FMAXV(V, V, 6) \
	FADDV(V, V, 7)

// func quantizeNEON(dst *int8, x *float32, n int, inv, limit float32): n is a multiple of
// 16. What a number is rounded to stands in the lowest byte of its sum with 1.5 * 2^23.
TEXT ·quantizeNEON(SB), NOSPLIT, $0-32
	MOVD	dst+0(FP), R0
	MOVD	x+8(FP), R1
	MOVD	n+16(FP), R7
	FMOVS	inv+24(FP), F4
	FMOVS	limit+28(FP), F5
	VDUP	V5.S[0], V5.S4
	FNEGV(6, 5)
	MOVD	$0x4b400000, R2
	VDUP	R2, V7.S4
loop:
	VLD1.P	64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	ROUND(0)
	ROUND(1)
	ROUND(2)
	ROUND(3)
	VUZP1	V1.H8, V0.H8, V0.H8
	VUZP1	V3.H8, V2.H8, V2.H8
	VUZP1	V2.B16, V0.B16, V0.B16
	VST1.P	[V0.B16], 16(R0)
	SUBS	$16, R7, R7
	BNE	loop
	RET

#define LOAD32(R) \
	VLD1.P	64(R), [V0.S4, V1.S4, V2.S4, V3.S4] \
	VLD1.P	64(R), [V4.S4, V5.S4, V6.S4, V7.S4]

#define LANES(F) \
	F(16, 0) \
	F(17, 1) \
	F(18, 2) \
	F(19, 3) \
	F(20, 4) \
	F(21, 5) \
	F(22, 6) \
	F(23, 7)

#define STORE_LANES(R) \
	VST1.P	[V16.S4, V17.S4, V18.S4, V19.S4], 64(R) \
	VST1	[V20.S4, V21.S4, V22.S4, V23.S4], (R)

#define LARGER_SIZE(L, V) \
	FABSV(V, V) \
	UMAXV(L, L, V)

// func maxAbsNEON(dst *[32]float32, x *float32, n int): of n numbers, a multiple of 32.
// Floats without sign keep their order as integers.
TEXT ·maxAbsNEON(SB), NOSPLIT, $0-24
	MOVD	dst+0(FP), R0
	MOVD	x+8(FP), R1
	MOVD	n+16(FP), R7
	VEOR	V16.B16, V16.B16, V16.B16
	VMOV	V16.B16, V17.B16
	VMOV	V16.B16, V18.B16
	VMOV	V16.B16, V19.B16
	VMOV	V16.B16, V20.B16
	VMOV	V16.B16, V21.B16
	VMOV	V16.B16, V22.B16
	VMOV	V16.B16, V23.B16
loop:
	LOAD32(R1)
	LANES(LARGER_SIZE)
	SUBS	$32, R7, R7
	BNE	loop
	STORE_LANES(R0)
	RET

#define LARGER(L, V)	FMAXV(L, L, V)

// func laneMaxNEON(dst *[32]float32, x *float32, n int): of n numbers, a multiple of 32.
TEXT ·laneMaxNEON(SB), NOSPLIT, $0-24
	MOVD	dst+0(FP), R0
	MOVD	x+8(FP), R1
	MOVD	n+16(FP), R7
	VLD1.P	64(R1), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1.P	64(R1), [V20.S4, V21.S4, V22.S4, V23.S4]
	SUBS	$32, R7, R7
	BEQ	done
loop:
	LOAD32(R1)
	LANES(LARGER)
	SUBS	$32, R7, R7
	BNE	loop
done:
	STORE_LANES(R0)
	RET

// CONSTANTS loads those of exp2About; numbers for sums fill their registers.
#define CONSTANTS(R) \
	VLD1R.P	4(R), [V24.S4] \
	VLD1R.P	4(R), [V25.S4] \
	VLD1R.P	4(R), [V26.S4] \
	VLD1R.P	4(R), [V27.S4] \
	VLD1R.P	4(R), [V28.S4] \
	VLD1R.P	4(R), [V29.S4] \
	VLD1R.P	4(R), [V30.S4] \
	VLD1R.P	4(R), [V31.S4] \
	VLD1R	(R), [V15.S4]

// EXP2 is V = exp2About(V), with V8 to V10 used.
#define EXP2(V) \
	FMAXV(V, V, 24) \
	FMINV(V, V, 25) \
	FADDV(8, V, 26) \
	FADDV(9, 8, 27) \
	FSUBV(9, V, 9) \
	FMULV(10, 28, 9) \
	FADDV(10, 10, 29) \
	FMULV(10, 10, 9) \
	FADDV(10, 10, 30) \
	FMULV(10, 10, 9) \
	FADDV(10, 10, 31) \
	FMULV(10, 10, 9) \
	FADDV(10, 10, 15) \
	VSHL	$23, V8.S4, V8.S4 \
	ADDI(V, 10, 8)

#define EXP(L, V) \
	FADDV(V, V, 13) \
	FMULV(V, V, 14) \
	EXP2(V) \
	FADDV(L, L, V)

// func expAboutNEON(lanes *[32]float32, x *float32, n int, minusFrom, scale float32, constants *float32):
// n is a multiple of 32.
TEXT ·expAboutNEON(SB), NOSPLIT, $0-40
	MOVD	lanes+0(FP), R0
	MOVD	x+8(FP), R1
	MOVD	n+16(FP), R7
	FMOVS	minusFrom+24(FP), F13
	FMOVS	scale+28(FP), F14
	MOVD	constants+32(FP), R3
	VDUP	V13.S[0], V13.S4
	VDUP	V14.S[0], V14.S4
	CONSTANTS(R3)
	MOVD	R0, R2
	VLD1.P	64(R2), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1	(R2), [V20.S4, V21.S4, V22.S4, V23.S4]
	MOVD	R1, R2
loop:
	LOAD32(R1)
	LANES(EXP)
	VST1.P	[V0.S4, V1.S4, V2.S4, V3.S4], 64(R2)
	VST1.P	[V4.S4, V5.S4, V6.S4, V7.S4], 64(R2)
	SUBS	$32, R7, R7
	BNE	loop
	STORE_LANES(R0)
	RET

// func gateAboutNEON(dst, h1, h3 *float32, n int, minusLog2E float32, constants *float32)
TEXT ·gateAboutNEON(SB), NOSPLIT, $0-48
	MOVD	dst+0(FP), R0
	MOVD	h1+8(FP), R1
	MOVD	h3+16(FP), R2
	MOVD	n+24(FP), R7
	FMOVS	minusLog2E+32(FP), F14
	MOVD	constants+40(FP), R3
	CONSTANTS(R3)
loop:
	FMOVQ.P	16(R1), F0
	FMOVQ.P	16(R2), F1
	FMULV(1, 0, 1)
	FMULE(0, 0, 14, 0)
	EXP2(0)
	FADDV(0, 0, 15)
	FDIVV(0, 1, 0)
	FMOVQ.P	F0, 16(R0)
	SUBS	$4, R7, R7
	BNE	loop
	RET

// BOUND makes four bounds of V, sums of integers, and adds to the lanes L. V12 to V15 are a
// Bound's numbers: Scale Along Error in V12, Add in V13, and so on as below.
#define BOUND(L, V) \
	FMOVQ.P	16(R2), F8 \
	FMOVQ.P	16(R3), F9 \
	FMOVQ.P	16(R4), F10 \
	SCVTFV(V, V) \
	FMULE(V, V, 12, 0) \
	FMULV(V, V, 9) \
	FMULE(8, 8, 12, 1) \
	FADDV(V, V, 8) \
	FMULE(10, 10, 12, 2) \
	FADDV(V, V, 10) \
	FADDV(V, V, 13) \
	FMINV(8, V, 14) \
	FMULE(8, 8, 15, 0) \
	FADDV(8, 8, 24) \
	FMAXV(8, 8, 25) \
	FCVTNUV(8, 8) \
	FADDV(L, L, 8)

// func boundRowsNEON(dst *float32, tail *[32]float32, acc *int32, along, scale, rowError *float32, n int, b *Bound):
// n is a multiple of 32.
TEXT ·boundRowsNEON(SB), NOSPLIT, $0-64
	MOVD	dst+0(FP), R0
	MOVD	tail+8(FP), R5
	MOVD	acc+16(FP), R1
	MOVD	along+24(FP), R2
	MOVD	scale+32(FP), R3
	MOVD	rowError+40(FP), R4
	MOVD	n+48(FP), R7
	MOVD	b+56(FP), R6
	FMOVS	Bound_Scale(R6), F12
	FMOVS	Bound_Along(R6), F13
	VMOV	V13.S[0], V12.S[1]
	FMOVS	Bound_Error(R6), F13
	VMOV	V13.S[0], V12.S[2]
	FMOVS	Bound_Add(R6), F13
	VDUP	V13.S[0], V13.S4
	FMOVS	Bound_Top(R6), F14
	VDUP	V14.S[0], V14.S4
	FMOVS	Bound_Slope(R6), F15
	FMOVS	Bound_Offset(R6), F24
	VDUP	V24.S[0], V24.S4
	VEOR	V25.B16, V25.B16, V25.B16
	MOVD	R5, R6
	VLD1.P	64(R6), [V16.S4, V17.S4, V18.S4, V19.S4]
	VLD1	(R6), [V20.S4, V21.S4, V22.S4, V23.S4]
loop:
	LOAD32(R1)
	LANES(BOUND)
	VST1.P	[V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	VST1.P	[V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUBS	$32, R7, R7
	BNE	loop
	STORE_LANES(R5)
	RET
