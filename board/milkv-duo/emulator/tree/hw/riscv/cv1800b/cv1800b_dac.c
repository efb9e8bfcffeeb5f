/*
 * SOPHGO CV1800B: the loudspeaker's converter (TXDAC).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Registers, and whether it is on. The Duo has an LED at its one pad.
 */

#include "qemu/osdep.h"
#include "cv1800b.h"
#include "cv1800b_audio.h"

#define TXDAC_CTRL0     0x00
#define   TXDAC_EN      BIT(0)
#define   I2S_RX_EN     BIT(1)
#define TXDAC_ANA2      0x28        /* in 17:16 a fixed value instead, right and left */

bool cv1800b_dac_on(DeviceState *dev)
{
    CV1800BRegs *r = CV1800B_REGS(dev);
    uint32_t ctrl = cv1800b_regs_get(r, TXDAC_CTRL0);

    return ctrl & TXDAC_EN && ctrl & I2S_RX_EN &&
           !extract32(cv1800b_regs_get(r, TXDAC_ANA2), 16, 2);
}

static void cv1800b_dac_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x100;
    c->modelled = true;
}

static const TypeInfo cv1800b_dac_types[] = {
    {
        .name = TYPE_CV1800B_DAC,
        .parent = TYPE_CV1800B_REGS,
        .class_init = cv1800b_dac_class_init,
    },
};
DEFINE_TYPES(cv1800b_dac_types)
