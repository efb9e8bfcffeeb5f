/*
 * SOPHGO CV1800B: a block of registers that keep what is written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "cv1800b_regs.h"

static uint64_t cv1800b_regs_read(void *opaque, hwaddr offset, unsigned size)
{
    CV1800BRegs *s = opaque;
    CV1800BRegsClass *c = CV1800B_REGS_GET_CLASS(s);
    uint32_t value = s->regs[offset / 4];

    if (c->read) {
        value = c->read(s, offset, value);
    }
    if (!c->modelled) {
        qemu_log_mask(LOG_UNIMP, "%s: read  0x%03" HWADDR_PRIx " -> 0x%08x\n",
                      s->name, offset, value);
    }
    return value;
}

static void cv1800b_regs_write(void *opaque, hwaddr offset, uint64_t value,
                               unsigned size)
{
    CV1800BRegs *s = opaque;
    CV1800BRegsClass *c = CV1800B_REGS_GET_CLASS(s);

    if (!c->modelled) {
        qemu_log_mask(LOG_UNIMP, "%s: write 0x%03" HWADDR_PRIx " <- 0x%08x\n",
                      s->name, offset, (uint32_t)value);
    }
    s->regs[offset / 4] = value;
    if (c->write) {
        c->write(s, offset, value);
    }
}

static const MemoryRegionOps cv1800b_regs_ops = {
    .read = cv1800b_regs_read,
    .write = cv1800b_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 1, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void cv1800b_regs_reset_hold(Object *obj, ResetType type)
{
    CV1800BRegs *s = CV1800B_REGS(obj);
    CV1800BRegsClass *c = CV1800B_REGS_GET_CLASS(s);

    memset(s->regs, 0, s->size);
    if (c->reset) {
        c->reset(s);
    }
}

static void cv1800b_regs_realize(DeviceState *dev, Error **errp)
{
    CV1800BRegs *s = CV1800B_REGS(dev);

    if (!s->size || s->size % 4) {
        error_setg(errp, "%s: a size in bytes is needed, a multiple of 4",
                   object_get_typename(OBJECT(dev)));
        return;
    }
    if (!s->name) {
        s->name = g_strdup(object_get_typename(OBJECT(dev)));
    }
    s->count = s->size / 4;
    s->regs = g_new0(uint32_t, s->count);
    memory_region_init_io(&s->mmio, OBJECT(dev), &cv1800b_regs_ops, s, s->name,
                          s->size);
    sysbus_init_mmio(SYS_BUS_DEVICE(dev), &s->mmio);
}

static void cv1800b_regs_instance_init(Object *obj)
{
    CV1800B_REGS(obj)->size = CV1800B_REGS_GET_CLASS(obj)->size;
}

static void cv1800b_regs_finalize(Object *obj)
{
    g_free(CV1800B_REGS(obj)->regs);
}

CV1800BRegs *cv1800b_regs_create(Object *parent, const char *type,
                                 const char *name, hwaddr base, uint32_t size)
{
    DeviceState *dev = qdev_new(type);

    object_property_add_child(parent, name, OBJECT(dev));
    qdev_prop_set_string(dev, "name", name);
    if (size) {
        qdev_prop_set_uint32(dev, "size", size);
    }
    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, base);
    return CV1800B_REGS(dev);
}

static const VMStateDescription cv1800b_regs_vmstate = {
    .name = TYPE_CV1800B_REGS,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_VARRAY_UINT32(regs, CV1800BRegs, count, 1,
                              vmstate_info_uint32, uint32_t),
        VMSTATE_END_OF_LIST()
    }
};

/* size has no default here: instance_init takes the class's. */
static const Property cv1800b_regs_properties[] = {
    DEFINE_PROP_STRING("name", CV1800BRegs, name),
    DEFINE_PROP_UNSIGNED_NODEFAULT("size", CV1800BRegs, size,
                                   qdev_prop_uint32, uint32_t),
};

static void cv1800b_regs_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = cv1800b_regs_realize;
    dc->vmsd = &cv1800b_regs_vmstate;
    device_class_set_props(dc, cv1800b_regs_properties);
    RESETTABLE_CLASS(klass)->phases.hold = cv1800b_regs_reset_hold;
}

static const TypeInfo cv1800b_regs_types[] = {
    {
        .name = TYPE_CV1800B_REGS,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(CV1800BRegs),
        .instance_init = cv1800b_regs_instance_init,
        .instance_finalize = cv1800b_regs_finalize,
        .class_size = sizeof(CV1800BRegsClass),
        .class_init = cv1800b_regs_class_init,
    },
};
DEFINE_TYPES(cv1800b_regs_types)
