#include "textflag.h"
#include "set_rvv10_riscv64.h"

#define blockF32x1	·blockF32x1FusedRVV10
#define blockF32x2	·blockF32x2FusedRVV10
#define blockF32x3	·blockF32x3FusedRVV10
#define blockF32x4	·blockF32x4FusedRVV10
#define blockF32x5	·blockF32x5FusedRVV10
#define blockF32x6	·blockF32x6FusedRVV10
#define sums48	·sums48FusedRVV10
#define sums16	·sums16FusedRVV10

#include "fused_riscv64.h"
#include "f32_riscv64.h"
