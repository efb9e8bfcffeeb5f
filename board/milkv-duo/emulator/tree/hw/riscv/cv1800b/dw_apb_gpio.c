/*
 * Synopsys DesignWare APB GPIO, one port of 32 lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines: "in", the level on the pads; "out", the level to drive; "direction",
 * 1 for an output. An output reads back what it drives through "in", so what
 * is connected must lead it there.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "hw/irq.h"
#include "hw/sysbus.h"
#include "migration/vmstate.h"
#include "cv1800b.h"

#define GPIO_SWPORTA_DR     0x00
#define GPIO_SWPORTA_DDR    0x04
#define GPIO_INTEN          0x30
#define GPIO_INTMASK        0x34
#define GPIO_INTTYPE_LEVEL  0x38    /* 1: edges */
#define GPIO_INT_POLARITY   0x3c    /* 1: high, rising */
#define GPIO_INTSTATUS      0x40
#define GPIO_RAW_INTSTATUS  0x44
#define GPIO_DEBOUNCE       0x48
#define GPIO_PORTA_EOI      0x4c
#define GPIO_EXT_PORTA      0x50
#define GPIO_LS_SYNC        0x60

#define LINES 32

OBJECT_DECLARE_SIMPLE_TYPE(DwApbGpio, DW_APB_GPIO)

struct DwApbGpio {
    SysBusDevice parent_obj;

    MemoryRegion mmio;
    qemu_irq irq;
    qemu_irq out[LINES];
    qemu_irq direction[LINES];

    uint32_t swporta_dr;
    uint32_t swporta_ddr;
    uint32_t inten;
    uint32_t intmask;
    uint32_t inttype_level;
    uint32_t int_polarity;
    uint32_t debounce;
    uint32_t ls_sync;
    uint32_t edges;         /* seen and not acknowledged */
    uint32_t pads;          /* the level on the pads */
};

static uint32_t dw_apb_gpio_raw_status(DwApbGpio *s)
{
    uint32_t level = ~(s->pads ^ s->int_polarity);

    return s->inten & ((s->edges & s->inttype_level) |
                       (level & ~s->inttype_level));
}

static void dw_apb_gpio_update_irq(DwApbGpio *s)
{
    qemu_set_irq(s->irq, (dw_apb_gpio_raw_status(s) & ~s->intmask) != 0);
}

static void dw_apb_gpio_update_outputs(DwApbGpio *s)
{
    for (int i = 0; i < LINES; i++) {
        qemu_set_irq(s->out[i], extract32(s->swporta_dr, i, 1));
        qemu_set_irq(s->direction[i], extract32(s->swporta_ddr, i, 1));
    }
}

static void dw_apb_gpio_set_input(void *opaque, int line, int level)
{
    DwApbGpio *s = opaque;
    uint32_t bit = BIT(line);

    if (!!level != !!(s->pads & bit) &&
        !!level == !!(s->int_polarity & bit)) {
        s->edges |= bit & s->inten & s->inttype_level;
    }
    s->pads = deposit32(s->pads, line, 1, !!level);
    dw_apb_gpio_update_irq(s);
}

static uint64_t dw_apb_gpio_read(void *opaque, hwaddr offset, unsigned size)
{
    DwApbGpio *s = opaque;

    switch (offset) {
    case GPIO_SWPORTA_DR:
        return s->swporta_dr;
    case GPIO_SWPORTA_DDR:
        return s->swporta_ddr;
    case GPIO_INTEN:
        return s->inten;
    case GPIO_INTMASK:
        return s->intmask;
    case GPIO_INTTYPE_LEVEL:
        return s->inttype_level;
    case GPIO_INT_POLARITY:
        return s->int_polarity;
    case GPIO_INTSTATUS:
        return dw_apb_gpio_raw_status(s) & ~s->intmask;
    case GPIO_RAW_INTSTATUS:
        return dw_apb_gpio_raw_status(s);
    case GPIO_DEBOUNCE:
        return s->debounce;
    case GPIO_EXT_PORTA:
        return s->pads;
    case GPIO_LS_SYNC:
        return s->ls_sync;
    }
    qemu_log_mask(LOG_GUEST_ERROR, TYPE_DW_APB_GPIO ": read of 0x%02"
                  HWADDR_PRIx "\n", offset);
    return 0;
}

