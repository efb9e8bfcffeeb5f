// BoundRows on a RISC-V vector unit, 32 rows at a time (e32,m8); see rvv_riscv64.h.

// func boundRows(dst *float32, tail *[32]float32, acc *int32, along, scale, rowError *float32, n int, b *Bound)
TEXT boundRows(SB), NOSPLIT, $0-64
	MOV	dst+0(FP), X10
	MOV	tail+8(FP), X11
	MOV	acc+16(FP), X12
	MOV	along+24(FP), X13
	MOV	scale+32(FP), X14
	MOV	rowError+40(FP), X15
	MOV	n+48(FP), X19
	MOV	b+56(FP), X16
	MOVF	Bound_Scale(X16), F0
	MOVF	Bound_Along(X16), F1
	MOVF	Bound_Error(X16), F2
	MOVF	Bound_Add(X16), F3
	MOVF	Bound_Top(X16), F4
	MOVF	Bound_Slope(X16), F5
	MOVF	Bound_Offset(X16), F6
	FMVWX	X0, F7
	MOV	$32, X5
	SET_E32M8
	VLE32V	(X11), V16
loop:
	VLE32V	(X12), V0
	ADD	$128, X12
	INT_TO_FLOAT_V0
	VLE32V	(X14), V8
	ADD	$128, X14
	VFMULVF	F0, V0, V0
	VFMULVV	V8, V0, V0
	VLE32V	(X13), V8
	ADD	$128, X13
	VFMULVF	F1, V8, V8
	VFADDVV	V8, V0, V0
	VLE32V	(X15), V8
	ADD	$128, X15
	VFMULVF	F2, V8, V8
	VFADDVV	V8, V0, V0
	VFADDVF	F3, V0, V0
	VSE32V	V0, (X10)
	ADD	$128, X10
	VFMINVF	F4, V0, V0
	VFMULVF	F5, V0, V0
	VFADDVF	F6, V0, V0
	VFMAXVF	F7, V0, V0
	FLOAT_TO_INT_V0
	VFADDVV	V0, V16, V16
	ADD	$-32, X19
	BNEZ	X19, loop
	VSE32V	V16, (X11)
	RET
