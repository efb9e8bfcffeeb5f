/*
 * Synopsys DesignWare AXI DMA controller (DW_axi_dmac), version 1.01a, with the
 * register map for up to 8 channels.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Modelled: transfers by linked list between memory and a peripheral that asks
 * for each burst, and the interrupts and errors of these. Data moves at once when
 * it is asked for. A block has at most max-block items, as the width of BLOCK_TS
 * is configured in silicon: with items of 4 bytes and 1,024 of them 4,096 bytes.
 * A longer one is an invalid linked list item here.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "migration/vmstate.h"
#include "exec/address-spaces.h"
#include "system/dma.h"
#include "cv1800b.h"

OBJECT_DECLARE_SIMPLE_TYPE(DWAXIDMACState, DW_AXI_DMAC)

#define CHANNELS            8

#define DMAC_ID             0x000
#define DMAC_COMPVER        0x008
#define DMAC_CFG            0x010
#define   DMAC_EN           BIT(0)
#define   INT_EN            BIT(1)
#define DMAC_CHEN           0x018
#define DMAC_INTSTATUS      0x030
#define DMAC_RESET          0x058

#define CH_BASE             0x100   /* a channel each 0x100 */
#define CH_SAR              0x00
#define CH_DAR              0x08
#define CH_BLOCK_TS         0x10
#define CH_CTL_L            0x18
#define CH_CTL_H            0x1c
#define   LLI_LAST          BIT(30)
#define   LLI_VALID         BIT(31)
#define CH_CFG_L            0x20
#define   MULTBLK_LL        3       /* linked list, for source and destination */
#define CH_CFG_H            0x24
#define   TT_FC_MEM_TO_PER  1
#define   TT_FC_PER_TO_MEM  2
#define CH_LLP_L            0x28
#define CH_LLP_H            0x2c
#define CH_INTSTATUS_ENA    0x80
#define CH_INTSTATUS        0x88
#define CH_INTSIGNAL_ENA    0x90
#define CH_INTCLEAR         0x98
#define   BLOCK_TFR         BIT(0)
#define   DMA_TFR           BIT(1)
#define   SRC_DEC_ERR       BIT(5)
#define   DST_DEC_ERR       BIT(6)
#define   LLI_RD_DEC_ERR    BIT(9)
#define   LLI_INVALID_ERR   BIT(13)
#define   CH_SUSPENDED      BIT(29)
#define   CH_DISABLED       BIT(30)

/* A linked list item. */
#define LLI_SIZE            64
#define LLI_SAR             0x00
#define LLI_DAR             0x08
#define LLI_BLOCK_TS        0x10
#define LLI_LLP             0x18
#define LLI_CTL_L           0x20
#define LLI_CTL_H           0x24
#define LLI_STATUS          0x30

typedef struct DWAXIDMACChannel {
    uint32_t regs[0x100 / 4];
    bool enabled, suspended;
    bool loaded;            /* an item of the list is being worked on */
    uint64_t item;          /* its address */
    uint32_t left;          /* items of data */
} DWAXIDMACChannel;

struct DWAXIDMACState {
    SysBusDevice parent_obj;

    MemoryRegion mmio;
    qemu_irq irq;
    QEMUBH *bh;
    uint32_t max_block;
    uint32_t cfg;
    uint32_t wanted;        /* a bit a request line */
    DWAXIDMACChannel channel[CHANNELS];
};

static uint32_t *ch_reg(DWAXIDMACChannel *c, hwaddr offset)
{
    return &c->regs[offset / 4];
}

static uint64_t ch_get64(DWAXIDMACChannel *c, hwaddr offset)
{
    return *ch_reg(c, offset) | (uint64_t)*ch_reg(c, offset + 4) << 32;
}

static void ch_set64(DWAXIDMACChannel *c, hwaddr offset, uint64_t value)
{
    *ch_reg(c, offset) = value;
    *ch_reg(c, offset + 4) = value >> 32;
}

