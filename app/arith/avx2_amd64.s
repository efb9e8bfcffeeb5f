#include "go_asm.h"
#include "textflag.h"

// A product is rounded before it is added.
#define TERM(X, A, B) \
	VBROADCASTSS	X, Y14 \
	VMULPS	Y12, Y14, Y15 \
	VADDPS	Y15, A, A \
	VMULPS	Y13, Y14, Y15 \
	VADDPS	Y15, B, B

#define SUM(W, T, A) \
	VMULPS	W, Y14, T \
	VADDPS	T, A, A

#define COLUMN(W, X, A) \
	VMULPS	X, W, W \
	VADDPS	W, A, A

#define blockF32x1	·blockF32x1AVX2
#define blockF32x2	·blockF32x2AVX2
#define blockF32x3	·blockF32x3AVX2
#define blockF32x4	·blockF32x4AVX2
#define blockF32x5	·blockF32x5AVX2
#define blockF32x6	·blockF32x6AVX2
#define sums48	·sums48AVX2
#define sums16	·sums16AVX2
#define sumsFew	·sumsFewAVX2
#define rows32	·rows32AVX2

#include "f32_amd64.h"

// Integers: one position, segment by segment; 16 sums of 16 bits a register. R10 the segment,
// R11 the segments left, R12 the position among a segment's sums.

// WIDEN adds 16 sums to those of 32 bits at O(DI).
#define WIDEN(O, Y, X) \
	VPMOVSXWD	X, Y8 \
	VPADDD	O(DI), Y8, Y8 \
	VMOVDQU	Y8, O(DI) \
	VEXTRACTI128	$1, Y, X9 \
	VPMOVSXWD	X9, Y9 \
	VPADDD	(O+32)(DI), Y9, Y9 \
	VMOVDQU	Y9, (O+32)(DI)

// int4: V = L + 8*Σx + 16*H and H, started at -8*Σx and 0; L = V - 16*H modulo 2^16.
#define I4_TERM(O, V, H) \
	VPMOVSXBW	O(SI), Y9 \
	VPSRAW	$4, Y9, Y10 \
	VPMULLW	Y8, Y9, Y9 \
	VPADDW	Y9, V, V \
	VPMULLW	Y8, Y10, Y10 \
	VPADDW	Y10, H, H

#define I4_LOW(V, H) \
	VPSLLW	$4, H, Y8 \
	VPSUBW	Y8, V, V

