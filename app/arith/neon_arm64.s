#include "go_asm.h"
#include "textflag.h"
#include "words_arm64.h"

// A product is rounded before it is added.
#define TERM(W, X, I, A) \
	FMULE(9, W, X, I) \
	FMULE(10, (W)+1, X, I) \
	FMULE(11, (W)+2, X, I) \
	FADDV(A, A, 9) \
	FMULE(9, (W)+3, X, I) \
	FADDV((A)+1, (A)+1, 10) \
	FADDV((A)+2, (A)+2, 11) \
	FADDV((A)+3, (A)+3, 9)

#define QUAD(W, X, I, A) \
	FMULE(9, W, X, I) \
	FADDV(A, A, 9)

#define TURN \
	FMULV(4, 1, 3) \
	FMULV(6, 0, 2) \
	FSUBV(4, 6, 4) \
	FMULV(5, 1, 2) \
	FMULV(7, 0, 3) \
	FADDV(5, 7, 5)

#define blockF32x1	·blockF32x1NEON
#define blockF32x2	·blockF32x2NEON
#define blockF32x3	·blockF32x3NEON
#define blockF32x4	·blockF32x4NEON
#define blockF32x5	·blockF32x5NEON
#define sums48	·sums48NEON
#define sums16	·sums16NEON
#define sums4	·sums4NEON
#define sums1	·sums1NEON
#define rows32	·rows32NEON
#define dot4	·dot4NEON
#define rotate	·rotateNEON

#include "f32_arm64.h"

// Integers: one position, segment by segment; eight sums of 16 bits a register. R0 dst,
// R1 w, R2 x, R3 the segment, R4 the segments left, R5 the position among a segment's
// sums, R7 columns left.

// WIDEN adds eight sums a register to those of 32 bits at R0.
#define WIDEN(A, B) \
	VLD1	(R0), [V0.S4, V1.S4, V2.S4, V3.S4] \
	SADDW(0, 0, A) \
	SADDW2(1, 1, A) \
	SADDW(2, 2, B) \
	SADDW2(3, 3, B) \
	VST1.P	[V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)

// COLUMNS does F for each column of a segment, four and then one at a time.
#define COLUMNS(F) \
	MOVD	segment_lo(R3), R6 \
	MOVD	segment_hi(R3), R7 \
	SUB	R6, R7 \
	SUBS	$4, R7, R7 \
	BLT	few \
four: \
	F \
	F \
	F \
	F \
	SUBS	$4, R7, R7 \
	BGE	four \
few: \
	ADDS	$4, R7, R7 \
	BEQ	done \
one: \
	F \
	SUBS	$1, R7, R7 \
	BNE	one \
done:

#define NEXT \
	ADD	$segment__size, R3 \
	SUBS	$1, R4, R4 \
	BNE	segment \
	RET

// int4: V = L + 8*Σx + 16*H and H, started at -8*Σx and 0; L = V - 16*H modulo 2^16.
#define I4_TERM(W, V, H) \
	SSHR4(4, W) \
	SMLAL(V, W, 5) \
	SMLAL2((V)+1, W, 5) \
	SMLAL(H, 4, 5) \
	SMLAL2((H)+1, 4, 5)

#define I4_COLUMN \
	VLD1.P	64(R1), [V0.B16, V1.B16, V2.B16, V3.B16] \
	VLD1R.P	1(R2), [V5.B16] \
	I4_TERM(0, 16, 24) \
	I4_TERM(1, 18, 26) \
	I4_TERM(2, 20, 28) \
	I4_TERM(3, 22, 30)

#define I4_HALF \
	VLD1.P	32(R1), [V0.B16, V1.B16] \
	VLD1R.P	1(R2), [V5.B16] \
	I4_TERM(0, 16, 24) \
	I4_TERM(1, 18, 26)

// I4_BEGIN puts -8*Σx into V6, eight times.
#define I4_BEGIN \
	ADD	R5<<1, R3, R6 \
	MOVH	segment_sum(R6), R6 \
	NEG	R6<<3, R6 \
	VDUP	R6, V6.H8

#define I4_LOW(V, H) \
	VSHL	$4, H.H8, V0.H8 \
	VSUB	V0.H8, V.H8, V.H8

