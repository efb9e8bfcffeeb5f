/*
 * SOPHGO CV1800B, a system on chip: one T-Head C906 for Linux, 64 MiB of memory
 * in the package.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names are those of the chip's Technical Reference Manual, offsets in bytes.
 */

#ifndef HW_RISCV_CV1800B_H
#define HW_RISCV_CV1800B_H

#include "hw/riscv/riscv_hart.h"
#include "hw/sysbus.h"
#include "cv1800b_regs.h"

#define TYPE_CV1800B        "cv1800b"
OBJECT_DECLARE_SIMPLE_TYPE(CV1800BState, CV1800B)

#define CV1800B_ROM_BASE    0x04400000  /* stands for boot ROM and first boot stage */
#define CV1800B_ROM_SIZE    0x10000
#define CV1800B_RAM_BASE    0x80000000

/* The PLIC's number of an interrupt of a peripheral. */
#define CV1800B_IRQ(n)      ((n) + 16)

/* Request lines of peripherals, and channels that serve them. */
#define CV1800B_DMA_REQUESTS    43
#define CV1800B_DMA_CHANNELS    8

struct CV1800BState {
    DeviceState parent_obj;

    RISCVHartArrayState cpus;
    DeviceState *plic;
    MemoryRegion rom;
    MemoryRegion sram;
    MemoryRegion rtc_sram;
};

/* The types of devices; each has its file. */
#define TYPE_CV1800B_ADC        "cv1800b-adc"
#define TYPE_CV1800B_CLK        "cv1800b-clk"
#define TYPE_CV1800B_DAC        "cv1800b-dac"
#define TYPE_CV1800B_I2S        "cv1800b-i2s"
#define TYPE_CV1800B_PINCTRL    "cv1800b-pinctrl"
#define TYPE_CV1800B_RST        "cv1800b-rst"
#define TYPE_CV1800B_RTC        "cv1800b-rtc"
#define TYPE_CV1800B_SARADC     "cv1800b-saradc"
#define TYPE_CV1800B_SDHCI      "cv1800b-sdhci"
#define TYPE_CV1800B_TOP        "cv1800b-top"
#define TYPE_DW_APB_GPIO        "dw-apb-gpio"
#define TYPE_DW_APB_UART        "dw-apb-uart"
#define TYPE_DW_APB_WDT         "dw-apb-wdt"
#define TYPE_DW_AXI_DMAC        "dw-axi-dmac"

#endif
