/*
 * SOPHGO CV1800B: the pads' multiplexer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * A pad belongs to a GPIO port only while its register selects that function;
 * otherwise the port reads 0 from it and drives nothing. Modelled are the pads
 * that a Milk-V Duo leads to its header and its LED. Each is a property with
 * the pad's name: read, the level on the pad; set, the level that something
 * outside puts on it while no output drives it. Outside is a pull-up at first.
 */

#include "qemu/osdep.h"
#include "hw/irq.h"
#include "hw/qdev-properties.h"
#include "qapi/visitor.h"
#include "cv1800b.h"
#include "cv1800b_pinctrl.h"

#define FMUX_MASK   0x7
#define FMUX_GPIO   3

static const struct {
    const char *name;
    uint16_t fmux;          /* offset of the register that selects a function */
    uint8_t port;           /* A to D, and the RTC domain's: 0 to 4 */
    uint8_t line;
} cv1800b_pads[] = {
    { "SD0_PWR_EN",     0x01c, 0, 14 },
    { "SPK_EN",         0x020, 0, 15 },
    { "UART0_TX",       0x024, 0, 16 },
    { "UART0_RX",       0x028, 0, 17 },
    { "SPINOR_HOLD_X",  0x02c, 0, 26 },
    { "SPINOR_SCK",     0x030, 0, 22 },
    { "SPINOR_MOSI",    0x034, 0, 25 },
    { "SPINOR_WP_X",    0x038, 0, 27 },
    { "SPINOR_MISO",    0x03c, 0, 23 },
    { "SPINOR_CS_X",    0x040, 0, 24 },
    { "IIC0_SCL",       0x04c, 0, 28 },
    { "IIC0_SDA",       0x050, 0, 29 },
    { "SD1_GPIO1",      0x084, 4, 26 },
    { "SD1_GPIO0",      0x088, 4, 25 },
    { "SD1_D3",         0x08c, 4, 18 },
    { "SD1_D2",         0x090, 4, 19 },
    { "SD1_D1",         0x094, 4, 20 },
    { "SD1_D0",         0x098, 4, 21 },
    { "SD1_CMD",        0x09c, 4, 22 },
    { "SD1_CLK",        0x0a0, 4, 23 },
    { "ADC1",           0x0a8, 1, 3 },
    { "USB_VBUS_DET",   0x0ac, 1, 6 },
    { "AUD_AOUTR",      0x12c, 2, 24 },
};

#define PADS ARRAY_SIZE(cv1800b_pads)

typedef struct CV1800BPad {
    bool driven;            /* the port's line is an output */
    bool output;            /* the level that it would drive */
    bool outside;           /* the level that comes from outside */
} CV1800BPad;

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BPinctrl, CV1800B_PINCTRL)

struct CV1800BPinctrl {
    CV1800BRegs parent_obj;

    CV1800BPad pads[PADS];
    qemu_irq inputs[PADS];  /* to the ports */
};

static bool cv1800b_pad_is_gpio(CV1800BPinctrl *s, int pad)
{
    return (cv1800b_regs_get(CV1800B_REGS(s), cv1800b_pads[pad].fmux) &
            FMUX_MASK) == FMUX_GPIO;
}

static bool cv1800b_pad_level(CV1800BPinctrl *s, int pad)
{
    return s->pads[pad].driven && cv1800b_pad_is_gpio(s, pad)
           ? s->pads[pad].output : s->pads[pad].outside;
}

static void cv1800b_pad_update(CV1800BPinctrl *s, int pad)
{
    qemu_set_irq(s->inputs[pad],
                 cv1800b_pad_is_gpio(s, pad) && cv1800b_pad_level(s, pad));
}

static void cv1800b_pad_set_driven(void *opaque, int pad, int level)
{
    CV1800BPinctrl *s = opaque;

    s->pads[pad].driven = level;
    cv1800b_pad_update(s, pad);
}

static void cv1800b_pad_set_output(void *opaque, int pad, int level)
{
    CV1800BPinctrl *s = opaque;

    s->pads[pad].output = level;
    cv1800b_pad_update(s, pad);
}

static int cv1800b_pad_find(const char *name)
{
    for (int pad = 0; pad < PADS; pad++) {
        if (!strcmp(cv1800b_pads[pad].name, name)) {
            return pad;
        }
    }
    g_assert_not_reached();
}

static void cv1800b_pad_get(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    bool level = cv1800b_pad_level(CV1800B_PINCTRL(obj), cv1800b_pad_find(name));

    visit_type_bool(v, name, &level, errp);
}

static void cv1800b_pad_set(Object *obj, Visitor *v, const char *name,
                            void *opaque, Error **errp)
{
    CV1800BPinctrl *s = CV1800B_PINCTRL(obj);
    int pad = cv1800b_pad_find(name);

    if (visit_type_bool(v, name, &s->pads[pad].outside, errp)) {
        cv1800b_pad_update(s, pad);
    }
}

static void cv1800b_pinctrl_write(CV1800BRegs *r, hwaddr offset, uint32_t value)
{
    for (int pad = 0; pad < PADS; pad++) {
        if (cv1800b_pads[pad].fmux == offset) {
            cv1800b_pad_update(CV1800B_PINCTRL(r), pad);
        }
    }
}

/* Connects the pads with the ports, A to D and the RTC domain's. */
void cv1800b_pinctrl_connect(CV1800BRegs *pinctrl, DeviceState *ports[5])
{
    DeviceState *dev = DEVICE(pinctrl);

    for (int pad = 0; pad < PADS; pad++) {
        DeviceState *port = ports[cv1800b_pads[pad].port];
        int line = cv1800b_pads[pad].line;

        qdev_connect_gpio_out_named(dev, "in", pad,
                                    qdev_get_gpio_in_named(port, "in", line));
        qdev_connect_gpio_out_named(port, "out", line,
                                    qdev_get_gpio_in_named(dev, "out", pad));
        qdev_connect_gpio_out_named(port, "direction", line,
                                    qdev_get_gpio_in_named(dev, "direction", pad));
    }
}

static void cv1800b_pinctrl_init(Object *obj)
{
    CV1800BPinctrl *s = CV1800B_PINCTRL(obj);
    DeviceState *dev = DEVICE(obj);

    qdev_init_gpio_out_named(dev, s->inputs, "in", PADS);
    qdev_init_gpio_in_named(dev, cv1800b_pad_set_output, "out", PADS);
    qdev_init_gpio_in_named(dev, cv1800b_pad_set_driven, "direction", PADS);
    for (int pad = 0; pad < PADS; pad++) {
        s->pads[pad].outside = true;
        object_property_add(obj, cv1800b_pads[pad].name, "bool",
                            cv1800b_pad_get, cv1800b_pad_set, NULL, NULL);
    }
}

static void cv1800b_pinctrl_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x1000;
    c->modelled = true;
    c->write = cv1800b_pinctrl_write;
}

static const TypeInfo cv1800b_pinctrl_types[] = {
    {
        .name = TYPE_CV1800B_PINCTRL,
        .parent = TYPE_CV1800B_REGS,
        .instance_size = sizeof(CV1800BPinctrl),
        .instance_init = cv1800b_pinctrl_init,
        .class_init = cv1800b_pinctrl_class_init,
    },
};
DEFINE_TYPES(cv1800b_pinctrl_types)
