// The kernels for RISC-V vector units, one body for version 0.7.1 and version 1.0. The
// including file defines SET_*, which set vl to X5 elements and the type they name, and the
// functions' names. Every other vector instruction here has the same bits in both versions:
//
//   VLE8V, VLE32V, VSE32V  only where the element width is the type's, 0.7.1's vlbu, vlwu, vsw
//   no masks, no tails     0.7.1 has another mask layout and zeroes tails
//   no split groups        half of a group is another register at each VLEN: VSLIDEDOWNVX
//
// A C906 charges an instruction by its group's registers, not by vl, and a scalar one like
// a vector register's half: so groups are as long as the accumulators allow, loops are
// unrolled eightfold, and scalars are loaded at constant offsets.
//
// X5 vl, X10 dst, X11 its stride, X12 w, X13-X18 x by position, X20 and X21 where w ends
// for the unrolled and for the single loop.

// Integers: a packed block by up to three positions, one segment of columns after the
// other. X8 is w's first column, X9 the end of segs, X16 the byte offset of the first position
// among a segment's sums, X19 the segment, X6 = 32, X7 where the next sums go.
#define INT_ENTER \
	MOV	dst+0(FP), X10 \
	MOV	stride+8(FP), X11 \
	SLL	$2, X11 \
	MOV	w+16(FP), X12 \
	MOV	X12, X8 \
	MOV	x+24(FP), X13 \
	MOV	xStride+32(FP), X6 \
	ADD	X6, X13, X14 \
	ADD	X6, X14, X15 \
	MOV	segs+40(FP), X19 \
	MOV	nsegs+48(FP), X9 \
	MOV	$segment__size, X6 \
	MUL	X6, X9 \
	ADD	X19, X9 \
	MOV	position+56(FP), X16 \
	SLL	$1, X16 \
	MOV	$32, X6

// SEGMENT sets X20 and X21 to where the segment's columns, of 1<<SHIFT bytes, end, X17 to its sums.
#define SEGMENT(SHIFT) \
	MOV	segment_hi(X19), X21 \
	SLL	$SHIFT, X21 \
	ADD	X8, X21 \
	SUB	X12, X21, X20 \
	AND	$~(8<<SHIFT-1), X20 \
	ADD	X12, X20 \
	ADD	X16, X19, X17 \
	MOV	X10, X7

#define NEXT_SEGMENT \
	ADD	$segment__size, X19 \
	BNE	X19, X9, segment

#define INT_LOOP(STEP, BUMP) \
	BEQ	X12, X20, rest \
unrolled: \
	STEP(0, V24, V26); STEP(1, V28, V30); STEP(2, V24, V26); STEP(3, V28, V30) \
	STEP(4, V24, V26); STEP(5, V28, V30); STEP(6, V24, V26); STEP(7, V28, V30) \
	BUMP(8) \
	BNE	X12, X20, unrolled \
rest: \
	BEQ	X12, X21, done \
	STEP(0, V24, V26) \
	BUMP(1) \
	JMP	rest \
done:

// ADD_SUMS adds X5 = 32 sums of 16 bits to those of 32 bits at X7, by way of V24.
#define ADD_SUMS(ACC) \
	SET_E32M8 \
	VLE32V	(X7), V24 \
	SET_E16M4 \
	VWADDWV	ACC, V24, V24 \
	SET_E32M8 \
	VSE32V	V24, (X7)

// ADD_SUMS64 adds 64 and moves X7 past them.
#define ADD_SUMS64(ACC) \
	MOV	$32, X5 \
	ADD_SUMS(ACC) \
	ADD	$128, X7 \
	MOV	$64, X5 \
	SET_E16M8 \
	VSLIDEDOWNVX	X6, ACC, ACC \
	MOV	$32, X5 \
	ADD_SUMS(ACC) \
	ADD	$128, X7

// int4: a byte b holds rows r (low, plus 8) and r+64 (high, signed). Two 16-bit sums a pair,
//	V = Σ x*b = L + 8*Σx + 16*H   and   H = Σ x*(b>>4),
// start at -8*Σx and 0; then L = V - 16*H modulo 2^16, and L itself fits by the
// choice of the segment.

