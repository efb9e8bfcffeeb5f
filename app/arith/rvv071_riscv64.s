#include "go_asm.h"
#include "textflag.h"

// RISC-V vector 0.7.1: vsetvli has another vtype than in 1.0, so it is written in hex.
#define SET_E8M2	WORD $0x0012f057 // th.vsetvli zero,t0,e8,m2
#define SET_E8M4	WORD $0x0022f057 // th.vsetvli zero,t0,e8,m4
#define SET_E16M4	WORD $0x0062f057 // th.vsetvli zero,t0,e16,m4
#define SET_E16M8	WORD $0x0072f057 // th.vsetvli zero,t0,e16,m8
#define SET_E32M4	WORD $0x00a2f057 // th.vsetvli zero,t0,e32,m4
#define SET_E32M8	WORD $0x00b2f057 // th.vsetvli zero,t0,e32,m8

#define blockF32x1	·blockF32x1RVV071
#define blockF32x2	·blockF32x2RVV071
#define blockF32x3	·blockF32x3RVV071
#define blockF32x4	·blockF32x4RVV071
#define blockF32x5	·blockF32x5RVV071
#define blockF32x6	·blockF32x6RVV071
#define sums48	·sums48RVV071
#define sums16	·sums16RVV071
#define blockI4x1	·blockI4x1RVV071
#define blockI4x2	·blockI4x2RVV071
#define blockI4x3	·blockI4x3RVV071
#define blockI8x1	·blockI8x1RVV071
#define blockI8x2	·blockI8x2RVV071
#define blockI8x3	·blockI8x3RVV071

#include "rvv_riscv64.h"
