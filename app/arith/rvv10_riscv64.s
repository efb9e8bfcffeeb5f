#include "go_asm.h"
#include "textflag.h"

#include "set_rvv10_riscv64.h"

#define INT_TO_FLOAT_V0	VFCVTFXV V0, V0
#define FLOAT_TO_INT_V0	VFCVTXFV V0, V0
#define STORE_BYTES_V0	VSETVLI X5, E16, M4, TA, MA, X0; VNSRAWI $0, V0, V8; VSETVLI X5, E8, M2, TA, MA, X0; VNSRAWI $0, V8, V12; VSE8V V12, (X10)

#define blockF32x1	·blockF32x1RVV10
#define blockF32x2	·blockF32x2RVV10
#define blockF32x3	·blockF32x3RVV10
#define blockF32x4	·blockF32x4RVV10
#define blockF32x5	·blockF32x5RVV10
#define blockF32x6	·blockF32x6RVV10
#define sums48	·sums48RVV10
#define sums16	·sums16RVV10
#define blockI4x1	·blockI4x1RVV10
#define blockI4x2	·blockI4x2RVV10
#define blockI4x3	·blockI4x3RVV10
#define halfBlockI4	·halfBlockI4RVV10
#define blockI8x1	·blockI8x1RVV10
#define halfBlockI8	·halfBlockI8RVV10
#define blockI8x2	·blockI8x2RVV10
#define blockI8x3	·blockI8x3RVV10
#define addTo	·addToRVV10
#define mulScaleWeight	·mulScaleWeightRVV10
#define scaleI32	·scaleI32RVV10
#define quantize	·quantizeRVV10
#define maxAbs	·maxAbsRVV10
#define laneMax	·laneMaxRVV10
#define divScalar	·divScalarRVV10
#define expAbout	·expAboutRVV10
#define gateAbout	·gateAboutRVV10

#define mulWeightScale	·mulWeightScaleRVV10
#define mulScalar	·mulScalarRVV10

#include "strict_riscv64.h"
#include "f32_riscv64.h"
#include "rvv_riscv64.h"