#define I4_START(o, V, H) \
	MOVH	(segment_sum+o)(X17), X22 \
	SLL	$3, X22 \
	NEG	X22, X22 \
	VMVVX	X22, V \
	VMVVI	$0, H

#define I4_WEIGHTS(B, S) \
	VLE8V	(X12), B \
	ADD	$64, X12 \
	VSRAVI	$4, B, S

#define I4_TERM(B, S, X, V, H) \
	VWMACCVX	B, X, V \
	VWMACCVX	S, X, H

// One position: 64 + 64 rows (e8,m4 to e16,m8).
#define I4X1(o, B, S) I4_WEIGHTS(B, S); MOVB o(X13), X22; I4_TERM(B, S, X22, V0, V8)

// func blockI4x1(dst *int32, stride int, w *byte, x *int8, xStride int, segs *segment, nsegs, position int)
TEXT blockI4x1(SB), NOSPLIT, $0-64
	INT_ENTER
segment:
	SEGMENT(6)
	MOV	$64, X5
	SET_E16M8
	I4_START(0, V0, V8)
	SET_E8M4
	BEQ	X12, X20, rest
unrolled:
	I4X1(0, V16, V20)
	I4X1(1, V24, V28)
	I4X1(2, V16, V20)
	I4X1(3, V24, V28)
	I4X1(4, V16, V20)
	I4X1(5, V24, V28)
	I4X1(6, V16, V20)
	I4X1(7, V24, V28)
	ADD	$8, X13
	BNE	X12, X20, unrolled
rest:
	BEQ	X12, X21, done
	I4X1(0, V16, V20)
	ADD	$1, X13
	JMP	rest
done:
	SET_E16M8
	VSLLVI	$4, V8, V16
	VSUBVV	V16, V0, V0
	ADD_SUMS64(V0)
	ADD_SUMS64(V8)
	NEXT_SEGMENT
	RET

// Two or three positions: 32 + 32 rows (e8,m2 to e16,m4), first those from 0 and 64, then,
// in a second call, those from 32 and 96.
#define I4X2(o, B, S) I4_WEIGHTS(B, S); MOVB o(X13), X22; MOVB o(X14), X23; I4_TERM(B, S, X22, V0, V4); I4_TERM(B, S, X23, V8, V12)
#define I4X3(o, B, S) I4_WEIGHTS(B, S); MOVB o(X13), X22; MOVB o(X14), X23; MOVB o(X15), X24; I4_TERM(B, S, X22, V0, V4); I4_TERM(B, S, X23, V8, V12); I4_TERM(B, S, X24, V16, V20)

#define I4_STORE(V, H) \
	SET_E16M4 \
	VSLLVI	$4, H, V24 \
	VSUBVV	V24, V, V \
	ADD_SUMS(V) \
	ADD	$256, X7 \
	ADD_SUMS(H) \
	ADD	$-256, X7 \
	ADD	X11, X7

TEXT blockI4x2(SB), NOSPLIT, $0-64
	INT_ENTER
	MOV	$32, X5
segment:
	SEGMENT(6)
	SET_E16M4
	I4_START(0, V0, V4)
	I4_START(2, V8, V12)
	SET_E8M2
	INT_LOOP(I4X2, BUMP2)
	I4_STORE(V0, V4)
	I4_STORE(V8, V12)
	NEXT_SEGMENT
	RET

TEXT blockI4x3(SB), NOSPLIT, $0-64
	INT_ENTER
	MOV	$32, X5
segment:
	SEGMENT(6)
	SET_E16M4
	I4_START(0, V0, V4)
	I4_START(2, V8, V12)
	I4_START(4, V16, V20)
	SET_E8M2
	INT_LOOP(I4X3, BUMP3)
	I4_STORE(V0, V4)
	I4_STORE(V8, V12)
	I4_STORE(V16, V20)
	NEXT_SEGMENT
	RET

// The last block may have 32 + 32 rows (e8,m2 to e16,m4).
#define I4HALF(o, B, S) VLE8V (X12), B; ADD $32, X12; VSRAVI $4, B, S; MOVB o(X13), X22; I4_TERM(B, S, X22, V0, V4)

TEXT halfBlockI4(SB), NOSPLIT, $0-64
	INT_ENTER
	MOV	$32, X5
