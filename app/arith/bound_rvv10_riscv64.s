#include "go_asm.h"
#include "textflag.h"

#define SET_E32M8	VSETVLI X5, E32, M8, TA, MA, X0
#define INT_TO_FLOAT_V0	VFCVTFXV V0, V0
#define FLOAT_TO_INT_V0	VFCVTXFV V0, V0

#define boundRows	·boundRowsRVV10

#include "bound_riscv64.h"
