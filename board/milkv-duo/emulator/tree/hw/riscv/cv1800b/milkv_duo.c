/*
 * Milk-V Duo: a board with the CV1800B, 64 MiB, a microSD card, an LED and a
 * header of 26 pins.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The machine starts behind the vendor's first boot stage, which sets up the
 * memory: -bios is what that stage calls the monitor (OpenSBI), -kernel its
 * loader (U-Boot), -dtb a device tree for an OpenSBI that has none of its own.
 *
 * The pins are properties of /machine, GP0 to GP27 as the board's print has
 * them, and "led": qom-get reads the level, qom-set is a wire from outside. The
 * machine's audiodev plays what an I2S amplifier on the pads for Ethernet would,
 * /machine/soc/adc's property "microphone" is what is said to the board.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/units.h"
#include "qapi/error.h"
#include "hw/boards.h"
#include "hw/loader.h"
#include "hw/qdev-properties.h"
#include "hw/qdev-properties-system.h"
#include "hw/riscv/boot.h"
#include "hw/sd/sd.h"
#include "exec/address-spaces.h"
#include "system/blockdev.h"
#include "system/device_tree.h"
#include "system/system.h"
#include "target/riscv/cpu.h"
#include "cv1800b.h"

#define LOADER_BASE     (CV1800B_RAM_BASE + 2 * MiB)
/* The vendor's RTOS for the second core has the memory from here on. */
#define LINUX_SIZE      0x03f40000

#define TYPE_MILKV_DUO_MACHINE MACHINE_TYPE_NAME("milkv-duo")
OBJECT_DECLARE_SIMPLE_TYPE(MilkvDuoState, MILKV_DUO_MACHINE)

struct MilkvDuoState {
    MachineState parent_obj;

    CV1800BState soc;
    Notifier machine_done;
};

static const struct {
    const char *pin;
    const char *pad;
} milkv_duo_pins[] = {
    { "GP0", "IIC0_SCL" },
    { "GP1", "IIC0_SDA" },
    { "GP2", "SD1_GPIO1" },
    { "GP3", "SD1_GPIO0" },
    { "GP4", "SD1_D2" },
    { "GP5", "SD1_D1" },
    { "GP6", "SD1_CLK" },
    { "GP7", "SD1_CMD" },
    { "GP8", "SD1_D0" },
    { "GP9", "SD1_D3" },
    { "GP12", "UART0_TX" },
    { "GP13", "UART0_RX" },
    { "GP14", "SD0_PWR_EN" },
    { "GP15", "SPK_EN" },
    { "GP16", "SPINOR_MISO" },
    { "GP17", "SPINOR_CS_X" },
    { "GP18", "SPINOR_SCK" },
    { "GP19", "SPINOR_MOSI" },
    { "GP20", "SPINOR_WP_X" },
    { "GP21", "SPINOR_HOLD_X" },
    { "GP26", "ADC1" },
    { "GP27", "USB_VBUS_DET" },
    { "led", "AUD_AOUTR" },
};

/*
 * What the first boot stage leaves behind: T-Head's extensions and memory types
 * on, then the monitor, which is told of the loader in OpenSBI's way.
 */
static void milkv_duo_load_rom(MilkvDuoState *s, hwaddr loader, hwaddr fdt)
{
    uint32_t code[] = {
        0x006382b7,     /* lui   t0, 0x638        MAEE, THEADISAEE, ... */
        0x7c029073,     /* csrw  th.mxstatus, t0 */
        0x00000297,     /* auipc t0, 0 */
        0x02828613,     /* addi  a2, t0, 40       OpenSBI's fw_dynamic_info */
        0xf1402573,     /* csrr  a0, mhartid */
        0x0202b583,     /* ld    a1, 32(t0) */
        0x0182b283,     /* ld    t0, 24(t0) */
        0x00028067,     /* jr    t0 */
        CV1800B_RAM_BASE, 0,
        fdt, 0,
    };

    for (int i = 0; i < ARRAY_SIZE(code); i++) {
        code[i] = cpu_to_le32(code[i]);
    }
    rom_add_blob_fixed_as("milkv-duo.rom", code, sizeof(code), CV1800B_ROM_BASE,
                          &address_space_memory);
    riscv_rom_copy_firmware_info(MACHINE(s), &s->soc.cpus, CV1800B_ROM_BASE,
                                 CV1800B_ROM_SIZE, sizeof(code), loader);
}

