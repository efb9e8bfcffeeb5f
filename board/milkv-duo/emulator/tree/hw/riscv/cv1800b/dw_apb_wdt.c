/*
 * Synopsys DesignWare APB watchdog, with its fixed time-outs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What it does at its end is QEMU's -action watchdog=, by default a reset.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "hw/sysbus.h"
#include "migration/vmstate.h"
#include "system/watchdog.h"
#include "cv1800b.h"

#define WDT_CR              0x00
#define   CR_WDT_EN         BIT(0)
#define   CR_RMOD           BIT(1)      /* an interrupt first */
#define WDT_TORR            0x04
#define WDT_CCVR            0x08
#define WDT_CRR             0x0c
#define   CRR_RESTART       0x76
#define WDT_STAT            0x10
#define WDT_EOI             0x14
#define WDT_COMP_PARAMS_1   0xf4
#define   PARAMS_FIX_TOP    BIT(6)
#define WDT_COMP_VERSION    0xf8
#define WDT_COMP_TYPE       0xfc

OBJECT_DECLARE_SIMPLE_TYPE(DwApbWdt, DW_APB_WDT)

struct DwApbWdt {
    SysBusDevice parent_obj;

    MemoryRegion mmio;
    qemu_irq irq;
    QEMUTimer *timer;
    uint32_t clock_frequency;   /* of the counter, in Hz */

    uint32_t cr;
    uint32_t torr;
    uint32_t stat;
    int64_t ends;               /* ns of the virtual clock */
};

static void dw_apb_wdt_restart(DwApbWdt *s)
{
    int64_t cycles = 1LL << (16 + (s->torr & 0xf));

    s->ends = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
              muldiv64(cycles, NANOSECONDS_PER_SECOND, s->clock_frequency);
    timer_mod(s->timer, s->ends);
}

static void dw_apb_wdt_expired(void *opaque)
{
    DwApbWdt *s = opaque;

    if (s->cr & CR_RMOD && !s->stat) {
        s->stat = 1;
        qemu_irq_raise(s->irq);
        dw_apb_wdt_restart(s);
        return;
    }
    watchdog_perform_action();
}

static void dw_apb_wdt_acknowledge(DwApbWdt *s)
{
    s->stat = 0;
    qemu_irq_lower(s->irq);
}

static uint64_t dw_apb_wdt_read(void *opaque, hwaddr offset, unsigned size)
{
    DwApbWdt *s = opaque;
    int64_t left = s->ends - qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    switch (offset) {
    case WDT_CR:
        return s->cr;
    case WDT_TORR:
        return s->torr;
    case WDT_CCVR:
        return left > 0 ? muldiv64(left, s->clock_frequency,
                                   NANOSECONDS_PER_SECOND) : 0;
    case WDT_STAT:
        return s->stat;
    case WDT_EOI:
        dw_apb_wdt_acknowledge(s);
        return 0;
    case WDT_COMP_PARAMS_1:
        return PARAMS_FIX_TOP;
    case WDT_COMP_VERSION:
        return 0x3131302a;
    case WDT_COMP_TYPE:
        return 0x44570120;
    }
    return 0;
}

static void dw_apb_wdt_write(void *opaque, hwaddr offset, uint64_t value,
                             unsigned size)
{
    DwApbWdt *s = opaque;
    bool on = s->cr & CR_WDT_EN;

    switch (offset) {
    case WDT_CR:
        s->cr = value | (s->cr & CR_WDT_EN);    /* once on, on until a reset */
        if (!on && s->cr & CR_WDT_EN) {
            dw_apb_wdt_restart(s);
        }
        break;
    case WDT_TORR:
        s->torr = value;
        break;
    case WDT_CRR:
        if ((value & 0xff) == CRR_RESTART) {
            dw_apb_wdt_acknowledge(s);
            if (on) {
                dw_apb_wdt_restart(s);
            }
        }
        break;
    default:
        qemu_log_mask(LOG_GUEST_ERROR, TYPE_DW_APB_WDT ": write of 0x%02"
                      HWADDR_PRIx "\n", offset);
    }
}

static const MemoryRegionOps dw_apb_wdt_ops = {
    .read = dw_apb_wdt_read,
    .write = dw_apb_wdt_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void dw_apb_wdt_reset_hold(Object *obj, ResetType type)
{
    DwApbWdt *s = DW_APB_WDT(obj);

    s->cr = s->torr = 0;
    dw_apb_wdt_acknowledge(s);
    timer_del(s->timer);
}

static void dw_apb_wdt_init(Object *obj)
{
    DwApbWdt *s = DW_APB_WDT(obj);

    memory_region_init_io(&s->mmio, obj, &dw_apb_wdt_ops, s, TYPE_DW_APB_WDT,
                          0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->mmio);
    sysbus_init_irq(SYS_BUS_DEVICE(obj), &s->irq);
    s->timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, dw_apb_wdt_expired, s);
}

static const VMStateDescription dw_apb_wdt_vmstate = {
    .name = TYPE_DW_APB_WDT,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT32(cr, DwApbWdt),
        VMSTATE_UINT32(torr, DwApbWdt),
        VMSTATE_UINT32(stat, DwApbWdt),
        VMSTATE_INT64(ends, DwApbWdt),
        VMSTATE_TIMER_PTR(timer, DwApbWdt),
        VMSTATE_END_OF_LIST()
    }
};

static const Property dw_apb_wdt_properties[] = {
    DEFINE_PROP_UINT32("clock-frequency", DwApbWdt, clock_frequency, 25000000),
};

static void dw_apb_wdt_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->vmsd = &dw_apb_wdt_vmstate;
    device_class_set_props(dc, dw_apb_wdt_properties);
    RESETTABLE_CLASS(klass)->phases.hold = dw_apb_wdt_reset_hold;
}

static const TypeInfo dw_apb_wdt_types[] = {
    {
        .name = TYPE_DW_APB_WDT,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(DwApbWdt),
        .instance_init = dw_apb_wdt_init,
        .class_init = dw_apb_wdt_class_init,
    },
};
DEFINE_TYPES(dw_apb_wdt_types)
