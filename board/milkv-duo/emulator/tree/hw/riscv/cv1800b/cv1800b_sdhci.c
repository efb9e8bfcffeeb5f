/*
 * SOPHGO CV1800B: the SD host controller, DesignWare's MSHC.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * QEMU's standard controller, with the vendor's registers beside it: pointers
 * to where they are, PHY and tuning, which keep what is written.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "hw/sd/sdhci.h"
#include "hw/sysbus.h"
#include "cv1800b.h"

#define SDHCI_SIZE          0x1000
#define P_VENDOR_SPECIFIC   0x0e8   /* where the vendor's areas begin: 0x500, 0x180 */
#define VENDOR_POINTERS     0x01800500
#define VENDOR_AREA         0x100

/* 3.3 V, SDMA, ADMA2, addresses of 64 bits, high speed; SDR50, SDR104, DDR50 */
#define CAPABILITIES        0x000000073568c881ULL

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BSdhci, CV1800B_SDHCI)

struct CV1800BSdhci {
    SysBusDevice parent_obj;

    MemoryRegion container;
    MemoryRegion pointers;
    SDHCIState sdhci;
    CV1800BRegs vendor;
};

static uint64_t cv1800b_sdhci_pointers(void *opaque, hwaddr offset,
                                       unsigned size)
{
    return VENDOR_POINTERS >> (8 * offset);
}

static void cv1800b_sdhci_write(void *opaque, hwaddr offset, uint64_t value,
                                unsigned size)
{
}

static const MemoryRegionOps cv1800b_sdhci_ops = {
    .read = cv1800b_sdhci_pointers,
    .write = cv1800b_sdhci_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
};

static void cv1800b_sdhci_realize(DeviceState *dev, Error **errp)
{
    CV1800BSdhci *s = CV1800B_SDHCI(dev);
    SysBusDevice *sdhci = SYS_BUS_DEVICE(&s->sdhci);
    SysBusDevice *vendor = SYS_BUS_DEVICE(&s->vendor);

    if (!sysbus_realize(sdhci, errp) || !sysbus_realize(vendor, errp)) {
        return;
    }
    memory_region_add_subregion(&s->container, 0,
                                sysbus_mmio_get_region(sdhci, 0));
    memory_region_add_subregion_overlap(&s->container, P_VENDOR_SPECIFIC,
                                        &s->pointers, 1);
    memory_region_add_subregion_overlap(&s->container, VENDOR_AREA,
                                        sysbus_mmio_get_region(vendor, 0), 1);
    sysbus_pass_irq(SYS_BUS_DEVICE(dev), sdhci);
}

static void cv1800b_sdhci_init(Object *obj)
{
    CV1800BSdhci *s = CV1800B_SDHCI(obj);

    object_initialize_child(obj, "sdhci", &s->sdhci, TYPE_SYSBUS_SDHCI);
    qdev_prop_set_uint8(DEVICE(&s->sdhci), "sd-spec-version", 3);
    qdev_prop_set_uint8(DEVICE(&s->sdhci), "uhs", UHS_I);
    qdev_prop_set_uint64(DEVICE(&s->sdhci), "capareg", CAPABILITIES);
    object_initialize_child(obj, "vendor", &s->vendor, TYPE_CV1800B_REGS);
    qdev_prop_set_string(DEVICE(&s->vendor), "name", "sdhci-vendor");
    qdev_prop_set_uint32(DEVICE(&s->vendor), "size", SDHCI_SIZE - VENDOR_AREA);

    memory_region_init(&s->container, obj, TYPE_CV1800B_SDHCI, SDHCI_SIZE);
    memory_region_init_io(&s->pointers, obj, &cv1800b_sdhci_ops, s,
                          TYPE_CV1800B_SDHCI "-pointers", 4);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->container);
}

static void cv1800b_sdhci_class_init(ObjectClass *klass, void *data)
{
    DEVICE_CLASS(klass)->realize = cv1800b_sdhci_realize;
}

static const TypeInfo cv1800b_sdhci_types[] = {
    {
        .name = TYPE_CV1800B_SDHCI,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(CV1800BSdhci),
        .instance_init = cv1800b_sdhci_init,
        .class_init = cv1800b_sdhci_class_init,
    },
};
DEFINE_TYPES(cv1800b_sdhci_types)
