#include "textflag.h"
#include "words_arm64.h"

// A product and the sum that it is added to are rounded once, together.
#define TERM(W, X, I, A) \
	FMLAE(A, W, X, I) \
	FMLAE((A)+1, (W)+1, X, I) \
	FMLAE((A)+2, (W)+2, X, I) \
	FMLAE((A)+3, (W)+3, X, I)

#define QUAD(W, X, I, A)	FMLAE(A, W, X, I)

#define TURN \
	FMULV(4, 1, 3) \
	FNEGV(4, 4) \
	FMLAV(4, 0, 2) \
	FMULV(5, 1, 2) \
	FMLAV(5, 0, 3)

#define blockF32x1	·blockF32x1FusedNEON
#define blockF32x2	·blockF32x2FusedNEON
#define blockF32x3	·blockF32x3FusedNEON
#define blockF32x4	·blockF32x4FusedNEON
#define blockF32x5	·blockF32x5FusedNEON
#define sums48	·sums48FusedNEON
#define sums16	·sums16FusedNEON
#define sums4	·sums4FusedNEON
#define sums1	·sums1FusedNEON
#define rows32	·rows32FusedNEON
#define dot4	·dot4FusedNEON
#define rotate	·rotateFusedNEON

#include "f32_arm64.h"

// func dotFused(w, x *float32, n int) float32
TEXT ·dotFused(SB), NOSPLIT, $0-28
	MOVD	w+0(FP), R1
	MOVD	x+8(FP), R2
	MOVD	n+16(FP), R7
	FMOVS	ZR, F0
loop:
	FMOVS.P	4(R1), F1
	FMOVS.P	4(R2), F2
	FMADDS	F1, F0, F2, F0
	SUBS	$1, R7, R7
	BNE	loop
	FMOVS	F0, ret+24(FP)
	RET
