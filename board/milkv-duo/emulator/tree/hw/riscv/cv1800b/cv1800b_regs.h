/*
 * SOPHGO CV1800B: a block of registers that keep what is written.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The base of those of the chip's blocks that are little more than this. By
 * itself it stands for a block whose effects are not modelled; -d unimp then
 * shows how software uses it.
 */

#ifndef HW_RISCV_CV1800B_REGS_H
#define HW_RISCV_CV1800B_REGS_H

#include "hw/sysbus.h"
#include "qom/object.h"

#define TYPE_CV1800B_REGS "cv1800b-regs"
OBJECT_DECLARE_TYPE(CV1800BRegs, CV1800BRegsClass, CV1800B_REGS)

struct CV1800BRegs {
    SysBusDevice parent_obj;

    MemoryRegion mmio;
    char *name;
    uint32_t size;          /* in bytes */
    uint32_t *regs;
    uint32_t count;         /* of regs */
};

struct CV1800BRegsClass {
    SysBusDeviceClass parent_class;

    uint32_t size;          /* what size is unless the property says otherwise */
    bool modelled;          /* accesses are not worth a line of -d unimp */

    /* The value that a register reads as; value is what it keeps. */
    uint32_t (*read)(CV1800BRegs *s, hwaddr offset, uint32_t value);
    /* Told after a register was written; it may change what is kept. */
    void (*write)(CV1800BRegs *s, hwaddr offset, uint32_t value);
    /* Gives registers values other than 0 at reset. */
    void (*reset)(CV1800BRegs *s);
};

/* Creates a block of the type at an address; name is for logs and the QOM tree. */
CV1800BRegs *cv1800b_regs_create(Object *parent, const char *type,
                                 const char *name, hwaddr base, uint32_t size);

static inline uint32_t cv1800b_regs_get(CV1800BRegs *s, hwaddr offset)
{
    return s->regs[offset / 4];
}

static inline void cv1800b_regs_set(CV1800BRegs *s, hwaddr offset,
                                    uint32_t value)
{
    s->regs[offset / 4] = value;
}

#endif