static void dw_apb_gpio_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
    DwApbGpio *s = opaque;

    switch (offset) {
    case GPIO_SWPORTA_DR:
        s->swporta_dr = value;
        dw_apb_gpio_update_outputs(s);
        break;
    case GPIO_SWPORTA_DDR:
        s->swporta_ddr = value;
        dw_apb_gpio_update_outputs(s);
        break;
    case GPIO_INTEN:
        s->inten = value;
        break;
    case GPIO_INTMASK:
        s->intmask = value;
        break;
    case GPIO_INTTYPE_LEVEL:
        s->inttype_level = value;
        break;
    case GPIO_INT_POLARITY:
        s->int_polarity = value;
        break;
    case GPIO_DEBOUNCE:
        s->debounce = value;
        break;
    case GPIO_PORTA_EOI:
        s->edges &= ~value;
        break;
    case GPIO_LS_SYNC:
        s->ls_sync = value;
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, TYPE_DW_APB_GPIO ": write of 0x%02"
                      HWADDR_PRIx "\n", offset);
    }
    dw_apb_gpio_update_irq(s);
}

static const MemoryRegionOps dw_apb_gpio_ops = {
    .read = dw_apb_gpio_read,
    .write = dw_apb_gpio_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void dw_apb_gpio_reset_hold(Object *obj, ResetType type)
{
    DwApbGpio *s = DW_APB_GPIO(obj);

    s->swporta_dr = s->swporta_ddr = 0;
    s->inten = s->intmask = s->inttype_level = s->int_polarity = 0;
    s->debounce = s->ls_sync = s->edges = 0;
    dw_apb_gpio_update_outputs(s);
    dw_apb_gpio_update_irq(s);
}

static void dw_apb_gpio_init(Object *obj)
{
    DwApbGpio *s = DW_APB_GPIO(obj);
    DeviceState *dev = DEVICE(obj);

    memory_region_init_io(&s->mmio, obj, &dw_apb_gpio_ops, s, TYPE_DW_APB_GPIO,
                          0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->mmio);
    sysbus_init_irq(SYS_BUS_DEVICE(obj), &s->irq);
    qdev_init_gpio_in_named(dev, dw_apb_gpio_set_input, "in", LINES);
    qdev_init_gpio_out_named(dev, s->out, "out", LINES);
    qdev_init_gpio_out_named(dev, s->direction, "direction", LINES);
}

static const VMStateDescription dw_apb_gpio_vmstate = {
    .name = TYPE_DW_APB_GPIO,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(swporta_dr, DwApbGpio),
        VMSTATE_UINT32(swporta_ddr, DwApbGpio),
        VMSTATE_UINT32(inten, DwApbGpio),
        VMSTATE_UINT32(intmask, DwApbGpio),
        VMSTATE_UINT32(inttype_level, DwApbGpio),
        VMSTATE_UINT32(int_polarity, DwApbGpio),
        VMSTATE_UINT32(debounce, DwApbGpio),
        VMSTATE_UINT32(ls_sync, DwApbGpio),
        VMSTATE_UINT32(edges, DwApbGpio),
        VMSTATE_UINT32(pads, DwApbGpio),
        VMSTATE_END_OF_LIST()
    }
};

static void dw_apb_gpio_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->vmsd = &dw_apb_gpio_vmstate;
    RESETTABLE_CLASS(klass)->phases.hold = dw_apb_gpio_reset_hold;
}

static const TypeInfo dw_apb_gpio_types[] = {
    {
        .name = TYPE_DW_APB_GPIO,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(DwApbGpio),
        .instance_init = dw_apb_gpio_init,
        .class_init = dw_apb_gpio_class_init,
    },
};
DEFINE_TYPES(dw_apb_gpio_types)
