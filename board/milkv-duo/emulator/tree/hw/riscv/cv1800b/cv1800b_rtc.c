/*
 * SOPHGO CV1800B: the real-time clock's domain, RTCSYS_CTRL at offset 0 and
 * RTCSYS_CORE at 0x1000.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Modelled are the seconds, the alarm, and the ways to switch off and to start
 * again. The domain outlives a reset of the chip, and forgets without power:
 * the seconds start at 0.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "hw/irq.h"
#include "system/system.h"
#include "system/runstate.h"
#include "cv1800b.h"

#define RTC_CTRL_UNLOCKKEY      0x0004
#define   UNLOCKKEY             0xab18
#define RTC_CTRL0               0x0008
#define   REQ_SHDN              BIT(0)
#define   REQ_PWR_CYC           BIT(3)
#define   REQ_WARM_RST          BIT(4)
#define RTC_ALARM_TIME          0x1008
#define RTC_ALARM_ENABLE        0x100c
#define RTC_SET_SEC_CNTR_VALUE  0x1010
#define RTC_SET_SEC_CNTR_TRIG   0x1014
#define RTC_SEC_CNTR_VALUE      0x1018

OBJECT_DECLARE_SIMPLE_TYPE(CV1800BRtc, CV1800B_RTC)

struct CV1800BRtc {
    CV1800BRegs parent_obj;

    qemu_irq irq;
    QEMUTimer *alarm;
    int64_t offset;         /* seconds between the host's clock and this one */
};

static int64_t cv1800b_rtc_host(void)
{
    return qemu_clock_get_ns(rtc_clock) / NANOSECONDS_PER_SECOND;
}

static void cv1800b_rtc_set_alarm(CV1800BRtc *s)
{
    CV1800BRegs *r = CV1800B_REGS(s);

    qemu_irq_lower(s->irq);
    if (cv1800b_regs_get(r, RTC_ALARM_ENABLE) & 1) {
        timer_mod(s->alarm, (cv1800b_regs_get(r, RTC_ALARM_TIME) - s->offset) *
                            NANOSECONDS_PER_SECOND);
    } else {
        timer_del(s->alarm);
    }
}

static void cv1800b_rtc_alarm(void *opaque)
{
    qemu_irq_raise(CV1800B_RTC(opaque)->irq);
}

static uint32_t cv1800b_rtc_read(CV1800BRegs *r, hwaddr offset, uint32_t value)
{
    return offset == RTC_SEC_CNTR_VALUE
           ? cv1800b_rtc_host() + CV1800B_RTC(r)->offset : value;
}

static void cv1800b_rtc_write(CV1800BRegs *r, hwaddr offset, uint32_t value)
{
    CV1800BRtc *s = CV1800B_RTC(r);

    switch (offset) {
    case RTC_CTRL0:
        if (cv1800b_regs_get(r, RTC_CTRL_UNLOCKKEY) != UNLOCKKEY) {
            break;
        }
        if (value & REQ_SHDN) {
            qemu_system_shutdown_request(SHUTDOWN_CAUSE_GUEST_SHUTDOWN);
        } else if (value & (REQ_PWR_CYC | REQ_WARM_RST)) {
            qemu_system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
        }
        break;
    case RTC_ALARM_TIME:
    case RTC_ALARM_ENABLE:
        cv1800b_rtc_set_alarm(s);
        break;
    case RTC_SET_SEC_CNTR_TRIG:
        if (value & 1) {
            s->offset = (int64_t)cv1800b_regs_get(r, RTC_SET_SEC_CNTR_VALUE) -
                        cv1800b_rtc_host();
            cv1800b_rtc_set_alarm(s);
        }
        break;
    }
}

static void cv1800b_rtc_reset(CV1800BRegs *r)
{
    cv1800b_rtc_set_alarm(CV1800B_RTC(r));
}

static void cv1800b_rtc_init(Object *obj)
{
    CV1800BRtc *s = CV1800B_RTC(obj);

    s->offset = -cv1800b_rtc_host();
    s->alarm = timer_new_ns(rtc_clock, cv1800b_rtc_alarm, s);
    sysbus_init_irq(SYS_BUS_DEVICE(obj), &s->irq);
}

static void cv1800b_rtc_class_init(ObjectClass *klass, void *data)
{
    CV1800BRegsClass *c = CV1800B_REGS_CLASS(klass);

    c->size = 0x2000;
    c->modelled = true;
    c->read = cv1800b_rtc_read;
    c->write = cv1800b_rtc_write;
    c->reset = cv1800b_rtc_reset;
}

static const TypeInfo cv1800b_rtc_types[] = {
    {
        .name = TYPE_CV1800B_RTC,
        .parent = TYPE_CV1800B_REGS,
        .instance_size = sizeof(CV1800BRtc),
        .instance_init = cv1800b_rtc_init,
        .class_init = cv1800b_rtc_class_init,
    },
};
DEFINE_TYPES(cv1800b_rtc_types)
