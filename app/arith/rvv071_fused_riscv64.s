#include "textflag.h"
#include "set_rvv071_riscv64.h"

#define blockF32x1	·blockF32x1FusedRVV071
#define blockF32x2	·blockF32x2FusedRVV071
#define blockF32x3	·blockF32x3FusedRVV071
#define blockF32x4	·blockF32x4FusedRVV071
#define blockF32x5	·blockF32x5FusedRVV071
#define blockF32x6	·blockF32x6FusedRVV071
#define sums48	·sums48FusedRVV071
#define sums16	·sums16FusedRVV071

#include "fused_riscv64.h"
#include "f32_riscv64.h"