// func blockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)
TEXT ·blockI4AVX2(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	segs+24(FP), R10
	MOVQ	nsegs+32(FP), R11
	MOVQ	position+40(FP), R12
segment:
	MOVQ	segment_hi(R10), CX
	SUBQ	segment_lo(R10), CX
	MOVWLSX	segment_sum(R10)(R12*2), AX
	SHLL	$3, AX
	NEGL	AX
	MOVQ	AX, X0
	VPBROADCASTW	X0, Y0
	VMOVDQA	Y0, Y1
	VMOVDQA	Y0, Y2
	VMOVDQA	Y0, Y3
	VPXOR	Y4, Y4, Y4
	VPXOR	Y5, Y5, Y5
	VPXOR	Y6, Y6, Y6
	VPXOR	Y7, Y7, Y7
loop:
	VPBROADCASTB	(DX), X8
	VPMOVSXBW	X8, Y8
	I4_TERM(0, Y0, Y4)
	I4_TERM(16, Y1, Y5)
	I4_TERM(32, Y2, Y6)
	I4_TERM(48, Y3, Y7)
	ADDQ	$64, SI
	INCQ	DX
	DECQ	CX
	JNZ	loop
	I4_LOW(Y0, Y4)
	I4_LOW(Y1, Y5)
	I4_LOW(Y2, Y6)
	I4_LOW(Y3, Y7)
	WIDEN(0, Y0, X0)
	WIDEN(64, Y1, X1)
	WIDEN(128, Y2, X2)
	WIDEN(192, Y3, X3)
	WIDEN(256, Y4, X4)
	WIDEN(320, Y5, X5)
	WIDEN(384, Y6, X6)
	WIDEN(448, Y7, X7)
	ADDQ	$segment__size, R10
	DECQ	R11
	JNZ	segment
	VZEROUPPER
	RET

// func halfBlockI4AVX2(dst *int32, w *byte, x *int8, segs *segment, nsegs, position int)
TEXT ·halfBlockI4AVX2(SB), NOSPLIT, $0-48
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	segs+24(FP), R10
	MOVQ	nsegs+32(FP), R11
	MOVQ	position+40(FP), R12
segment:
	MOVQ	segment_hi(R10), CX
	SUBQ	segment_lo(R10), CX
	MOVWLSX	segment_sum(R10)(R12*2), AX
	SHLL	$3, AX
	NEGL	AX
	MOVQ	AX, X0
	VPBROADCASTW	X0, Y0
	VMOVDQA	Y0, Y1
	VPXOR	Y4, Y4, Y4
	VPXOR	Y5, Y5, Y5
loop:
	VPBROADCASTB	(DX), X8
	VPMOVSXBW	X8, Y8
	I4_TERM(0, Y0, Y4)
	I4_TERM(16, Y1, Y5)
	ADDQ	$32, SI
	INCQ	DX
	DECQ	CX
	JNZ	loop
	I4_LOW(Y0, Y4)
	I4_LOW(Y1, Y5)
	WIDEN(0, Y0, X0)
	WIDEN(64, Y1, X1)
	WIDEN(128, Y4, X4)
	WIDEN(192, Y5, X5)
	ADDQ	$segment__size, R10
	DECQ	R11
	JNZ	segment
	VZEROUPPER
	RET

#define I8_TERM(O, A) \
	VPMOVSXBW	O(SI), Y9 \
	VPMULLW	Y8, Y9, Y9 \
	VPADDW	Y9, A, A

// func blockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)
TEXT ·blockI8AVX2(SB), NOSPLIT, $0-40
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	segs+24(FP), R10
	MOVQ	nsegs+32(FP), R11
segment:
	MOVQ	segment_hi(R10), CX
	SUBQ	segment_lo(R10), CX
	VPXOR	Y0, Y0, Y0
	VPXOR	Y1, Y1, Y1
	VPXOR	Y2, Y2, Y2
	VPXOR	Y3, Y3, Y3
loop:
	VPBROADCASTB	(DX), X8
	VPMOVSXBW	X8, Y8
	I8_TERM(0, Y0)
	I8_TERM(16, Y1)
	I8_TERM(32, Y2)
	I8_TERM(48, Y3)
	ADDQ	$64, SI
	INCQ	DX
	DECQ	CX
	JNZ	loop
	WIDEN(0, Y0, X0)
	WIDEN(64, Y1, X1)
	WIDEN(128, Y2, X2)
	WIDEN(192, Y3, X3)
	ADDQ	$segment__size, R10
	DECQ	R11
	JNZ	segment
	VZEROUPPER
	RET

// func halfBlockI8AVX2(dst *int32, w, x *int8, segs *segment, nsegs int)
TEXT ·halfBlockI8AVX2(SB), NOSPLIT, $0-40
	MOVQ	dst+0(FP), DI
	MOVQ	w+8(FP), SI
	MOVQ	x+16(FP), DX
	MOVQ	segs+24(FP), R10
	MOVQ	nsegs+32(FP), R11
segment:
	MOVQ	segment_hi(R10), CX
	SUBQ	segment_lo(R10), CX
	VPXOR	Y0, Y0, Y0
	VPXOR	Y1, Y1, Y1
loop:
	VPBROADCASTB	(DX), X8
	VPMOVSXBW	X8, Y8
	I8_TERM(0, Y0)
	I8_TERM(16, Y1)
	ADDQ	$32, SI
	INCQ	DX
	DECQ	CX
	JNZ	loop
	WIDEN(0, Y0, X0)
	WIDEN(64, Y1, X1)
	ADDQ	$segment__size, R10
	DECQ	R11
	JNZ	segment
	VZEROUPPER
	RET
