/*
 * SOPHGO CV1800B: the reset controller.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A bit a block, 0 while that is held in reset. The model holds none.
 */

#include "qemu/osdep.h"
#include "cv1800b.h"

static void cv1800b_rst_reset(CV1800BRegs *s)
{
    memset(s->regs, 0xff, s->size);
}

static void cv1800b_rst_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x1000;
    c->modelled = true;
    c->reset = cv1800b_rst_reset;
}

static const TypeInfo cv1800b_rst_types[] = {
    {
        .name = TYPE_CV1800B_RST,
        .parent = TYPE_CV1800B_REGS,
        .class_init = cv1800b_rst_class_init,
    },
};
DEFINE_TYPES(cv1800b_rst_types)
