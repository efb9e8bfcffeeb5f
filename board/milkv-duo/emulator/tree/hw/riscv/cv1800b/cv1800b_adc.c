/*
 * SOPHGO CV1800B: the microphone's converter (RXADC).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is on its pad comes from a sound file: the property "microphone" names it,
 * and setting that, also while the machine runs, plays it from its beginning, with
 * silence before and behind. PCM of 16 bits, one or two channels, at the rate that
 * the converter works at; full scale is that of the converter without gain. Then
 * comes the amplifier, as the guest has set it.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "cv1800b.h"
#include "cv1800b_audio.h"

#include <math.h>

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BADC, CV1800B_ADC)

#define RXADC_CTRL0     0x00
#define   RXADC_EN      BIT(0)
#define   I2S_TX_EN     BIT(1)
#define RXADC_CLK       0x0c        /* the bit clock's divider / 2 - 1 in 15:8 */
#define RXADC_ANA0      0x10        /* gain, left in 15:0, right in 31:16 */
#define RXADC_ANA2      0x18        /* mute, left in 0, right in 1 */

#define FRAME_BITS      32
#define WAV_HEADER      12
#define WAV_CHUNK       8

struct CV1800BADC {
    CV1800BRegs parent_obj;

    char *file;
    char *contents;
    const uint8_t *samples;         /* in contents */
    unsigned channels;
    uint32_t wav_rate;
    size_t frames, next;
};

uint32_t cv1800b_adc_rate(DeviceState *dev, uint32_t mclk)
{
    CV1800BRegs *r = CV1800B_REGS(dev);
    uint32_t ctrl = cv1800b_regs_get(r, RXADC_CTRL0);
    uint32_t div = (extract32(cv1800b_regs_get(r, RXADC_CLK), 8, 8) + 1) * 2;

    return ctrl & RXADC_EN && ctrl & I2S_TX_EN ? mclk / div / FRAME_BITS : 0;
}

/* As a factor: 2 dB a step, of which one is chosen, 6 dB, and 6 dB a coarse one. */
static double adc_gain(CV1800BADC *s, int channel)
{
    CV1800BRegs *r = CV1800B_REGS(s);
    uint32_t ana0 = cv1800b_regs_get(r, RXADC_ANA0) >> 16 * channel & 0xffff;
    uint32_t steps = extract32(ana0, 0, 13);
    int db = (steps ? 2 * ctz32(steps) : 0) + 6 * extract32(ana0, 13, 1) +
             6 * extract32(ana0, 14, 2);

    return extract32(cv1800b_regs_get(r, RXADC_ANA2), channel, 1)
           ? 0 : pow(10, db / 20.0);
}

void cv1800b_adc_read(DeviceState *dev, int16_t *frames, unsigned count)
{
    CV1800BADC *s = CV1800B_ADC(dev);
    double gain[] = { adc_gain(s, 0), adc_gain(s, 1) };

    for (unsigned i = 0; i < count; i++) {
        for (int channel = 0; channel < 2; channel++) {
            double x = 0;

            if (s->next < s->frames) {
                size_t n = s->next * s->channels + channel % s->channels;

                x = rint((int16_t)lduw_le_p(s->samples + 2 * n) * gain[channel]);
            }
            frames[2 * i + channel] = MAX(INT16_MIN, MIN(x, INT16_MAX));
        }
        s->next += s->next < s->frames;
    }
}

/* Finds the samples of a WAV file in memory. */
static bool adc_parse(CV1800BADC *s, const uint8_t *wav, size_t size, Error **errp)
{
    bool known = false;

    if (size < WAV_HEADER || memcmp(wav, "RIFF", 4) || memcmp(wav + 8, "WAVE", 4)) {
        error_setg(errp, "it is no WAV file");
        return false;
    }
    for (size_t at = WAV_HEADER; size - at >= WAV_CHUNK; ) {
        const uint8_t *chunk = wav + at;
        size_t length = MIN(ldl_le_p(chunk + 4), size - at - WAV_CHUNK);

        if (!memcmp(chunk, "fmt ", 4) && length >= 16) {
            s->channels = lduw_le_p(chunk + 10);
            s->wav_rate = ldl_le_p(chunk + 12);
            known = lduw_le_p(chunk + 8) == 1 && lduw_le_p(chunk + 22) == 16 &&
                    (s->channels == 1 || s->channels == 2) &&
                    s->wav_rate == 48000;
        } else if (!memcmp(chunk, "data", 4) && known) {
            s->samples = chunk + WAV_CHUNK;
            s->frames = length / 2 / s->channels;
            return true;
        }
        at += MIN(WAV_CHUNK + length + length % 2, size - at);
    }
    error_setg(errp, "it has no PCM of 16 bits, 48000 Hz, one or two channels");
    return false;
}

static void adc_set_file(Object *obj, const char *value, Error **errp)
{
    CV1800BADC *s = CV1800B_ADC(obj);
    g_autofree char *contents = NULL;
    g_autoptr(GError) failed = NULL;
    gsize size;

    s->frames = s->next = 0;
    g_clear_pointer(&s->contents, g_free);
    g_clear_pointer(&s->file, g_free);
    if (!*value) {
        return;                                 /* silence from now on */
    }
    if (!g_file_get_contents(value, &contents, &size, &failed)) {
        error_setg(errp, "microphone: %s", failed->message);
        return;
    }
    if (!adc_parse(s, (uint8_t *)contents, size, errp)) {
        error_prepend(errp, "microphone: %s: ", value);
        s->frames = 0;
        return;
    }
    s->contents = g_steal_pointer(&contents);
    s->file = g_strdup(value);
}

static char *adc_get_file(Object *obj, Error **errp)
{
    CV1800BADC *s = CV1800B_ADC(obj);

    return g_strdup(s->file ?: "");
}

/* Whether all of the file was heard. */
static bool adc_get_played(Object *obj, Error **errp)
{
    CV1800BADC *s = CV1800B_ADC(obj);

    return s->next == s->frames;
}

static void cv1800b_adc_init(Object *obj)
{
    object_property_add_str(obj, "microphone", adc_get_file, adc_set_file);
    object_property_add_bool(obj, "played", adc_get_played, NULL);
}

static void cv1800b_adc_finalize(Object *obj)
{
    CV1800BADC *s = CV1800B_ADC(obj);

    g_free(s->contents);
    g_free(s->file);
}

static void cv1800b_adc_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x100;
    c->modelled = true;
}

static const TypeInfo cv1800b_adc_types[] = {
    {
        .name = TYPE_CV1800B_ADC,
        .parent = TYPE_CV1800B_REGS,
        .instance_size = sizeof(CV1800BADC),
        .instance_init = cv1800b_adc_init,
        .instance_finalize = cv1800b_adc_finalize,
        .class_init = cv1800b_adc_class_init,
    },
};
DEFINE_TYPES(cv1800b_adc_types)
