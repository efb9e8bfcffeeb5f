#include "textflag.h"

// Fused sums of the scalar unit.

// func dotFused(w, x *float32, n int) float32
TEXT ·dotFused(SB), NOSPLIT, $0-28
	MOV	w+0(FP), X10
	MOV	x+8(FP), X11
	MOV	n+16(FP), X12
	FMVWX	X0, F0
	AND	$~3, X12, X13
	SLL	$2, X13
	ADD	X10, X13
	SLL	$2, X12
	ADD	X10, X12
	BEQ	X10, X13, rest
four:
	MOVF	0(X10), F1
	MOVF	0(X11), F2
	MOVF	4(X10), F3
	MOVF	4(X11), F4
	MOVF	8(X10), F5
	MOVF	8(X11), F6
	MOVF	12(X10), F7
	MOVF	12(X11), F8
	FMADDS	F1, F2, F0, F0
	FMADDS	F3, F4, F0, F0
	FMADDS	F5, F6, F0, F0
	FMADDS	F7, F8, F0, F0
	ADD	$16, X10
	ADD	$16, X11
	BNE	X10, X13, four
rest:
	BEQ	X10, X12, done
	MOVF	(X10), F1
	MOVF	(X11), F2
	FMADDS	F1, F2, F0, F0
	ADD	$4, X10
	ADD	$4, X11
	JMP	rest
done:
	MOVF	F0, ret+24(FP)
	RET

// func dot4Fused(a, b, c, d, x *float32, n int) (sa, sb, sc, sd float32)
// Four sums take turns, so that one's additions fill the time that another's take.
TEXT ·dot4Fused(SB), NOSPLIT, $0-64
	MOV	a+0(FP), X10
	MOV	b+8(FP), X11
	MOV	c+16(FP), X12
	MOV	d+24(FP), X13
	MOV	x+32(FP), X14
	MOV	n+40(FP), X15
	SLL	$2, X15
	ADD	X14, X15
	FMVWX	X0, F0
	FMVWX	X0, F1
	FMVWX	X0, F2
	FMVWX	X0, F3
loop:
	MOVF	(X14), F8
	MOVF	(X10), F4
	MOVF	(X11), F5
	MOVF	(X12), F6
	MOVF	(X13), F7
	ADD	$4, X14
	ADD	$4, X10
	ADD	$4, X11
	ADD	$4, X12
	ADD	$4, X13
	FMADDS	F4, F8, F0, F0
	FMADDS	F5, F8, F1, F1
	FMADDS	F6, F8, F2, F2
	FMADDS	F7, F8, F3, F3
	BNE	X14, X15, loop
	MOVF	F0, sa+48(FP)
	MOVF	F1, sb+52(FP)
	MOVF	F2, sc+56(FP)
	MOVF	F3, sd+60(FP)
	RET

// func rotateFused(vec, cos, sin *float32, n, half int)
TEXT ·rotateFused(SB), NOSPLIT, $0-40
	MOV	vec+0(FP), X10
	MOV	n+24(FP), X13
	SLL	$2, X13
	ADD	X10, X13
head:
	MOV	cos+8(FP), X11
	MOV	sin+16(FP), X12
	MOV	half+32(FP), X14
	SLL	$2, X14
	ADD	X11, X14
pair:
	MOVF	(X11), F2	// cos
	MOVF	(X12), F3	// sin
	MOVF	0(X10), F0
	MOVF	4(X10), F1
	ADD	$4, X11
	ADD	$4, X12
	FMULS	F3, F1, F4
	FMULS	F2, F1, F5
	FMSUBS	F0, F2, F4, F4
	FMADDS	F0, F3, F5, F5
	MOVF	F4, 0(X10)
	MOVF	F5, 4(X10)
	ADD	$8, X10
	BNE	X11, X14, pair
	BNE	X10, X13, head
	RET
