/*
 * SOPHGO CV1800B: the clock generator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The registers and what they say; of the model's clocks only those for sound
 * change with them. They start as the first boot stage leaves them, because the model starts
 * behind it.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "cv1800b.h"
#include "cv1800b_audio.h"

#include <math.h>

#define PLL_G2_STATUS   0x804
#define PLL_G6_STATUS   0x904

/* From the vendor's fsbl/plat/cv180x/platform.c, without overdrive. */
static const struct {
    uint16_t offset;
    uint32_t value;
} cv1800b_clk_values[] = {
    { 0x000, 0xffffffff }, { 0x004, 0xffffffff }, { 0x008, 0xffffffff },
    { 0x00c, 0xffffffff }, { 0x010, 0xffffffff }, { 0x020, 0x01800000 },
    { 0x048, 0x00030009 }, { 0x054, 0x00030309 }, { 0x064, 0x00080009 },
    { 0x088, 0x00080009 }, { 0x098, 0x00120009 }, { 0x0a8, 0x00010009 },
    { 0x0b8, 0x00050009 }, { 0x0c8, 0x00030009 }, { 0x0d0, 0x00060209 },
    { 0x0d8, 0x00060209 }, { 0x0e4, 0x00030109 }, { 0x0ec, 0x00040309 },
    { 0x110, 0x00020209 }, { 0x120, 0x000f0009 }, { 0x12c, 0x00050009 },
    { 0x130, 0x00010309 }, { 0x138, 0x00020209 }, { 0x144, 0x00030209 },
    { 0x808, 0x05488101 },                              /* MIPIMPLL 900 MHz */
    { 0x80c, 0x00128201 }, { 0x854, 614400000 },        /* A0PLL 442.368 */
    { 0x810, 0x00188101 }, { 0x864, 610080582 },        /* DISPPLL 1188 */
    { 0x814, 0x00308201 }, { 0x874, 610080582 },        /* CAM0PLL 1188 */
    { 0x818, 0x00168101 }, { 0x884, 615164587 },        /* CAM1PLL 1080 */
    { 0x840, 0x0000003f },
    { 0x908, 0x00448101 },                              /* MPLL 850 */
    { 0x90c, 0x00448101 },                              /* TPLL 850 */
    { 0x910, 0x00788201 },                              /* FPLL 1500 */
};

/* The PLLs say at once that they are locked and have their new setting. */
static uint32_t cv1800b_clk_read(CV1800BRegs *s, hwaddr offset, uint32_t value)
{
    return offset == PLL_G2_STATUS || offset == PLL_G6_STATUS ? UINT32_MAX
                                                              : value;
}

#define OSC_HZ              25000000
#define CLK_BYP_0           0x030
#define DIV_CLK_SDMA_AUD0   0x098
#define MIPIMPLL_CSR        0x808
#define A0PLL_CSR           0x80c
#define PLL_G2_SSC_SYN_CTRL 0x840
#define A0PLL_SSC_SYN_SET   0x854

/* What a PLL's register multiplies by: the ratio of two numbers. */
static double cv1800b_clk_pll(CV1800BRegs *s, hwaddr csr)
{
    uint32_t value = cv1800b_regs_get(s, csr);
    uint32_t pre = extract32(value, 0, 7), post = extract32(value, 8, 7);

    return pre && post ? (double)extract32(value, 17, 7) / (pre * post) : 0;
}

/* The audio PLL: fractional, behind the one for MIPI. */
static double cv1800b_clk_a0pll(CV1800BRegs *s)
{
    uint32_t set = cv1800b_regs_get(s, A0PLL_SSC_SYN_SET);
    bool full = cv1800b_regs_get(s, PLL_G2_SSC_SYN_CTRL) & 1;
    double rate = OSC_HZ * cv1800b_clk_pll(s, MIPIMPLL_CSR) *
                  cv1800b_clk_pll(s, A0PLL_CSR);

    return set ? rate * (full ? 1 << 26 : 1 << 25) / set : 0;
}

uint32_t cv1800b_clk_sdma_aud(CV1800BRegs *s, int n)
{
    uint32_t value = cv1800b_regs_get(s, DIV_CLK_SDMA_AUD0 + 4 * n);
    uint32_t div = value & BIT(3) ? extract32(value, 16, 8) : 18;

    if (cv1800b_regs_get(s, CLK_BYP_0) & BIT(11 + n)) {
        return OSC_HZ;
    }
    /* Of its three sources only the PLL is modelled. */
    return div && !extract32(value, 8, 2) ? rint(cv1800b_clk_a0pll(s) / div) : 0;
}

static void cv1800b_clk_reset(CV1800BRegs *s)
{
    for (int i = 0; i < ARRAY_SIZE(cv1800b_clk_values); i++) {
        cv1800b_regs_set(s, cv1800b_clk_values[i].offset,
                         cv1800b_clk_values[i].value);
    }
}

static void cv1800b_clk_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x1000;
    c->modelled = true;
    c->read = cv1800b_clk_read;
    c->reset = cv1800b_clk_reset;
}

static const TypeInfo cv1800b_clk_types[] = {
    {
        .name = TYPE_CV1800B_CLK,
        .parent = TYPE_CV1800B_REGS,
        .class_init = cv1800b_clk_class_init,
    },
};
DEFINE_TYPES(cv1800b_clk_types)
