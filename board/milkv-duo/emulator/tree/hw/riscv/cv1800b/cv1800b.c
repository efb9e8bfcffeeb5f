/*
 * SOPHGO CV1800B, a system on chip: its parts and where they are.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The second core, which runs no Linux, and what neither the vendor's U-Boot
 * nor Linux needs from power-on to a story is not there: reads give 0, and
 * -d unimp tells of them.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/boards.h"
#include "hw/intc/riscv_aclint.h"
#include "hw/intc/sifive_plic.h"
#include "hw/misc/unimp.h"
#include "hw/qdev-properties.h"
#include "hw/usb/hcd-dwc2.h"
#include "exec/address-spaces.h"
#include "system/system.h"
#include "target/riscv/cpu.h"
#include "cv1800b.h"
#include "cv1800b_pinctrl.h"

#define TIMEBASE_HZ 25000000

/* Blocks that are registers and nothing else. */
static const struct {
    const char *type;
    const char *name;
    hwaddr base;
    uint32_t size;      /* 0: the type's own */
} cv1800b_blocks[] = {
    { TYPE_CV1800B_TOP,     "top",          0x03000000, 0 },
    { TYPE_CV1800B_CLK,     "clk",          0x03002000, 0 },
    { TYPE_CV1800B_RST,     "rst",          0x03003000, 0 },
    { TYPE_CV1800B_REGS,    "usb-phy",      0x03006000, 0x1000 },
    { TYPE_CV1800B_REGS,    "ephy",         0x03009000, 0x1000 },
    { TYPE_CV1800B_DAC,     "dac",          0x0300a000, 0 },
    { TYPE_CV1800B_ADC,     "adc",          0x0300a100, 0 },
    { TYPE_CV1800B_REGS,    "i2s-global",   0x04108000, 0x1000 },
    { TYPE_CV1800B_REGS,    "rtc-pinctrl",  0x05027000, 0x1000 },
};

static qemu_irq cv1800b_irq(CV1800BState *s, int n)
{
    return qdev_get_gpio_in(s->plic, CV1800B_IRQ(n));
}

/* Puts a device at its address and connects its first interrupt. */
static DeviceState *cv1800b_place(CV1800BState *s, DeviceState *dev,
                                  const char *name, hwaddr base, int irq)
{
    object_property_add_child(OBJECT(s), name, OBJECT(dev));
    sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
    sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, base);
    sysbus_connect_irq(SYS_BUS_DEVICE(dev), 0, cv1800b_irq(s, irq));
    return dev;
}

static void cv1800b_cpu_realize(CV1800BState *s)
{
    object_property_set_int(OBJECT(&s->cpus), "num-harts", 1, &error_abort);
    object_property_set_int(OBJECT(&s->cpus), "resetvec", CV1800B_ROM_BASE,
                            &error_abort);
    sysbus_realize(SYS_BUS_DEVICE(&s->cpus), &error_fatal);

    /* The C900's PLIC, for M and S; 101 sources, and none of number 0. */
    s->plic = sifive_plic_create(0x70000000, (char *)"MS", 1, 0, 102, 31,
                                 0x0, 0x1000, 0x2000, 0x80, 0x200000, 0x1000,
                                 0x4000000);
    /* Its CLINT has no register of the time: there is the CSR alone. */
    riscv_aclint_swi_create(0x74000000, 0, 1, false);
    riscv_aclint_mtimer_create(0x74004000, 0x8000, 0, 1, 0, 0x7ff8, TIMEBASE_HZ,
                               true);
}

static void cv1800b_memory_realize(CV1800BState *s)
{
    MemoryRegion *system = get_system_memory();

    memory_region_init_rom(&s->rom, OBJECT(s), "cv1800b.rom", CV1800B_ROM_SIZE,
                           &error_fatal);
    memory_region_add_subregion(system, CV1800B_ROM_BASE, &s->rom);
    memory_region_init_ram(&s->sram, OBJECT(s), "cv1800b.sram", 0x20000,
                           &error_fatal);
    memory_region_add_subregion(system, 0x0e000000, &s->sram);
    memory_region_init_ram(&s->rtc_sram, OBJECT(s), "cv1800b.rtc-sram", 0x4000,
                           &error_fatal);
    memory_region_add_subregion(system, 0x05200000, &s->rtc_sram);
    create_unimplemented_device("cv1800b", 0x01000000, 0x3f000000);
}

static void cv1800b_gpio_realize(CV1800BState *s)
{
    static const struct {
        const char *name;
        hwaddr base;
        int irq;
    } ports[] = {
        { "gpioa", 0x03020000, 44 },
        { "gpiob", 0x03021000, 45 },
        { "gpioc", 0x03022000, 46 },
        { "gpiod", 0x03023000, 47 },
        { "rtc-gpio", 0x05021000, 54 },
    };
    DeviceState *devs[ARRAY_SIZE(ports)];

    for (int i = 0; i < ARRAY_SIZE(ports); i++) {
        devs[i] = cv1800b_place(s, qdev_new(TYPE_DW_APB_GPIO), ports[i].name,
                                ports[i].base, ports[i].irq);
    }
    cv1800b_pinctrl_connect(cv1800b_regs_create(OBJECT(s), TYPE_CV1800B_PINCTRL,
                                                "pinctrl", 0x03001000, 0),
                            devs);
}

