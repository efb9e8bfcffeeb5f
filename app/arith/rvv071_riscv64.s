#include "go_asm.h"
#include "textflag.h"

#include "set_rvv071_riscv64.h"

// Conversions have other bits than in 1.0.
#define INT_TO_FLOAT_V0	WORD $0x8a019057 // th.vfcvt.f.x.v v0,v0
#define FLOAT_TO_INT_V0	WORD $0x8a009057 // th.vfcvt.x.f.v v0,v0
#define STORE_BYTES_V0	VSE8V V0, (X10) // th.vsb.v v0,(a0): the low byte of each element

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
#define halfBlockI4	·halfBlockI4RVV071
#define blockI8x1	·blockI8x1RVV071
#define halfBlockI8	·halfBlockI8RVV071
#define blockI8x2	·blockI8x2RVV071
#define blockI8x3	·blockI8x3RVV071
#define addTo	·addToRVV071
#define mulScaleWeight	·mulScaleWeightRVV071
#define scaleI32	·scaleI32RVV071
#define quantize	·quantizeRVV071
#define maxAbs	·maxAbsRVV071
#define laneMax	·laneMaxRVV071
#define divScalar	·divScalarRVV071
#define expAbout	·expAboutRVV071
#define gateAbout	·gateAboutRVV071

#define mulWeightScale	·mulWeightScaleRVV071
#define mulScalar	·mulScalarRVV071

#include "strict_riscv64.h"
#include "f32_riscv64.h"
#include "rvv_riscv64.h"
