/*
 * SOPHGO CV1800B: the pads' multiplexer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_RISCV_CV1800B_PINCTRL_H
#define HW_RISCV_CV1800B_PINCTRL_H

#include "cv1800b_regs.h"

/* Connects the pads with the GPIO ports A to D and the RTC domain's. */
void cv1800b_pinctrl_connect(CV1800BRegs *pinctrl, DeviceState *ports[5]);

#endif
