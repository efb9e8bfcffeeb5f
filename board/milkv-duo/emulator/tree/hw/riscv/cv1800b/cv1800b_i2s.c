/*
 * SOPHGO CV1800B: an I2S/TDM block.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * One direction at a time, by DMA, 16 or 32 bits a slot, one or two slots. As a
 * master it plays on the pads, or on the converter behind it; as a slave it takes
 * what the microphone's converter gives. The rate follows from the clock registers
 * of the chip and of the block.
 *
 * In silicon a FIFO that is empty too early sounds as a gap, and one that is full
 * loses samples. The clock of the model waits instead, so that what is heard does
 * not depend on how fast the host is; "late" counts how often it had to.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/fifo32.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "audio/audio.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "migration/vmstate.h"
#include "cv1800b.h"
#include "cv1800b_audio.h"

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BI2S, CV1800B_I2S)

#define BLK_MODE_SETTING    0x00
#define   TX_MODE           BIT(0)
#define   MASTER_MODE       BIT(1)
#define FRAME_SETTING       0x04    /* bits a frame - 1 in 8:0 */
#define SLOT_SETTING1       0x08    /* slots a frame - 1 in 3:0 */
#define DATA_FORMAT         0x10    /* in 2:1 8, 16 or 32 bits a sample in the FIFO */
#define I2S_ENABLE          0x18
#define FIFO_RESET          0x30
#define   RX_FIFO_RESET     BIT(0)
#define   TX_FIFO_RESET     BIT(16)
#define RX_STATUS           0x40
#define TX_STATUS           0x48
#define CLK_CTRL0           0x60
#define   MCLK_OUT_EN       BIT(7)
#define   AUD_EN            BIT(8)
#define CLK_CTRL1           0x64    /* MCLK's divider in 15:0, BCLK's in 31:16 */
#define RX_RD_PORT          0x80
#define TX_WR_PORT          0xc0

#define FIFO_WORDS          256
#define BURST_WORDS         8
#define TICK_MS             1
#define VOICE_CHANNELS      2

struct CV1800BI2S {
    SysBusDevice parent_obj;

    MemoryRegion mmio;
    qemu_irq request_rx, request_tx;
    uint32_t regs[0x100 / 4];
    Fifo32 fifo;
    QEMUTimer *tick;
    int64_t since;          /* when the frames were last counted */
    uint64_t fraction;      /* of a frame, in ns times the rate */
    uint64_t late;
    bool starved;

    uint8_t number;         /* which of the chip's */
    CV1800BRegs *clk, *pinctrl, *ephy;
    DeviceState *adc, *dac;
    DeviceState *clock;     /* the block that the converters' clock comes from */
    QEMUSoundCard card;
    SWVoiceOut *voice;
    uint32_t voice_rate;
    int16_t out[FIFO_WORDS * 2][VOICE_CHANNELS];
    unsigned ready;         /* frames of out that the voice had no room for */
};

static uint32_t i2s_get(CV1800BI2S *s, hwaddr offset)
{
    return s->regs[offset / 4];
}

static uint32_t i2s_mclk(CV1800BI2S *s)
{
    uint32_t div = extract32(i2s_get(s, CLK_CTRL1), 0, 16);

    return i2s_get(s, CLK_CTRL0) & AUD_EN && div
           ? cv1800b_clk_sdma_aud(s->clk, s->number) / div : 0;
}

uint32_t cv1800b_i2s_mclk_out(DeviceState *dev)
{
    CV1800BI2S *s = CV1800B_I2S(dev);

    return i2s_get(s, CLK_CTRL0) & MCLK_OUT_EN ? i2s_mclk(s) : 0;
}

static unsigned i2s_slots(CV1800BI2S *s)
{
    return extract32(i2s_get(s, SLOT_SETTING1), 0, 4) + 1;
}

static bool i2s_transmits(CV1800BI2S *s)
{
    return i2s_get(s, BLK_MODE_SETTING) & TX_MODE;
}

