/*
 * Synopsys DesignWare APB UART: a 16550 with registers of 32 bits, and some more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The shadow registers and the component's parameters read as 0, which says
 * that they are not there. The status register says the 16550's state.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/char/serial-mm.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/sysbus.h"
#include "cv1800b.h"

#define UART_SIZE   0x100
#define UART_16550  0x20        /* bytes of the 16550's registers */
#define LSR_DR      BIT(0)
#define UART_USR    0x7c
#define   USR_TFNF  BIT(1)
#define   USR_TFE   BIT(2)
#define   USR_RFNE  BIT(3)

OBJECT_DECLARE_SIMPLE_TYPE(DwApbUart, DW_APB_UART)

struct DwApbUart {
    SysBusDevice parent_obj;

    MemoryRegion container;
    MemoryRegion more;
    SerialMM serial;
};

static uint64_t dw_apb_uart_read(void *opaque, hwaddr offset, unsigned size)
{
    DwApbUart *s = opaque;

    if (offset + UART_16550 == UART_USR) {
        return USR_TFNF | USR_TFE |
               (s->serial.serial.lsr & LSR_DR ? USR_RFNE : 0);
    }
    return 0;
}

static void dw_apb_uart_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
}

static const MemoryRegionOps dw_apb_uart_ops = {
    .read = dw_apb_uart_read,
    .write = dw_apb_uart_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void dw_apb_uart_realize(DeviceState *dev, Error **errp)
{
    DwApbUart *s = DW_APB_UART(dev);
    SysBusDevice *serial = SYS_BUS_DEVICE(&s->serial);

    if (!sysbus_realize(serial, errp)) {
        return;
    }
    memory_region_add_subregion(&s->container, 0,
                                sysbus_mmio_get_region(serial, 0));
    memory_region_add_subregion(&s->container, UART_16550, &s->more);
    sysbus_pass_irq(SYS_BUS_DEVICE(dev), serial);
}

static void dw_apb_uart_init(Object *obj)
{
    DwApbUart *s = DW_APB_UART(obj);

    object_initialize_child(obj, "serial", &s->serial, TYPE_SERIAL_MM);
    qdev_prop_set_uint8(DEVICE(&s->serial), "regshift", 2);
    qdev_prop_set_uint8(DEVICE(&s->serial), "endianness", DEVICE_LITTLE_ENDIAN);
    qdev_prop_set_uint32(DEVICE(&s->serial), "baudbase", 25000000 / 16);
    object_property_add_alias(obj, "chardev", OBJECT(&s->serial), "chardev");

    memory_region_init(&s->container, obj, TYPE_DW_APB_UART, UART_SIZE);
    memory_region_init_io(&s->more, obj, &dw_apb_uart_ops, s,
                          TYPE_DW_APB_UART "-more", UART_SIZE - UART_16550);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->container);
}

static void dw_apb_uart_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->realize = dw_apb_uart_realize;
}

static const TypeInfo dw_apb_uart_types[] = {
    {
        .name = TYPE_DW_APB_UART,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(DwApbUart),
        .instance_init = dw_apb_uart_init,
        .class_init = dw_apb_uart_class_init,
    },
};
DEFINE_TYPES(dw_apb_uart_types)
