#include "textflag.h"

// TRIAL forks a child that runs VECTOR and exits with 0 if that left X6 in X7. The parent
// waits for it. In the child SIGILL means trialFailed: Go's own handler must not run in half a
// process, and with no handler at all the kernel would dump registers on the console.
#define TRIAL(VECTOR) \
	MOV	$0x4011, A0	/* CLONE_VFORK | SIGCHLD: a copy, the parent sleeps until it is gone */ \
	MOV	$0, A1 \
	MOV	$0, A2 \
	MOV	$0, A3 \
	MOV	$0, A4 \
	MOV	$220, A7	/* clone */ \
	ECALL \
	BNEZ	A0, parent \
	MOV	$4, A0	/* SIGILL */ \
	MOV	$action-24(SP), A1 \
	MOV	$·trialFailed(SB), X6 \
	MOV	X6, 0(A1) \
	MOV	ZERO, 8(A1) \
	MOV	ZERO, 16(A1) \
	MOV	$0, A2 \
	MOV	$8, A3 \
	MOV	$134, A7	/* rt_sigaction */ \
	ECALL \
	VECTOR \
	SUB	X6, X7, A0 \
	SNEZ	A0, A0 \
	MOV	$94, A7	/* exit_group */ \
	ECALL \
parent: \
	MOV	$status-8(SP), A1 \
	MOV	ZERO, (A1) \
	BLT	A0, ZERO, no \
	MOV	A0, X8 \
wait: \
	MOV	X8, A0 \
	MOV	$status-8(SP), A1 \
	MOV	$0, A2 \
	MOV	$0, A3 \
	MOV	$260, A7	/* wait4 */ \
	ECALL \
	MOV	$-4, X6	/* EINTR */ \
	BEQ	A0, X6, wait \
	BLT	A0, ZERO, no \
	MOVW	status-8(SP), X6 \
	SEQZ	X6, X6 \
	MOVB	X6, ret+0(FP) \
	RET \
no: \
	MOVB	ZERO, ret+0(FP) \
	RET

// Each version moves a number into a vector and back with an instruction that the other
// does not have; vtype alone does not tell, 0.7.1's e32,m4 is e16,m4 in 1.0.
#define TRY_071 \
	MOV	$16, X5 \
	MOV	$-7, X6 \
	WORD	$0x00a2f057 /* th.vsetvli zero,t0,e32,m4 */ \
	VMVVX	X6, V8 \
	WORD	$0x328023d7 /* th.vmv.x.s t2,v8 */ \
	ADDIW	$0, X7	/* QEMU 5.2 extends with zeros */

#define TRY_10 \
	MOV	$16, X5 \
	MOV	$-7, X6 \
	VSETVLI	X5, E32, M4, TA, MA, X0 \
	VMVVX	X6, V8 \
	VMVXS	V8, X7

TEXT ·trialFailed(SB), NOSPLIT|NOFRAME, $0-0
	MOV	$1, A0
	MOV	$94, A7	// exit_group
	ECALL

// func trial071() bool
TEXT ·trial071(SB), NOSPLIT, $24-1
	TRIAL(TRY_071)

// func trial10() bool
TEXT ·trial10(SB), NOSPLIT, $24-1
	TRIAL(TRY_10)