/* Frames a second. */
static uint32_t i2s_rate(CV1800BI2S *s)
{
    uint32_t bclk = extract32(i2s_get(s, CLK_CTRL1), 16, 16);
    uint32_t bits = extract32(i2s_get(s, FRAME_SETTING), 0, 9) + 1;

    if (i2s_get(s, BLK_MODE_SETTING) & MASTER_MODE) {
        return bclk ? i2s_mclk(s) / bclk / bits : 0;
    }
    if (!s->adc || !s->clock) {
        return 0;
    }
    if (bits != 32) {
        qemu_log_mask(LOG_GUEST_ERROR, "i2s%u: frames of %u bits, the converter"
                      " makes 32\n", s->number, bits);
        return 0;
    }
    return cv1800b_adc_rate(s->adc, cv1800b_i2s_mclk_out(s->clock));
}

static void i2s_request(CV1800BI2S *s)
{
    bool on = i2s_get(s, I2S_ENABLE) & 1;

    qemu_set_irq(s->request_tx, on && i2s_transmits(s) &&
                                fifo32_num_free(&s->fifo) >= BURST_WORDS);
    qemu_set_irq(s->request_rx, on && !i2s_transmits(s) &&
                                fifo32_num_used(&s->fifo) >= BURST_WORDS);
}

/* Whether the pads are the block's, and no longer the Ethernet transceiver's. */
static bool i2s_on_pads(CV1800BI2S *s)
{
    const hwaddr mux[] = { 0x0c0, 0x0c4, 0x0c8 };   /* ETH_TXP, _TXM, _RXP */

    if (s->dac) {
        return cv1800b_dac_on(s->dac);
    }
    for (int i = 0; s->pinctrl && i < ARRAY_SIZE(mux); i++) {
        if (cv1800b_regs_get(s->pinctrl, mux[i]) != 7) {
            return false;
        }
    }
    return !s->ephy || (cv1800b_regs_get(s->ephy, 0x804) == 0x0001 &&
                        cv1800b_regs_get(s->ephy, 0x07c) == 0x0500 &&
                        cv1800b_regs_get(s->ephy, 0x078) == 0x0f00 &&
                        cv1800b_regs_get(s->ephy, 0x074) == 0x0606 &&
                        cv1800b_regs_get(s->ephy, 0x070) == 0x0606);
}

static unsigned i2s_words(CV1800BI2S *s, unsigned frames)
{
    unsigned wide = extract32(i2s_get(s, DATA_FORMAT), 1, 2) == 2;

    return wide ? frames * i2s_slots(s) : frames * i2s_slots(s) / 2;
}

static int16_t i2s_sample(CV1800BI2S *s, uint32_t *word, bool *half)
{
    if (extract32(i2s_get(s, DATA_FORMAT), 1, 2) == 2) {
        return fifo32_pop(&s->fifo) >> 8;           /* 24 bits */
    }
    if (!*half) {
        *word = fifo32_pop(&s->fifo);
    }
    *half = !*half;
    return *half ? *word : *word >> 16;
}

static void i2s_callback(void *opaque, int free)
{
    /* The block's own clock says when there is something to play. */
}

static void i2s_open_voice(CV1800BI2S *s, uint32_t rate)
{
    struct audsettings as = {
        .freq = rate, .nchannels = VOICE_CHANNELS, .fmt = AUDIO_FORMAT_S16,
        .endianness = HOST_BIG_ENDIAN,
    };
    g_autofree char *name = g_strdup_printf("i2s%u", s->number);

    if (s->card.state && s->voice_rate != rate) {
        s->voice = AUD_open_out(&s->card, s->voice, name, s, i2s_callback, &as);
        s->voice_rate = rate;
    }
    if (s->voice) {
        AUD_set_active_out(s->voice, 1);
    }
}

/* Gives the voice what is ready; false: it has no room for all of it. */
static bool i2s_play(CV1800BI2S *s)
{
    size_t taken = s->ready;

    if (s->voice && s->ready) {
        taken = AUD_write(s->voice, s->out, s->ready * sizeof(s->out[0])) /
                sizeof(s->out[0]);
    }
    s->ready -= taken;
    memmove(s->out, s->out[taken], s->ready * sizeof(s->out[0]));
    return !s->ready;
}