static void dw_axi_dmac_update(DWAXIDMACState *s)
{
    bool level = false;

    for (int i = 0; i < CHANNELS; i++) {
        DWAXIDMACChannel *c = &s->channel[i];

        level |= (*ch_reg(c, CH_INTSTATUS) & *ch_reg(c, CH_INTSIGNAL_ENA)) != 0;
    }
    qemu_set_irq(s->irq, level && s->cfg & INT_EN);
}

static void ch_interrupt(DWAXIDMACChannel *c, uint32_t what)
{
    *ch_reg(c, CH_INTSTATUS) |= what & *ch_reg(c, CH_INTSTATUS_ENA);
}

static void ch_stop(DWAXIDMACChannel *c, uint32_t why)
{
    c->enabled = c->loaded = false;
    ch_interrupt(c, why | CH_DISABLED);
}

/* Fetches the next item of the list; false: the channel has stopped. */
static bool ch_load(DWAXIDMACState *s, DWAXIDMACChannel *c)
{
    uint8_t lli[LLI_SIZE];

    c->item = ch_get64(c, CH_LLP_L) & ~0x3fULL;
    if (dma_memory_read(&address_space_memory, c->item, lli, sizeof(lli),
                        MEMTXATTRS_UNSPECIFIED) != MEMTX_OK) {
        ch_stop(c, LLI_RD_DEC_ERR);
        return false;
    }
    ch_set64(c, CH_SAR, ldq_le_p(lli + LLI_SAR));
    ch_set64(c, CH_DAR, ldq_le_p(lli + LLI_DAR));
    ch_set64(c, CH_LLP_L, ldq_le_p(lli + LLI_LLP));
    *ch_reg(c, CH_BLOCK_TS) = ldl_le_p(lli + LLI_BLOCK_TS);
    *ch_reg(c, CH_CTL_L) = ldl_le_p(lli + LLI_CTL_L);
    *ch_reg(c, CH_CTL_H) = ldl_le_p(lli + LLI_CTL_H);
    if (*ch_reg(c, CH_BLOCK_TS) >= s->max_block) {
        qemu_log_mask(LOG_GUEST_ERROR, "dw-axi-dmac: a block of %u items, this"
                      " controller has %u at most\n",
                      *ch_reg(c, CH_BLOCK_TS) + 1, s->max_block);
        ch_stop(c, LLI_INVALID_ERR);
        return false;
    }
    if (!(*ch_reg(c, CH_CTL_H) & LLI_VALID)) {
        ch_stop(c, LLI_INVALID_ERR);
        return false;
    }
    c->left = *ch_reg(c, CH_BLOCK_TS) + 1;
    c->loaded = true;
    return true;
}

/* Writes back what became of the item. */
static void ch_finish(DWAXIDMACChannel *c)
{
    uint32_t ctl = cpu_to_le32(*ch_reg(c, CH_CTL_H) & ~LLI_VALID);
    uint32_t status = cpu_to_le32(*ch_reg(c, CH_BLOCK_TS) + 1);

    dma_memory_write(&address_space_memory, c->item + LLI_CTL_H, &ctl,
                     sizeof(ctl), MEMTXATTRS_UNSPECIFIED);
    dma_memory_write(&address_space_memory, c->item + LLI_STATUS, &status,
                     sizeof(status), MEMTXATTRS_UNSPECIFIED);
    c->loaded = false;
    ch_interrupt(c, BLOCK_TFR);
    if (*ch_reg(c, CH_CTL_H) & LLI_LAST) {
        ch_stop(c, DMA_TFR);
    }
}

