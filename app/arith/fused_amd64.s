#include "textflag.h"

// A product and the sum that it is added to are rounded once, together.
#define TERM(X, A, B) \
	VBROADCASTSS	X, Y14 \
	VFMADD231PS	Y12, Y14, A \
	VFMADD231PS	Y13, Y14, B

#define SUM(W, T, A)	VFMADD231PS	W, Y14, A

#define COLUMN(W, X, A)	VFMADD231PS	W, X, A

#define blockF32x1	·blockF32x1FusedAVX2
#define blockF32x2	·blockF32x2FusedAVX2
#define blockF32x3	·blockF32x3FusedAVX2
#define blockF32x4	·blockF32x4FusedAVX2
#define blockF32x5	·blockF32x5FusedAVX2
#define blockF32x6	·blockF32x6FusedAVX2
#define sums48	·sums48FusedAVX2
#define sums16	·sums16FusedAVX2
#define sumsFew	·sumsFewFusedAVX2
#define rows32	·rows32FusedAVX2

#include "f32_amd64.h"

// func dotFused(w, x *float32, n int) float32
TEXT ·dotFused(SB), NOSPLIT, $0-28
	MOVQ	w+0(FP), SI
	MOVQ	x+8(FP), DX
	MOVQ	n+16(FP), CX
	LEAQ	(SI)(CX*4), SI
	LEAQ	(DX)(CX*4), DX
	NEGQ	CX
	VXORPS	X0, X0, X0
loop:
	VMOVSS	(DX)(CX*4), X1
	VFMADD231SS	(SI)(CX*4), X1, X0
	INCQ	CX
	JNZ	loop
	VMOVSS	X0, ret+24(FP)
	RET

// func dot4Fused(a, b, c, d, x *float32, n int) (sa, sb, sc, sd float32)
// Four sums take turns, so that one's additions fill the time that another's take.
TEXT ·dot4Fused(SB), NOSPLIT, $0-64
	MOVQ	a+0(FP), R8
	MOVQ	b+8(FP), R9
	MOVQ	c+16(FP), R10
	MOVQ	d+24(FP), R11
	MOVQ	x+32(FP), DX
	MOVQ	n+40(FP), CX
	XORQ	AX, AX
	VXORPS	X0, X0, X0
	VXORPS	X1, X1, X1
	VXORPS	X2, X2, X2
	VXORPS	X3, X3, X3
loop:
	VMOVSS	(DX)(AX*4), X4
	VFMADD231SS	(R8)(AX*4), X4, X0
	VFMADD231SS	(R9)(AX*4), X4, X1
	VFMADD231SS	(R10)(AX*4), X4, X2
	VFMADD231SS	(R11)(AX*4), X4, X3
	INCQ	AX
	CMPQ	AX, CX
	JLT	loop
	VMOVSS	X0, sa+48(FP)
	VMOVSS	X1, sb+52(FP)
	VMOVSS	X2, sc+56(FP)
	VMOVSS	X3, sd+60(FP)
	RET