/* Plays up to that many frames and returns how many. */
static unsigned i2s_transmit(CV1800BI2S *s, unsigned frames)
{
    unsigned slots = i2s_slots(s);
    bool heard = i2s_on_pads(s), half = false;
    uint32_t word = 0;

    if (!i2s_play(s)) {
        return 0;
    }
    while (frames && i2s_words(s, frames) > fifo32_num_used(&s->fifo)) {
        frames--;
    }
    if (slots == 1) {
        frames &= ~1;                               /* whole words */
    }
    for (unsigned i = 0; i < frames; i++) {
        s->out[i][0] = i2s_sample(s, &word, &half);
        s->out[i][1] = slots == 2 ? i2s_sample(s, &word, &half) : s->out[i][0];
        if (!heard) {
            s->out[i][0] = s->out[i][1] = 0;
        }
    }
    s->ready = frames;
    i2s_play(s);
    return frames;
}

static unsigned i2s_receive(CV1800BI2S *s, unsigned frames)
{
    int16_t in[FIFO_WORDS][VOICE_CHANNELS];

    frames = MIN(frames, fifo32_num_free(&s->fifo));
    cv1800b_adc_read(s->adc, in[0], frames);
    for (unsigned i = 0; i < frames; i++) {
        fifo32_push(&s->fifo, (uint16_t)in[i][0] | (uint32_t)in[i][1] << 16);
    }
    return frames;
}

static void i2s_tick(void *opaque)
{
    CV1800BI2S *s = opaque;
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    uint32_t rate = i2s_rate(s);
    unsigned due, done;

    s->fraction += (now - s->since) * (uint64_t)rate;
    s->since = now;
    due = MIN(s->fraction / NANOSECONDS_PER_SECOND, FIFO_WORDS);
    if (due) {
        if (i2s_transmits(s)) {
            i2s_open_voice(s, rate);
            done = i2s_transmit(s, due);
        } else {
            done = i2s_receive(s, due);
        }
        /* What could not be moved in its time is not caught up with. */
        s->fraction = done < due ? 0 : s->fraction % NANOSECONDS_PER_SECOND;
        if (done < due && !s->starved) {
            s->late++;
        }
        s->starved = done < due;
    }
    i2s_request(s);
    timer_mod(s->tick, now + TICK_MS * SCALE_MS);
}

static void i2s_enable(CV1800BI2S *s)
{
    if (!(i2s_get(s, I2S_ENABLE) & 1)) {
        timer_del(s->tick);
        if (s->voice) {
            AUD_set_active_out(s->voice, 0);
        }
    } else if (!timer_pending(s->tick)) {
        s->since = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
        s->fraction = 0;
        s->starved = true;          /* nothing is there yet */
        timer_mod(s->tick, s->since + TICK_MS * SCALE_MS);
    }
    i2s_request(s);
}

static uint64_t i2s_read(void *opaque, hwaddr offset, unsigned size)
{
    CV1800BI2S *s = opaque;
    uint32_t value;

    switch (offset) {
    case RX_RD_PORT ... RX_RD_PORT + 0x3c:
        value = fifo32_is_empty(&s->fifo) || i2s_transmits(s)
                ? 0 : fifo32_pop(&s->fifo);
        i2s_request(s);
        return value;
    case RX_STATUS:
        return i2s_transmits(s) ? 0 : fifo32_num_used(&s->fifo);
    case TX_STATUS:
        return i2s_transmits(s) ? fifo32_num_used(&s->fifo) : 0;
    }
    return i2s_get(s, offset);
}