/* Moves one item of data. */
static bool ch_move(DWAXIDMACChannel *c)
{
    uint32_t ctl = *ch_reg(c, CH_CTL_L);
    bool to_memory = extract32(*ch_reg(c, CH_CFG_H), 0, 3) == TT_FC_PER_TO_MEM;
    /* An item has the width of the source. */
    unsigned size = 1 << MIN(extract32(ctl, 8, 3), 3);
    uint64_t sar = ch_get64(c, CH_SAR), dar = ch_get64(c, CH_DAR);
    uint8_t data[8];

    if (address_space_rw(&address_space_memory, sar, MEMTXATTRS_UNSPECIFIED,
                         data, size, false) != MEMTX_OK) {
        ch_stop(c, SRC_DEC_ERR);
        return false;
    }
    if (address_space_rw(&address_space_memory, dar, MEMTXATTRS_UNSPECIFIED,
                         data, size, true) != MEMTX_OK) {
        ch_stop(c, DST_DEC_ERR);
        return false;
    }
    if (!extract32(ctl, 4, 1) && !to_memory) {
        ch_set64(c, CH_SAR, sar + size);
    }
    if (!extract32(ctl, 6, 1) && to_memory) {
        ch_set64(c, CH_DAR, dar + size);
    }
    return --c->left > 0;
}

/* Which request line, and whether the channel's kind of transfer is modelled. */
static bool ch_line(DWAXIDMACChannel *c, int *line)
{
    uint32_t cfg = *ch_reg(c, CH_CFG_H);

    switch (extract32(cfg, 0, 3)) {
    case TT_FC_MEM_TO_PER:
        *line = extract32(cfg, 12, 5);
        break;
    case TT_FC_PER_TO_MEM:
        *line = extract32(cfg, 7, 5);
        break;
    default:
        qemu_log_mask(LOG_UNIMP, "dw-axi-dmac: transfer type %u\n",
                      extract32(cfg, 0, 3));
        return false;
    }
    return extract32(*ch_reg(c, CH_CFG_L), 0, 2) == MULTBLK_LL &&
           extract32(*ch_reg(c, CH_CFG_L), 2, 2) == MULTBLK_LL;
}

/*
 * Not at once: what asks may be in the middle of an access of the processor's,
 * and must not be accessed from within that.
 */
static void dw_axi_dmac_run(void *opaque)
{
    DWAXIDMACState *s = opaque;

    for (int i = 0; i < CHANNELS; i++) {
        DWAXIDMACChannel *c = &s->channel[i];
        int line;

        if (!c->enabled || c->suspended || !(s->cfg & DMAC_EN) ||
            !ch_line(c, &line)) {
            continue;
        }
        while (c->enabled && s->wanted & BIT(line)) {
            if (!c->loaded && !ch_load(s, c)) {
                break;
            }
            if (!ch_move(c) && c->enabled) {
                ch_finish(c);
            }
        }
    }
    dw_axi_dmac_update(s);
}

static void dw_axi_dmac_request(void *opaque, int n, int level)
{
    DWAXIDMACState *s = opaque;
    bool had = s->wanted & BIT(n);

    s->wanted = deposit32(s->wanted, n, 1, level);
    if (level && !had) {
        qemu_bh_schedule(s->bh);
    }
}

static uint64_t dw_axi_dmac_read(void *opaque, hwaddr offset, unsigned size)
{
    DWAXIDMACState *s = opaque;
    uint32_t value = 0;

    if (offset >= CH_BASE) {
        int i = offset / 0x100 - 1;

        return i < CHANNELS ? *ch_reg(&s->channel[i], offset % 0x100) : 0;
    }
    switch (offset) {
    case DMAC_COMPVER:
        return 0x3130312a;              /* "101*" */
    case DMAC_CFG:
        return s->cfg;
    case DMAC_CHEN:
        for (int i = 0; i < CHANNELS; i++) {
            value |= s->channel[i].enabled << i | s->channel[i].suspended << (16 + i);
        }
        return value;
    case DMAC_INTSTATUS:
        for (int i = 0; i < CHANNELS; i++) {
            value |= (*ch_reg(&s->channel[i], CH_INTSTATUS) != 0) << i;
        }
        return value;
    }
    return 0;
}

static void dw_axi_dmac_reset_hold(Object *obj, ResetType type)
{
    DWAXIDMACState *s = DW_AXI_DMAC(obj);

    s->cfg = 0;
    memset(s->channel, 0, sizeof(s->channel));
    for (int i = 0; i < CHANNELS; i++) {
        *ch_reg(&s->channel[i], CH_INTSTATUS_ENA) = UINT32_MAX;
        *ch_reg(&s->channel[i], CH_INTSIGNAL_ENA) = UINT32_MAX;
    }
    dw_axi_dmac_update(s);
}