segment:
	SEGMENT(5)
	SET_E16M4
	I4_START(0, V0, V4)
	SET_E8M2
	INT_LOOP(I4HALF, BUMP1)
	SET_E16M4
	VSLLVI	$4, V4, V24
	VSUBVV	V24, V0, V0
	ADD_SUMS(V0)
	ADD	$128, X7
	ADD_SUMS(V4)
	NEXT_SEGMENT
	RET

// int8: 64 rows (e8,m4 to e16,m8).

#define I8_WEIGHTS(W) \
	VLE8V	(X12), W \
	ADD	$64, X12

#define I8X1(o, W, _) I8_WEIGHTS(W); MOVB o(X13), X22; VWMACCVX W, X22, V0
#define I8X2(o, W, _) I8_WEIGHTS(W); MOVB o(X13), X22; MOVB o(X14), X23; VWMACCVX W, X22, V0; VWMACCVX W, X23, V8
#define I8X3(o, W, _) I8_WEIGHTS(W); MOVB o(X13), X22; MOVB o(X14), X23; MOVB o(X15), X24; VWMACCVX W, X22, V0; VWMACCVX W, X23, V8; VWMACCVX W, X24, V16

#define I8_STORE(ACC) \
	ADD_SUMS64(ACC) \
	ADD	$-256, X7 \
	ADD	X11, X7

// One position leaves room for the 32-bit sums, V8 and V16.
// func blockI8x1(dst *int32, stride int, w, x *int8, xStride int, segs *segment, nsegs, position int)
TEXT blockI8x1(SB), NOSPLIT, $0-64
	INT_ENTER
	MOV	$32, X5
	SET_E32M8
	VMVVI	$0, V8
	VMVVI	$0, V16
segment:
	SEGMENT(6)
	MOV	$64, X5
	SET_E16M8
	VMVVI	$0, V0
	SET_E8M4
	INT_LOOP(I8X1, BUMP1)
	MOV	$32, X5
	SET_E16M4
	VWADDWV	V0, V8, V8
	MOV	$64, X5
	SET_E16M8
	VSLIDEDOWNVX	X6, V0, V0
	MOV	$32, X5
	SET_E16M4
	VWADDWV	V0, V16, V16
	NEXT_SEGMENT
	SET_E32M8
	VSE32V	V8, (X10)
	ADD	$128, X10
	VSE32V	V16, (X10)
	RET

// The last block may have 32 rows (e8,m2 to e16,m4).
#define I8HALF(o, W, _) VLE8V (X12), W; ADD $32, X12; MOVB o(X13), X22; VWMACCVX W, X22, V0

TEXT halfBlockI8(SB), NOSPLIT, $0-64
	INT_ENTER
	MOV	$32, X5
	SET_E32M8
	VMVVI	$0, V8
segment:
	SEGMENT(5)
	SET_E16M4
	VMVVI	$0, V0
	SET_E8M2
	INT_LOOP(I8HALF, BUMP1)
	SET_E16M4
	VWADDWV	V0, V8, V8
	NEXT_SEGMENT
	SET_E32M8
	VSE32V	V8, (X10)
	RET

TEXT blockI8x2(SB), NOSPLIT, $0-64
	INT_ENTER
segment:
	SEGMENT(6)
	MOV	$64, X5
	SET_E16M8
	VMVVI	$0, V0
	VMVVI	$0, V8
	SET_E8M4
	INT_LOOP(I8X2, BUMP2)
	I8_STORE(V0)
	I8_STORE(V8)
	NEXT_SEGMENT
	RET

TEXT blockI8x3(SB), NOSPLIT, $0-64
	INT_ENTER
segment:
	SEGMENT(6)
	MOV	$64, X5
	SET_E16M8
	VMVVI	$0, V0
	VMVVI	$0, V8
	VMVVI	$0, V16
	SET_E8M4
	INT_LOOP(I8X3, BUMP3)
	I8_STORE(V0)
	I8_STORE(V8)
	I8_STORE(V16)
	NEXT_SEGMENT
	RET

// Element by element, 32 at a time (e32,m8). X19 elements left.
#define NEXT_CHUNK \
	MOV	$32, X5 \
	BGE	X19, X5, whole \
	MOV	X19, X5 \
