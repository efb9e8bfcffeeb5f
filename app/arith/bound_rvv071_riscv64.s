#include "go_asm.h"
#include "textflag.h"

#define SET_E32M8	WORD $0x00b2f057 // th.vsetvli zero,t0,e32,m8
#define INT_TO_FLOAT_V0	WORD $0x8a019057 // th.vfcvt.f.x.v v0,v0
#define FLOAT_TO_INT_V0	WORD $0x8a009057 // th.vfcvt.x.f.v v0,v0

#define boundRows	·boundRowsRVV071

#include "bound_riscv64.h"