static void dw_axi_dmac_write(void *opaque, hwaddr offset, uint64_t value,
                              unsigned size)
{
    DWAXIDMACState *s = opaque;

    if (offset >= CH_BASE) {
        int i = offset / 0x100 - 1;

        if (i >= CHANNELS) {
            return;
        }
        switch (offset % 0x100) {
        case CH_INTSTATUS:
            break;
        case CH_INTCLEAR:
            *ch_reg(&s->channel[i], CH_INTSTATUS) &= ~(uint32_t)value;
            break;
        default:
            *ch_reg(&s->channel[i], offset % 0x100) = value;
        }
        dw_axi_dmac_update(s);
        return;
    }
    switch (offset) {
    case DMAC_CFG:
        s->cfg = value;
        break;
    case DMAC_CHEN:                     /* each bit with one that lets it be written */
        for (int i = 0; i < CHANNELS; i++) {
            DWAXIDMACChannel *c = &s->channel[i];

            if (value & BIT(8 + i)) {
                bool on = value & BIT(i);

                if (!on && c->enabled) {
                    ch_stop(c, 0);
                }
                c->enabled = on;
            }
            if (value & BIT(24 + i)) {
                c->suspended = value & BIT(16 + i);
                if (c->suspended) {
                    ch_interrupt(c, CH_SUSPENDED);
                }
            }
        }
        break;
    case DMAC_RESET:
        if (value & 1) {
            dw_axi_dmac_reset_hold(OBJECT(s), RESET_TYPE_COLD);
        }
        break;
    default:
        qemu_log_mask(LOG_UNIMP, "dw-axi-dmac: write 0x%03" HWADDR_PRIx
                      " <- 0x%08x\n", offset, (uint32_t)value);
    }
    dw_axi_dmac_update(s);
    qemu_bh_schedule(s->bh);
}

static const MemoryRegionOps dw_axi_dmac_ops = {
    .read = dw_axi_dmac_read,
    .write = dw_axi_dmac_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = { .min_access_size = 4, .max_access_size = 8 },
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void dw_axi_dmac_realize(DeviceState *dev, Error **errp)
{
    DWAXIDMACState *s = DW_AXI_DMAC(dev);

    s->bh = qemu_bh_new_guarded(dw_axi_dmac_run, s, &dev->mem_reentrancy_guard);
}

static void dw_axi_dmac_init(Object *obj)
{
    DWAXIDMACState *s = DW_AXI_DMAC(obj);

    memory_region_init_io(&s->mmio, obj, &dw_axi_dmac_ops, s, TYPE_DW_AXI_DMAC,
                          0x1000);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->mmio);
    sysbus_init_irq(SYS_BUS_DEVICE(obj), &s->irq);
    qdev_init_gpio_in(DEVICE(obj), dw_axi_dmac_request, CHANNELS);
}

static const Property dw_axi_dmac_properties[] = {
    DEFINE_PROP_UINT32("max-block", DWAXIDMACState, max_block, 1024),
};

static const VMStateDescription dw_axi_dmac_vmstate = {
    .name = TYPE_DW_AXI_DMAC,
    .unmigratable = 1,
};

static void dw_axi_dmac_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = dw_axi_dmac_realize;
    dc->vmsd = &dw_axi_dmac_vmstate;
    device_class_set_props(dc, dw_axi_dmac_properties);
    RESETTABLE_CLASS(klass)->phases.hold = dw_axi_dmac_reset_hold;
}

static const TypeInfo dw_axi_dmac_types[] = {
    {
        .name = TYPE_DW_AXI_DMAC,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(DWAXIDMACState),
        .instance_init = dw_axi_dmac_init,
        .class_init = dw_axi_dmac_class_init,
    },
};
DEFINE_TYPES(dw_axi_dmac_types)
