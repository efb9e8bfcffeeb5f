// The float32 products, one body for both vector versions and both ways to round; what
// holds for rvv_riscv64.h holds here.

// A loop over n columns: w + 64n is the end, STEP(byte offset in x) one column, BUMP moves x.
#define COLUMNS(SHIFT) \
	AND	$~7, X19, X20 \
	SLL	$SHIFT, X20 \
	ADD	X12, X20 \
	SLL	$SHIFT, X19, X21 \
	ADD	X12, X21

// float32: 16 rows (e32,m4) by up to six positions.

#define F32_ENTER \
	MOV	dst+0(FP), X10 \
	MOV	stride+8(FP), X11 \
	SLL	$2, X11 \
	MOV	w+16(FP), X12 \
	MOV	x+24(FP), X13 \
	MOV	xStride+32(FP), X6 \
	SLL	$2, X6 \
	ADD	X6, X13, X14 \
	ADD	X6, X14, X15 \
	ADD	X6, X15, X16 \
	ADD	X6, X16, X17 \
	ADD	X6, X17, X18 \
	MOV	n+40(FP), X19 \
	COLUMNS(6) \
	MOV	$16, X5 \
	SET_E32M4

#define F32_WEIGHTS \
	VLE32V	(X12), V0 \
	ADD	$64, X12

// The including file defines F32_TERM(F, ACC), ACC += F * V0 by way of V4, and
// F32_SUM(F, W, ACC), ACC += F * W with W lost.

#define F32_STORE(ACC) \
	VSE32V	ACC, (X10) \
	ADD	X11, X10

#define STEP1(o) F32_WEIGHTS; MOVF o(X13), F0; F32_TERM(F0, V8)
#define STEP2(o) F32_WEIGHTS; MOVF o(X13), F0; MOVF o(X14), F1; F32_TERM(F0, V8); F32_TERM(F1, V12)
#define STEP3(o) F32_WEIGHTS; MOVF o(X13), F0; MOVF o(X14), F1; MOVF o(X15), F2; F32_TERM(F0, V8); F32_TERM(F1, V12); F32_TERM(F2, V16)
#define STEP4(o) F32_WEIGHTS; MOVF o(X13), F0; MOVF o(X14), F1; MOVF o(X15), F2; MOVF o(X16), F3; F32_TERM(F0, V8); F32_TERM(F1, V12); F32_TERM(F2, V16); F32_TERM(F3, V20)
#define STEP5(o) F32_WEIGHTS; MOVF o(X13), F0; MOVF o(X14), F1; MOVF o(X15), F2; MOVF o(X16), F3; MOVF o(X17), F4; F32_TERM(F0, V8); F32_TERM(F1, V12); F32_TERM(F2, V16); F32_TERM(F3, V20); F32_TERM(F4, V24)
#define STEP6(o) F32_WEIGHTS; MOVF o(X13), F0; MOVF o(X14), F1; MOVF o(X15), F2; MOVF o(X16), F3; MOVF o(X17), F4; MOVF o(X18), F5; F32_TERM(F0, V8); F32_TERM(F1, V12); F32_TERM(F2, V16); F32_TERM(F3, V20); F32_TERM(F4, V24); F32_TERM(F5, V28)

#define BUMP1(b) ADD $b, X13
#define BUMP2(b) BUMP1(b); ADD $b, X14
#define BUMP3(b) BUMP2(b); ADD $b, X15
#define BUMP4(b) BUMP3(b); ADD $b, X16
#define BUMP5(b) BUMP4(b); ADD $b, X17
#define BUMP6(b) BUMP5(b); ADD $b, X18

#define F32_LOOP(STEP, BUMP) \
	BEQ	X12, X20, rest \
unrolled: \
	STEP(0); STEP(4); STEP(8); STEP(12); STEP(16); STEP(20); STEP(24); STEP(28) \
	BUMP(32) \
	BNE	X12, X20, unrolled \
rest: \
	BEQ	X12, X21, done \
	STEP(0) \
	BUMP(4) \
	JMP	rest \
done:

