#include "go_asm.h"
#include "textflag.h"

// AVX2. Sixteen rows are two registers. Products are rounded before they are added: no
// fused instruction, although every processor with AVX2 has one.
//
// DI dst, SI w, DX x, CX columns left; R8 strides in bytes.

#define TERM(X, A, B) \
	VBROADCASTSS	X, Y14 \
	VMULPS	Y12, Y14, Y15 \
	VADDPS	Y15, A, A \
	VMULPS	Y13, Y14, Y15 \
	VADDPS	Y15, B, B

// func blockF32x1AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x1AVX2(SB), NOSPLIT, $0-48
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

// func blockF32x2AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x2AVX2(SB), NOSPLIT, $0-48
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

// func blockF32x3AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x3AVX2(SB), NOSPLIT, $0-48
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

// func blockF32x4AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x4AVX2(SB), NOSPLIT, $0-48
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

// func blockF32x5AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x5AVX2(SB), NOSPLIT, $0-48
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

// func blockF32x6AVX2(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT ·blockF32x6AVX2(SB), NOSPLIT, $0-48
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

// func sums48AVX2(dst, w, x *float32, n, rowStride, blockStride int)
TEXT ·sums48AVX2(SB), NOSPLIT, $0-48
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
	VMULPS	(SI), Y14, Y6
	VMULPS	32(SI), Y14, Y7
	VMULPS	(SI)(R9*1), Y14, Y8
	VMULPS	32(SI)(R9*1), Y14, Y9
	VMULPS	(SI)(R9*2), Y14, Y10
	VMULPS	32(SI)(R9*2), Y14, Y11
	VADDPS	Y6, Y0, Y0
	VADDPS	Y7, Y1, Y1
	VADDPS	Y8, Y2, Y2
	VADDPS	Y9, Y3, Y3
	VADDPS	Y10, Y4, Y4
	VADDPS	Y11, Y5, Y5
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

// func sums16AVX2(dst, w, x *float32, n, rowStride int)
TEXT ·sums16AVX2(SB), NOSPLIT, $0-40
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
	VMULPS	(SI), Y14, Y6
	VMULPS	32(SI), Y14, Y7
	VADDPS	Y6, Y0, Y0
	VADDPS	Y7, Y1, Y1
	ADDQ	R8, SI
	ADDQ	$4, DX
	DECQ	CX
	JNZ	loop
	VMOVUPS	Y0, (DI)
	VMOVUPS	Y1, 32(DI)
	VZEROUPPER
	RET

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