#define COPY4(A, B, C, D) \
	VMOV	V6.B16, A.B16 \
	VMOV	V6.B16, B.B16 \
	VMOV	V6.B16, C.B16 \
	VMOV	V6.B16, D.B16

// func blockI4NEON(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)
TEXT ·blockI4NEON(SB), NOSPLIT, $0-48
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	segs+24(FP), R3
	MOVD	nsegs+32(FP), R4
	MOVD	position+40(FP), R5
segment:
	MOVD	dst+0(FP), R0
	I4_BEGIN
	COPY4(V16, V17, V18, V19)
	COPY4(V20, V21, V22, V23)
	ZERO4(V24, V25, V26, V27)
	ZERO4(V28, V29, V30, V31)
	COLUMNS(I4_COLUMN)
	I4_LOW(V16, V24)
	I4_LOW(V17, V25)
	I4_LOW(V18, V26)
	I4_LOW(V19, V27)
	I4_LOW(V20, V28)
	I4_LOW(V21, V29)
	I4_LOW(V22, V30)
	I4_LOW(V23, V31)
	WIDEN(16, 17)
	WIDEN(18, 19)
	WIDEN(20, 21)
	WIDEN(22, 23)
	WIDEN(24, 25)
	WIDEN(26, 27)
	WIDEN(28, 29)
	WIDEN(30, 31)
	NEXT

// func halfBlockI4NEON(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)
TEXT ·halfBlockI4NEON(SB), NOSPLIT, $0-48
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	segs+24(FP), R3
	MOVD	nsegs+32(FP), R4
	MOVD	position+40(FP), R5
segment:
	MOVD	dst+0(FP), R0
	I4_BEGIN
	COPY4(V16, V17, V18, V19)
	ZERO4(V24, V25, V26, V27)
	COLUMNS(I4_HALF)
	I4_LOW(V16, V24)
	I4_LOW(V17, V25)
	I4_LOW(V18, V26)
	I4_LOW(V19, V27)
	WIDEN(16, 17)
	WIDEN(18, 19)
	WIDEN(24, 25)
	WIDEN(26, 27)
	NEXT

#define I8_COLUMN \
	VLD1.P	64(R1), [V0.B16, V1.B16, V2.B16, V3.B16] \
	VLD1R.P	1(R2), [V5.B16] \
	SMLAL(16, 0, 5) \
	SMLAL2(17, 0, 5) \
	SMLAL(18, 1, 5) \
	SMLAL2(19, 1, 5) \
	SMLAL(20, 2, 5) \
	SMLAL2(21, 2, 5) \
	SMLAL(22, 3, 5) \
	SMLAL2(23, 3, 5)

#define I8_HALF \
	VLD1.P	32(R1), [V0.B16, V1.B16] \
	VLD1R.P	1(R2), [V5.B16] \
	SMLAL(16, 0, 5) \
	SMLAL2(17, 0, 5) \
	SMLAL(18, 1, 5) \
	SMLAL2(19, 1, 5)

// func blockI8NEON(dst *int32, w, x *int8, segs *segment, nsegs int)
TEXT ·blockI8NEON(SB), NOSPLIT, $0-40
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	segs+24(FP), R3
	MOVD	nsegs+32(FP), R4
segment:
	MOVD	dst+0(FP), R0
	ZERO4(V16, V17, V18, V19)
	ZERO4(V20, V21, V22, V23)
	COLUMNS(I8_COLUMN)
	WIDEN(16, 17)
	WIDEN(18, 19)
	WIDEN(20, 21)
	WIDEN(22, 23)
	NEXT

// func halfBlockI8NEON(dst *int32, w, x *int8, segs *segment, nsegs int)
TEXT ·halfBlockI8NEON(SB), NOSPLIT, $0-40
	MOVD	w+8(FP), R1
	MOVD	x+16(FP), R2
	MOVD	segs+24(FP), R3
	MOVD	nsegs+32(FP), R4
segment:
	MOVD	dst+0(FP), R0
	ZERO4(V16, V17, V18, V19)
	COLUMNS(I8_HALF)
	WIDEN(16, 17)
	WIDEN(18, 19)
	NEXT