static void i2s_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    CV1800BI2S *s = opaque;

    if (offset >= TX_WR_PORT && offset <= TX_WR_PORT + 0x3c) {
        if (i2s_transmits(s) && !fifo32_is_full(&s->fifo)) {
            fifo32_push(&s->fifo, value);
        }
        i2s_request(s);
        return;
    }
    s->regs[offset / 4] = value;
    switch (offset) {
    case BLK_MODE_SETTING:
        fifo32_reset(&s->fifo);
        i2s_request(s);
        break;
    case FIFO_RESET:
        if (value & (i2s_transmits(s) ? TX_FIFO_RESET : RX_FIFO_RESET)) {
            fifo32_reset(&s->fifo);
        }
        break;
    case I2S_ENABLE:
        i2s_enable(s);
        break;
    }
}

static const MemoryRegionOps i2s_ops = {
    .read = i2s_read,
    .write = i2s_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .impl = { .min_access_size = 4, .max_access_size = 4 },
};

static void i2s_reset_hold(Object *obj, ResetType type)
{
    CV1800BI2S *s = CV1800B_I2S(obj);

    memset(s->regs, 0, sizeof(s->regs));
    fifo32_reset(&s->fifo);
    i2s_enable(s);
}

static void i2s_realize(DeviceState *dev, Error **errp)
{
    CV1800BI2S *s = CV1800B_I2S(dev);

    if (!s->clk) {
        error_setg(errp, "%s: the link clk is needed", TYPE_CV1800B_I2S);
        return;
    }
    if (s->card.state && !AUD_register_card("cv1800b", &s->card, errp)) {
        return;
    }
    fifo32_create(&s->fifo, FIFO_WORDS);
    s->tick = timer_new_ns(QEMU_CLOCK_VIRTUAL, i2s_tick, s);
}

static void i2s_init(Object *obj)
{
    CV1800BI2S *s = CV1800B_I2S(obj);

    memory_region_init_io(&s->mmio, obj, &i2s_ops, s, TYPE_CV1800B_I2S, 0x100);
    sysbus_init_mmio(SYS_BUS_DEVICE(obj), &s->mmio);
    qdev_init_gpio_out_named(DEVICE(obj), &s->request_rx, "rx", 1);
    qdev_init_gpio_out_named(DEVICE(obj), &s->request_tx, "tx", 1);
    object_property_add_uint64_ptr(obj, "late", &s->late, OBJ_PROP_FLAG_READ);
}

static const Property i2s_properties[] = {
    DEFINE_AUDIO_PROPERTIES(CV1800BI2S, card),
    DEFINE_PROP_UINT8("number", CV1800BI2S, number, 0),
    DEFINE_PROP_LINK("clk", CV1800BI2S, clk, TYPE_CV1800B_REGS, CV1800BRegs *),
    DEFINE_PROP_LINK("pinctrl", CV1800BI2S, pinctrl, TYPE_CV1800B_REGS,
                     CV1800BRegs *),
    DEFINE_PROP_LINK("ephy", CV1800BI2S, ephy, TYPE_CV1800B_REGS, CV1800BRegs *),
    DEFINE_PROP_LINK("adc", CV1800BI2S, adc, TYPE_CV1800B_ADC, DeviceState *),
    DEFINE_PROP_LINK("dac", CV1800BI2S, dac, TYPE_CV1800B_DAC, DeviceState *),
    DEFINE_PROP_LINK("clock", CV1800BI2S, clock, TYPE_CV1800B_I2S, DeviceState *),
};

static const VMStateDescription i2s_vmstate = {
    .name = TYPE_CV1800B_I2S,
    .unmigratable = 1,
};

static void i2s_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = i2s_realize;
    dc->vmsd = &i2s_vmstate;
    device_class_set_props(dc, i2s_properties);
    RESETTABLE_CLASS(klass)->phases.hold = i2s_reset_hold;
}

static const TypeInfo i2s_types[] = {
    {
        .name = TYPE_CV1800B_I2S,
        .parent = TYPE_SYS_BUS_DEVICE,
        .instance_size = sizeof(CV1800BI2S),
        .instance_init = i2s_init,
        .class_init = i2s_class_init,
    },
};
DEFINE_TYPES(i2s_types)