whole: \
	SET_E32M8 \
	SUB	X5, X19 \
	SLL	$2, X5, X6

// func add(dst, x *float32, n int)
TEXT addTo(SB), NOSPLIT, $0-24
	MOV	dst+0(FP), X10
	MOV	x+8(FP), X12
	MOV	n+16(FP), X19
loop:
	NEXT_CHUNK
	VLE32V	(X10), V0
	VLE32V	(X12), V8
	ADD	X6, X12
	VFADDVV	V8, V0, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// func mulScaleWeight(dst, w, x *float32, n int, scale float32)
TEXT mulScaleWeight(SB), NOSPLIT, $0-36
	MOV	dst+0(FP), X10
	MOV	w+8(FP), X12
	MOV	x+16(FP), X13
	MOV	n+24(FP), X19
	MOVF	scale+32(FP), F0
loop:
	NEXT_CHUNK
	VLE32V	(X13), V0
	ADD	X6, X13
	VLE32V	(X12), V8
	ADD	X6, X12
	VFMULVF	F0, V0, V0
	VFMULVV	V0, V8, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// func mulWeightScale(dst, w, x *float32, n int, scale float32)
TEXT mulWeightScale(SB), NOSPLIT, $0-36
	MOV	dst+0(FP), X10
	MOV	w+8(FP), X12
	MOV	x+16(FP), X13
	MOV	n+24(FP), X19
	MOVF	scale+32(FP), F0
loop:
	NEXT_CHUNK
	VLE32V	(X13), V0
	ADD	X6, X13
	VLE32V	(X12), V8
	ADD	X6, X12
	VFMULVV	V0, V8, V0
	VFMULVF	F0, V0, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// func mulScalar(x *float32, n int, by float32)
TEXT mulScalar(SB), NOSPLIT, $0-20
	MOV	x+0(FP), X10
	MOV	n+8(FP), X19
	MOVF	by+16(FP), F0
loop:
	NEXT_CHUNK
	VLE32V	(X10), V0
	VFMULVF	F0, V0, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// func scaleI32(dst *float32, acc *int32, rowScale *float32, n int, scale float32)
TEXT scaleI32(SB), NOSPLIT, $0-36
	MOV	dst+0(FP), X10
	MOV	acc+8(FP), X12
	MOV	rowScale+16(FP), X13
	MOV	n+24(FP), X19
	MOVF	scale+32(FP), F0
loop:
	NEXT_CHUNK
	VLE32V	(X12), V0
	ADD	X6, X12
	VLE32V	(X13), V8
	ADD	X6, X13
	INT_TO_FLOAT_V0
	VFMULVV	V8, V0, V0
	VFMULVF	F0, V0, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// func quantize(dst *int8, x *float32, n int, inv, limit float32)
TEXT quantize(SB), NOSPLIT, $0-32
	MOV	dst+0(FP), X10
	MOV	x+8(FP), X12
	MOV	n+16(FP), X19
	MOVF	inv+24(FP), F0
	MOVF	limit+28(FP), F1
	FNEGS	F1, F2
loop:
	NEXT_CHUNK
	VLE32V	(X12), V0
	ADD	X6, X12
	VFMULVF	F0, V0, V0
	VFMINVF	F1, V0, V0
	VFMAXVF	F2, V0, V0
	FLOAT_TO_INT_V0	// to nearest, ties to even: the mode that Go leaves set
	STORE_BYTES_V0
	ADD	X5, X10
	BNEZ	X19, loop
	RET

// func maxAbs(dst *[32]float32, x *float32, n int): dst[i] = max |x[32j+i]|, n a multiple of 32
TEXT maxAbs(SB), NOSPLIT, $0-24
	MOV	dst+0(FP), X10
	MOV	x+8(FP), X12
	MOV	n+16(FP), X19
	MOV	$32, X5
	SET_E32M8
	VMVVI	$0, V8
loop:
	VLE32V	(X12), V0
	ADD	$128, X12
	ADD	$-32, X19
	VFSGNJXVV	V0, V0, V0
	VFMAXVV	V0, V8, V8
	BNEZ	X19, loop
	VSE32V	V8, (X10)
	RET