// func blockF32x1(dst *float32, stride int, w, x *float32, xStride, n int)
TEXT blockF32x1(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	F32_LOOP(STEP1, BUMP1)
	F32_STORE(V8)
	RET

TEXT blockF32x2(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	VMVVI	$0, V12
	F32_LOOP(STEP2, BUMP2)
	F32_STORE(V8)
	F32_STORE(V12)
	RET

TEXT blockF32x3(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	VMVVI	$0, V12
	VMVVI	$0, V16
	F32_LOOP(STEP3, BUMP3)
	F32_STORE(V8)
	F32_STORE(V12)
	F32_STORE(V16)
	RET

TEXT blockF32x4(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	VMVVI	$0, V12
	VMVVI	$0, V16
	VMVVI	$0, V20
	F32_LOOP(STEP4, BUMP4)
	F32_STORE(V8)
	F32_STORE(V12)
	F32_STORE(V16)
	F32_STORE(V20)
	RET

TEXT blockF32x5(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	VMVVI	$0, V12
	VMVVI	$0, V16
	VMVVI	$0, V20
	VMVVI	$0, V24
	F32_LOOP(STEP5, BUMP5)
	F32_STORE(V8)
	F32_STORE(V12)
	F32_STORE(V16)
	F32_STORE(V20)
	F32_STORE(V24)
	RET

TEXT blockF32x6(SB), NOSPLIT, $0-48
	F32_ENTER
	VMVVI	$0, V8
	VMVVI	$0, V12
	VMVVI	$0, V16
	VMVVI	$0, V20
	VMVVI	$0, V24
	VMVVI	$0, V28
	F32_LOOP(STEP6, BUMP6)
	F32_STORE(V8)
	F32_STORE(V12)
	F32_STORE(V16)
	F32_STORE(V20)
	F32_STORE(V24)
	F32_STORE(V28)
	RET

// One vector, three blocks: X12, X13, X14 walk down their columns by X15 bytes, X16 is x.
#define SUMS48(o) \
	MOVF	o(X16), F0 \
	VLE32V	(X12), V0 \
	ADD	X15, X12 \
	VLE32V	(X13), V4 \
	ADD	X15, X13 \
	VLE32V	(X14), V8 \
	ADD	X15, X14 \
	F32_SUM(F0, V0, V12) \
	F32_SUM(F0, V4, V16) \
	F32_SUM(F0, V8, V20)

// func sums48(dst, w, x *float32, n, rowStride, blockStride int), strides in elements
TEXT sums48(SB), NOSPLIT, $0-48
	MOV	dst+0(FP), X10
	MOV	w+8(FP), X12
	MOV	x+16(FP), X16
	MOV	n+24(FP), X19
	MOV	rowStride+32(FP), X15
	SLL	$2, X15
	MOV	blockStride+40(FP), X6
	SLL	$2, X6
	ADD	X6, X12, X13
	ADD	X6, X13, X14
	AND	$~7, X19, X20
	SLL	$2, X20
	ADD	X16, X20
	SLL	$2, X19, X21
	ADD	X16, X21
	MOV	$16, X5
	SET_E32M4
	VMVVI	$0, V12
	VMVVI	$0, V16
	VMVVI	$0, V20
	BEQ	X16, X20, rest
unrolled:
	SUMS48(0)
	SUMS48(4)
	SUMS48(8)
	SUMS48(12)
	SUMS48(16)
	SUMS48(20)
	SUMS48(24)
	SUMS48(28)
	ADD	$32, X16
	BNE	X16, X20, unrolled
rest:
	BEQ	X16, X21, done
	SUMS48(0)
	ADD	$4, X16
	JMP	rest
done:
	VSE32V	V12, (X10)
	ADD	$64, X10
	VSE32V	V16, (X10)
	ADD	$64, X10
	VSE32V	V20, (X10)
	RET

// func sums16(dst, w, x *float32, n, rowStride, lanes int)
TEXT sums16(SB), NOSPLIT, $0-48
	MOV	dst+0(FP), X10
	MOV	w+8(FP), X12
	MOV	x+16(FP), X16
	MOV	n+24(FP), X19
	MOV	rowStride+32(FP), X15
	SLL	$2, X15
	MOV	lanes+40(FP), X5
	SLL	$2, X19
	ADD	X16, X19
	SET_E32M4
	VMVVI	$0, V12
loop:
	MOVF	(X16), F0
	VLE32V	(X12), V0
	ADD	X15, X12
	ADD	$4, X16
	F32_SUM(F0, V0, V12)
	BNE	X16, X19, loop
	VSE32V	V12, (X10)
	RET
