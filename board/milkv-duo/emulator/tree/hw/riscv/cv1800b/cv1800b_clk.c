/*
 * SOPHGO CV1800B: the clock generator.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The registers and what they say; no clock of the model changes with them.
 * They start as the first boot stage leaves them, because the model starts
 * behind it.
 */

#include "qemu/osdep.h"
#include "cv1800b.h"

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