static void cv1800b_uart_realize(CV1800BState *s)
{
    static const struct {
        hwaddr base;
        int irq;
    } uarts[] = {
        { 0x04140000, 28 },
        { 0x04150000, 29 },
        { 0x04160000, 30 },
        { 0x04170000, 31 },
        { 0x041c0000, 32 },
    };

    for (int i = 0; i < ARRAY_SIZE(uarts); i++) {
        g_autofree char *name = g_strdup_printf("uart%d", i);
        DeviceState *dev = qdev_new(TYPE_DW_APB_UART);

        qdev_prop_set_chr(dev, "chardev", serial_hd(i));
        cv1800b_place(s, dev, name, uarts[i].base, uarts[i].irq);
    }
}

static void cv1800b_usb_realize(CV1800BState *s)
{
    DeviceState *dev = qdev_new(TYPE_DWC2_USB);

    object_property_add_const_link(OBJECT(dev), "dma-mr",
                                   OBJECT(get_system_memory()));
    cv1800b_place(s, dev, "usb", 0x04340000, 14);
}

static Object *cv1800b_part(CV1800BState *s, const char *name)
{
    return object_resolve_path_component(OBJECT(s), name);
}

static void cv1800b_link(CV1800BState *s, DeviceState *dev, const char *name)
{
    object_property_set_link(OBJECT(dev), name, cv1800b_part(s, name),
                             &error_abort);
}

/*
 * I2S3 makes the clock of both converters and plays on one of them, I2S0 takes
 * what the other one gives, I2S2 is on the pads for Ethernet. Each has two lines
 * to ask for DMA, the first of which is for receiving.
 */
static void cv1800b_audio_realize(CV1800BState *s)
{
    static const struct {
        const char *name;
        int number;
        hwaddr base;
    } blocks[] = {
        { "i2s3", 3, 0x04130000 },
        { "i2s2", 2, 0x04120000 },
        { "i2s0", 0, 0x04100000 },
    };
    DeviceState *top = DEVICE(cv1800b_part(s, "top"));
    DeviceState *dmac = cv1800b_place(s, qdev_new(TYPE_DW_AXI_DMAC), "dmac",
                                      0x04330000, 13);

    for (int i = 0; i < CV1800B_DMA_CHANNELS; i++) {
        qdev_connect_gpio_out(top, i, qdev_get_gpio_in(dmac, i));
    }
    for (int i = 0; i < ARRAY_SIZE(blocks); i++) {
        DeviceState *dev = qdev_new(TYPE_CV1800B_I2S);
        int n = blocks[i].number;

        qdev_prop_set_uint8(dev, "number", n);
        cv1800b_link(s, dev, "clk");
        switch (n) {
        case 0:
            cv1800b_link(s, dev, "adc");
            object_property_set_link(OBJECT(dev), "clock",
                                     cv1800b_part(s, "i2s3"), &error_abort);
            break;
        case 2:
            cv1800b_link(s, dev, "pinctrl");
            cv1800b_link(s, dev, "ephy");
            if (current_machine->audiodev) {
                qdev_prop_set_string(dev, "audiodev", current_machine->audiodev);
            }
            break;
        case 3:
            cv1800b_link(s, dev, "dac");
            break;
        }
        object_property_add_child(OBJECT(s), blocks[i].name, OBJECT(dev));
        sysbus_realize_and_unref(SYS_BUS_DEVICE(dev), &error_fatal);
        sysbus_mmio_map(SYS_BUS_DEVICE(dev), 0, blocks[i].base);
        qdev_connect_gpio_out_named(dev, "rx", 0, qdev_get_gpio_in(top, 2 * n));
        qdev_connect_gpio_out_named(dev, "tx", 0,
                                    qdev_get_gpio_in(top, 2 * n + 1));
    }
}

static void cv1800b_realize(DeviceState *dev, Error **errp)
{
    CV1800BState *s = CV1800B(dev);

    cv1800b_cpu_realize(s);
    cv1800b_memory_realize(s);
    for (int i = 0; i < ARRAY_SIZE(cv1800b_blocks); i++) {
        cv1800b_regs_create(OBJECT(s), cv1800b_blocks[i].type,
                            cv1800b_blocks[i].name, cv1800b_blocks[i].base,
                            cv1800b_blocks[i].size);
    }
    cv1800b_gpio_realize(s);
    cv1800b_uart_realize(s);
    cv1800b_usb_realize(s);
    cv1800b_audio_realize(s);
    cv1800b_place(s, qdev_new(TYPE_DW_APB_WDT), "wdt", 0x03010000, 42);
    cv1800b_place(s, qdev_new(TYPE_CV1800B_SARADC), "saradc", 0x030f0000, 84);
    cv1800b_place(s, qdev_new(TYPE_CV1800B_SDHCI), "sd0", 0x04310000, 20);
    cv1800b_place(s, qdev_new(TYPE_CV1800B_RTC), "rtc", 0x05025000, 1);
}

static void cv1800b_init(Object *obj)
{
    CV1800BState *s = CV1800B(obj);

    object_initialize_child(obj, "cpus", &s->cpus, TYPE_RISCV_HART_ARRAY);
    object_property_add_alias(obj, "cpu-type", OBJECT(&s->cpus), "cpu-type");
}

static void cv1800b_class_init(ObjectClass *klass, void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = cv1800b_realize;
    dc->user_creatable = false;     /* it is a whole machine's centre */
}

static const TypeInfo cv1800b_types[] = {
    {
        .name = TYPE_CV1800B,
        .parent = TYPE_DEVICE,
        .instance_size = sizeof(CV1800BState),
        .instance_init = cv1800b_init,
        .class_init = cv1800b_class_init,
    },
};
DEFINE_TYPES(cv1800b_types)
