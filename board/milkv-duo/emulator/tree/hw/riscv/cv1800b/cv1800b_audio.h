/*
 * SOPHGO CV1800B: what its blocks for sound have to do with each other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#ifndef HW_RISCV_CV1800B_AUDIO_H
#define HW_RISCV_CV1800B_AUDIO_H

#include "cv1800b_regs.h"

/* The rate in Hz of SDMA_AUD0 to SDMA_AUD3, which the I2S blocks divide. */
uint32_t cv1800b_clk_sdma_aud(CV1800BRegs *clk, int n);

/* The rate in Hz of the clock that an I2S block gives to others; 0: none. */
uint32_t cv1800b_i2s_mclk_out(DeviceState *dev);

/*
 * The microphone's converter: how many frames a second it gives with a clock of
 * that many Hz, 0 while it is off; and these, left and right.
 */
uint32_t cv1800b_adc_rate(DeviceState *dev, uint32_t mclk);
void cv1800b_adc_read(DeviceState *dev, int16_t *frames, unsigned count);

/* Whether the loudspeaker's converter takes samples. */
bool cv1800b_dac_on(DeviceState *dev);

#endif
