/*
 * SOPHGO CV1800B: the top control block, which has a place for what fits nowhere
 * else. Modelled is the routing of DMA requests; the other registers keep what is
 * written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Each of the DMA controller's 8 request lines is connected to one of the
 * peripherals' lines by a field of 6 bits.
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "cv1800b.h"

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BTop, CV1800B_TOP)

#define DMA_CH_REMAP0   0x154       /* channels 0 to 3, 8 bits each */
#define DMA_CH_REMAP1   0x158       /* channels 4 to 7 */

struct CV1800BTop {
    CV1800BRegs parent_obj;

    bool wanted[CV1800B_DMA_REQUESTS];
    qemu_irq request[CV1800B_DMA_CHANNELS];
};

static void cv1800b_top_update(CV1800BTop *s)
{
    for (int i = 0; i < CV1800B_DMA_CHANNELS; i++) {
        uint32_t map = cv1800b_regs_get(CV1800B_REGS(s), i < 4 ? DMA_CH_REMAP0
                                                               : DMA_CH_REMAP1);
        int n = extract32(map, i % 4 * 8, 6);

        qemu_set_irq(s->request[i], n < CV1800B_DMA_REQUESTS && s->wanted[n]);
    }
}

static void cv1800b_top_request(void *opaque, int n, int level)
{
    CV1800BTop *s = opaque;

    s->wanted[n] = level;
    cv1800b_top_update(s);
}

static void cv1800b_top_write(CV1800BRegs *r, hwaddr offset, uint32_t value)
{
    if (offset == DMA_CH_REMAP0 || offset == DMA_CH_REMAP1) {
        cv1800b_top_update(CV1800B_TOP(r));
    }
}

static void cv1800b_top_init(Object *obj)
{
    CV1800BTop *s = CV1800B_TOP(obj);

    qdev_init_gpio_in(DEVICE(obj), cv1800b_top_request, CV1800B_DMA_REQUESTS);
    qdev_init_gpio_out(DEVICE(obj), s->request, CV1800B_DMA_CHANNELS);
}

static void cv1800b_top_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x1000;
    c->write = cv1800b_top_write;
}

static const TypeInfo cv1800b_top_types[] = {
    {
        .name = TYPE_CV1800B_TOP,
        .parent = TYPE_CV1800B_REGS,
        .instance_size = sizeof(CV1800BTop),
        .instance_init = cv1800b_top_init,
        .class_init = cv1800b_top_class_init,
    },
};
DEFINE_TYPES(cv1800b_top_types)
