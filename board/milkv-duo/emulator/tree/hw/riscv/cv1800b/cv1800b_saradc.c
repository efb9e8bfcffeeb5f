/*
 * SOPHGO CV1800B: SARADC, the analog to digital converter of three slow inputs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A conversion ends at once. The levels are the properties ch1 to ch3, 0 to
 * 4095 of the reference.
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "qapi/error.h"
#include "cv1800b.h"

#define SARADC_CTRL         0x004
#define   CTRL_EN           BIT(0)
#define   CTRL_SEL(ch)      BIT(5 + (ch))
#define SARADC_CH_RESULT(ch) (0x014 + 4 * (ch))
#define   RESULT_VALID      BIT(15)
#define SARADC_INTR_EN      0x020
#define SARADC_INTR_CLR     0x024
#define SARADC_INTR_STA     0x028

#define CHANNELS 3

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BSaradc, CV1800B_SARADC)

struct CV1800BSaradc {
    CV1800BRegs parent_obj;

    qemu_irq irq;
    uint16_t level[CHANNELS];
};

static void cv1800b_saradc_write(CV1800BRegs *r, hwaddr offset, uint32_t value)
{
    CV1800BSaradc *s = CV1800B_SARADC(r);

    switch (offset) {
    case SARADC_CTRL:
        if (!(value & CTRL_EN)) {
            break;
        }
        for (int ch = 0; ch < CHANNELS; ch++) {
            if (value & CTRL_SEL(ch + 1)) {
                cv1800b_regs_set(r, SARADC_CH_RESULT(ch),
                                 (s->level[ch] & 0xfff) | RESULT_VALID);
            }
        }
        cv1800b_regs_set(r, SARADC_CTRL, value & ~CTRL_EN);
        cv1800b_regs_set(r, SARADC_INTR_STA, 1);
        break;
    case SARADC_INTR_CLR:
        if (value & 1) {
            cv1800b_regs_set(r, SARADC_INTR_STA, 0);
        }
        break;
    }
    qemu_set_irq(s->irq, cv1800b_regs_get(r, SARADC_INTR_EN) &
                         cv1800b_regs_get(r, SARADC_INTR_STA) & 1);
}

static void cv1800b_saradc_init(Object *obj)
{
    CV1800BSaradc *s = CV1800B_SARADC(obj);

    sysbus_init_irq(SYS_BUS_DEVICE(obj), &s->irq);
    for (int ch = 0; ch < CHANNELS; ch++) {
        g_autofree char *name = g_strdup_printf("ch%d", ch + 1);

        object_property_add_uint16_ptr(obj, name, &s->level[ch],
                                       OBJ_PROP_FLAG_READWRITE);
    }
}

static void cv1800b_saradc_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x1000;
    c->modelled = true;
    c->write = cv1800b_saradc_write;
}

static const TypeInfo cv1800b_saradc_types[] = {
    {
        .name = TYPE_CV1800B_SARADC,
        .parent = TYPE_CV1800B_REGS,
        .instance_size = sizeof(CV1800BSaradc),
        .instance_init = cv1800b_saradc_init,
        .class_init = cv1800b_saradc_class_init,
    },
};
DEFINE_TYPES(cv1800b_saradc_types)