static void milkv_duo_machine_done(Notifier *notifier, void *data)
{
    MilkvDuoState *s = container_of(notifier, MilkvDuoState, machine_done);
    MachineState *ms = MACHINE(s);
    RISCVBootInfo info;
    hwaddr fdt = 0;

    riscv_boot_info_init(&info, &s->soc.cpus);
    info.image_low_addr = LOADER_BASE;
    if (ms->firmware && strcmp(ms->firmware, "none")) {
        g_autofree char *name = riscv_find_firmware(ms->firmware, NULL);
        hwaddr base = CV1800B_RAM_BASE;

        riscv_load_firmware(name, &base, NULL);
    }
    if (ms->kernel_filename) {
        riscv_load_kernel(ms, &info, LOADER_BASE, true, NULL);
    }
    if (ms->fdt) {
        fdt = riscv_compute_fdt_addr(CV1800B_RAM_BASE, LINUX_SIZE, ms, &info);
        riscv_load_fdt(fdt, ms->fdt);
    }
    milkv_duo_load_rom(s, info.image_low_addr, fdt);
}

static void milkv_duo_insert_card(MilkvDuoState *s)
{
    DriveInfo *drive = drive_get(IF_SD, 0, 0);
    Object *sd = object_resolve_path_component(OBJECT(&s->soc), "sd0");
    DeviceState *host = DEVICE(object_resolve_path_component(sd, "sdhci"));

    if (drive) {
        DeviceState *card = qdev_new(TYPE_SD_CARD);

        qdev_prop_set_drive_err(card, "drive", blk_by_legacy_dinfo(drive),
                                &error_fatal);
        qdev_realize_and_unref(card, qdev_get_child_bus(host, "sd-bus"),
                               &error_fatal);
    }
}

static void milkv_duo_init(MachineState *ms)
{
    MilkvDuoState *s = MILKV_DUO_MACHINE(ms);
    MachineClass *mc = MACHINE_GET_CLASS(ms);
    Object *pinctrl;
    int size;

    if (ms->ram_size != mc->default_ram_size) {
        error_report("the Duo has 64 MiB of memory, in the chip's package");
        exit(1);
    }
    memory_region_add_subregion(get_system_memory(), CV1800B_RAM_BASE, ms->ram);

    object_initialize_child(OBJECT(s), "soc", &s->soc, TYPE_CV1800B);
    object_property_set_str(OBJECT(&s->soc), "cpu-type", ms->cpu_type,
                            &error_abort);
    qdev_realize(DEVICE(&s->soc), NULL, &error_fatal);

    pinctrl = object_resolve_path_component(OBJECT(&s->soc), "pinctrl");
    for (int i = 0; i < ARRAY_SIZE(milkv_duo_pins); i++) {
        object_property_add_alias(OBJECT(s), milkv_duo_pins[i].pin, pinctrl,
                                  milkv_duo_pins[i].pad);
    }
    milkv_duo_insert_card(s);

    if (ms->dtb) {
        ms->fdt = load_device_tree(ms->dtb, &size);
        if (!ms->fdt) {
            error_report("cannot load the device tree %s", ms->dtb);
            exit(1);
        }
    }
    s->machine_done.notify = milkv_duo_machine_done;
    qemu_add_machine_init_done_notifier(&s->machine_done);
}

static void milkv_duo_class_init(ObjectClass *klass, void *data)
{
    MachineClass *mc = MACHINE_CLASS(klass);
    static const char * const cpus[] = { TYPE_RISCV_CPU_THEAD_C906, NULL };

    mc->desc = "Milk-V Duo (64 MiB), SOPHGO CV1800B";
    mc->init = milkv_duo_init;
    mc->max_cpus = 1;
    mc->default_cpu_type = TYPE_RISCV_CPU_THEAD_C906;
    mc->valid_cpu_types = cpus;
    mc->default_ram_id = "milkv-duo.ram";
    mc->default_ram_size = 64 * MiB;
    mc->block_default_type = IF_SD;
    machine_add_audiodev_property(mc);
}

static const TypeInfo milkv_duo_types[] = {
    {
        .name = TYPE_MILKV_DUO_MACHINE,
        .parent = TYPE_MACHINE,
        .instance_size = sizeof(MilkvDuoState),
        .class_init = milkv_duo_class_init,
    },
};
DEFINE_TYPES(milkv_duo_types)