// func laneMax(dst *[32]float32, x *float32, n int): dst[i] = max x[32j+i], n a multiple of 32
TEXT laneMax(SB), NOSPLIT, $0-24
	MOV	dst+0(FP), X10
	MOV	x+8(FP), X12
	MOV	n+16(FP), X19
	MOV	$32, X5
	SET_E32M8
	VLE32V	(X12), V8
	JMP	next
loop:
	VLE32V	(X12), V0
	VFMAXVV	V0, V8, V8
next:
	ADD	$128, X12
	ADD	$-32, X19
	BNEZ	X19, loop
	VSE32V	V8, (X10)
	RET

// func divScalar(x *float32, n int, by float32)
TEXT divScalar(SB), NOSPLIT, $0-20
	MOV	x+0(FP), X10
	MOV	n+8(FP), X19
	MOVF	by+16(FP), F0
loop:
	NEXT_CHUNK
	VLE32V	(X10), V0
	VFMVVF	F0, V8
	VFDIVVV	V8, V0, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET

// V16 = exp2About(V0), by way of V8; the constants are in F2 to F10.
#define ABOUT_CONSTANTS(X) \
	MOVF	0(X), F2 \
	MOVF	4(X), F3 \
	MOVF	8(X), F4 \
	MOVF	12(X), F5 \
	MOVF	16(X), F6 \
	MOVF	20(X), F7 \
	MOVF	24(X), F8 \
	MOVF	28(X), F9 \
	MOVF	32(X), F10

#define EXP2_ABOUT \
	VFMAXVF	F2, V0, V0 \
	VFMINVF	F3, V0, V0 \
	VFADDVF	F4, V0, V8 \
	VFADDVF	F5, V8, V16 \
	VFSUBVV	V16, V0, V0 \
	VFMULVF	F6, V0, V16 \
	VFADDVF	F7, V16, V16 \
	VFMULVV	V0, V16, V16 \
	VFADDVF	F8, V16, V16 \
	VFMULVV	V0, V16, V16 \
	VFADDVF	F9, V16, V16 \
	VFMULVV	V0, V16, V16 \
	VFADDVF	F10, V16, V16 \
	VSLLVI	$23, V8, V8 \
	VADDVV	V8, V16, V16

// func expAbout(lanes *[32]float32, x *float32, n int, minusFrom, scale float32, constants *float32),
// n a multiple of 32
TEXT expAbout(SB), NOSPLIT, $0-40
	MOV	lanes+0(FP), X10
	MOV	x+8(FP), X12
	MOV	n+16(FP), X19
	MOVF	minusFrom+24(FP), F0
	MOVF	scale+28(FP), F1
	MOV	constants+32(FP), X13
	ABOUT_CONSTANTS(X13)
	MOV	$32, X5
	SET_E32M8
	VMVVI	$0, V24
loop:
	VLE32V	(X12), V0
	ADD	$-32, X19
	VFADDVF	F0, V0, V0
	VFMULVF	F1, V0, V0
	EXP2_ABOUT
	VSE32V	V16, (X12)
	ADD	$128, X12
	VFADDVV	V16, V24, V24
	BNEZ	X19, loop
	VSE32V	V24, (X10)
	RET

// func gateAbout(dst, h1, h3 *float32, n int, minusLog2E float32, constants *float32)
TEXT gateAbout(SB), NOSPLIT, $0-48
	MOV	dst+0(FP), X10
	MOV	h1+8(FP), X12
	MOV	h3+16(FP), X13
	MOV	n+24(FP), X19
	MOVF	minusLog2E+32(FP), F0
	MOV	constants+40(FP), X14
	ABOUT_CONSTANTS(X14)
loop:
	NEXT_CHUNK
	VLE32V	(X12), V0
	ADD	X6, X12
	VLE32V	(X13), V8
	ADD	X6, X13
	VFMULVV	V8, V0, V24
	VFMULVF	F0, V0, V0
	EXP2_ABOUT
	VFADDVF	F10, V16, V16
	VFDIVVV	V16, V24, V0
	VSE32V	V0, (X10)
	ADD	X6, X10
	BNEZ	X19, loop
	RET
