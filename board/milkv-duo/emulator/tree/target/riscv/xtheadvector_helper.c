/*
 * XTheadVector, T-Head's vector unit after version 0.7.1 of the draft: what is
 * not like version 1.0. See insn_trans/trans_xtheadvector.c.inc.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "cpu.h"
#include "exec/cpu_ldst.h"
#include "exec/exec-all.h"
#include "exec/helper-proto.h"
#include "vector_internals.h"

/* The fields of an instruction. */
static int field_vd(uint32_t insn)  { return extract32(insn, 7, 5); }
static int field_vs1(uint32_t insn) { return extract32(insn, 15, 5); }
static int field_vs2(uint32_t insn) { return extract32(insn, 20, 5); }
static bool field_masked(uint32_t insn) { return !extract32(insn, 25, 1); }

/* log2 of an element's bytes */
static int th_sew(CPURISCVState *env)
{
    return FIELD_EX64(env->vtype, VTYPE, VSEW);
}

static int th_lmul(CPURISCVState *env)
{
    return 1 << FIELD_EX64(env->vtype, VTYPE, VLMUL);
}

static int th_vlmax(CPURISCVState *env)
{
    return (env_archcpu(env)->cfg.vlenb >> th_sew(env)) * th_lmul(env);
}

static void *th_reg(CPURISCVState *env, int reg)
{
    return (uint8_t *)env->vreg + reg * env_archcpu(env)->cfg.vlenb;
}

static uint64_t th_get(CPURISCVState *env, int reg, int i)
{
    void *v = th_reg(env, reg);

    switch (th_sew(env)) {
    case MO_8: return ((uint8_t *)v)[H1(i)];
    case MO_16: return ((uint16_t *)v)[H2(i)];
    case MO_32: return ((uint32_t *)v)[H4(i)];
    default: return ((uint64_t *)v)[i];
    }
}

static void th_set(CPURISCVState *env, int reg, int i, uint64_t x)
{
    void *v = th_reg(env, reg);

    switch (th_sew(env)) {
    case MO_8: ((uint8_t *)v)[H1(i)] = x; break;
    case MO_16: ((uint16_t *)v)[H2(i)] = x; break;
    case MO_32: ((uint32_t *)v)[H4(i)] = x; break;
    default: ((uint64_t *)v)[i] = x; break;
    }
}

static void th_zero_tail(CPURISCVState *env, int reg, int from)
{
    for (int i = from; i < th_vlmax(env); i++) {
        th_set(env, reg, i, 0);
    }
}

/* The bits of a mask that belong to an element; the lowest is its value. */
static int th_mlen(CPURISCVState *env)
{
    return (8 << th_sew(env)) / th_lmul(env);
}

static bool th_mask(CPURISCVState *env, int reg, int i)
{
    return vext_elem_mask(th_reg(env, reg), i * th_mlen(env));
}

static bool th_active(CPURISCVState *env, uint32_t insn, int i)
{
    return !field_masked(insn) || th_mask(env, 0, i);
}

typedef struct {
    uint64_t bits[RV_VLEN_MAX / 64];
} ThMask;

/* Reads a mask of VLMAX elements in 1.0's layout. */
static ThMask th_packed(CPURISCVState *env, int reg)
{
    ThMask m = { };

    for (int i = 0; i < th_vlmax(env); i++) {
        m.bits[i / 64] |= (uint64_t)th_mask(env, reg, i) << i % 64;
    }
    return m;
}

static bool th_packed_get(const ThMask *m, int i)
{
    return m->bits[i / 64] >> i % 64 & 1;
}

static void th_packed_set(ThMask *m, int i, bool x)
{
    m->bits[i / 64] = deposit64(m->bits[i / 64], i % 64, 1, x);
}

/* Writes a mask of vl elements from 1.0's layout; those behind become 0. */
static void th_spread(CPURISCVState *env, int reg, const ThMask *m)
{
    uint64_t *v = th_reg(env, reg);

    memset(v, 0, env_archcpu(env)->cfg.vlenb);
    for (int i = 0; i < env->vl; i++) {
        int bit = i * th_mlen(env);

        v[bit / 64] |= (uint64_t)th_packed_get(m, i) << bit % 64;
    }
}

void HELPER(th_pack_v0)(CPURISCVState *env)
{
    ThMask m = th_packed(env, 0);

    memcpy(env->th_v0, m.bits, env_archcpu(env)->cfg.vlenb);
}

void HELPER(th_pack)(CPURISCVState *env, uint32_t reg)
{
    ThMask m = th_packed(env, reg);

    memcpy(th_reg(env, reg), m.bits, env_archcpu(env)->cfg.vlenb);
}

void HELPER(th_spread)(CPURISCVState *env, uint32_t reg)
{
    ThMask m = { };

    memcpy(m.bits, th_reg(env, reg), env_archcpu(env)->cfg.vlenb);
    th_spread(env, reg, &m);
}

/* vmand.mm and its seven like. */
void HELPER(th_vmlogic)(CPURISCVState *env, uint32_t insn)
{
    ThMask a = th_packed(env, field_vs2(insn));
    ThMask b = th_packed(env, field_vs1(insn));

    for (int i = 0; i < ARRAY_SIZE(a.bits); i++) {
        uint64_t x = a.bits[i], y = b.bits[i];

        switch (extract32(insn, 26, 3)) {
        case 0: x = x & ~y; break;
        case 1: x = x & y; break;
        case 2: x = x | y; break;
        case 3: x = x ^ y; break;
        case 4: x = x | ~y; break;
        case 5: x = ~(x & y); break;
        case 6: x = ~(x | y); break;
        case 7: x = ~(x ^ y); break;
        }
        a.bits[i] = x;
    }
    th_spread(env, field_vd(insn), &a);
    env->vstart = 0;
}

/* vmpopc.m: how many; vmfirst.m: which is the first, or -1. */
target_ulong HELPER(th_vmcount)(CPURISCVState *env, uint32_t insn)
{
    target_ulong n = 0;

    env->vstart = 0;
    for (int i = 0; i < env->vl; i++) {
        if (th_active(env, insn, i) && th_mask(env, field_vs2(insn), i)) {
            if (field_vs1(insn) == 1) {
                return i;
            }
            n++;
        }
    }
    return field_vs1(insn) == 1 ? -1 : n;
}

/* vmsbf.m, vmsof.m, vmsif.m: before the first, the first, up to the first. */
void HELPER(th_vmset)(CPURISCVState *env, uint32_t insn)
{
    ThMask m = th_packed(env, field_vd(insn));
    bool found = false;

    for (int i = 0; i < env->vl; i++) {
        bool first, x;

        if (!th_active(env, insn, i)) {
            continue;
        }
        first = !found && th_mask(env, field_vs2(insn), i);
        switch (field_vs1(insn)) {
        case 1: x = !found && !first; break;
        case 2: x = first; break;
        default: x = !found; break;
        }
        found |= first;
        th_packed_set(&m, i, x);
    }
    th_spread(env, field_vd(insn), &m);
    env->vstart = 0;
}

/* viota.m: how many are set before each. */
void HELPER(th_viota)(CPURISCVState *env, uint32_t insn)
{
    uint64_t n = 0;

    for (int i = 0; i < env->vl; i++) {
        if (th_active(env, insn, i)) {
            th_set(env, field_vd(insn), i, n);
            n += th_mask(env, field_vs2(insn), i);
        }
    }
    th_zero_tail(env, field_vd(insn), env->vl);
    env->vstart = 0;
}

/* vcompress.vm: the elements that are chosen, side by side. */
void HELPER(th_vcompress)(CPURISCVState *env, uint32_t insn)
{
    int n = 0;

    for (int i = 0; i < env->vl; i++) {
        if (th_mask(env, field_vs1(insn), i)) {
            th_set(env, field_vd(insn), n++, th_get(env, field_vs2(insn), i));
        }
    }
    th_zero_tail(env, field_vd(insn), n);
    env->vstart = 0;
}

/* vext.x.v: an element, with zeros above it; 0 where there is none. */
target_ulong HELPER(th_vext)(CPURISCVState *env, uint32_t insn)
{
    target_ulong i = env->gpr[field_vs1(insn)];

    return i < th_vlmax(env) ? th_get(env, field_vs2(insn), i) : 0;
}

static uint64_t th_load(CPURISCVState *env, target_ulong a, int width, bool sign,
                        uintptr_t ra)
{
    switch (width) {
    case MO_8:
        return sign ? cpu_ldsb_data_ra(env, a, ra) : cpu_ldub_data_ra(env, a, ra);
    case MO_16:
        return sign ? cpu_ldsw_le_data_ra(env, a, ra)
                    : cpu_lduw_le_data_ra(env, a, ra);
    default:
        return sign ? (int32_t)cpu_ldl_le_data_ra(env, a, ra)
                    : (uint32_t)cpu_ldl_le_data_ra(env, a, ra);
    }
}

static void th_store(CPURISCVState *env, target_ulong a, int width, uint64_t x,
                     uintptr_t ra)
{
    switch (width) {
    case MO_8: cpu_stb_data_ra(env, a, x, ra); break;
    case MO_16: cpu_stw_le_data_ra(env, a, x, ra); break;
    default: cpu_stl_le_data_ra(env, a, x, ra); break;
    }
}

/*
 * A load or store of elements that are narrower in memory than in the register.
 * One that faults is repeated from vstart on.
 */
void HELPER(th_vls)(CPURISCVState *env, uint32_t insn)
{
    int funct3 = extract32(insn, 12, 3), width = funct3 ? funct3 - 4 : 0;
    int mop = extract32(insn, 26, 2), nf = extract32(insn, 29, 3) + 1;
    bool sign = extract32(insn, 28, 1), store = (insn & 0x7f) == 0x27;
    target_ulong base = env->gpr[field_vs1(insn)];
    int esz = 8 << th_sew(env);
    uintptr_t ra = GETPC();

    for (; env->vstart < env->vl; env->vstart++) {
        int i = env->vstart;
        target_ulong a = base;

        if (!th_active(env, insn, i)) {
            continue;
        }
        switch (mop) {
        case 0: a += i * ((target_ulong)nf << width); break;
        case 2: a += i * env->gpr[field_vs2(insn)]; break;
        case 3: a += sextract64(th_get(env, field_vs2(insn), i), 0, esz); break;
        }
        for (int f = 0; f < nf; f++, a += 1 << width) {
            int reg = field_vd(insn) + f * th_lmul(env);

            if (store) {
                th_store(env, a, width, th_get(env, reg, i), ra);
            } else {
                th_set(env, reg, i, th_load(env, a, width, sign, ra));
            }
        }
    }
    env->vstart = 0;
    for (int f = 0; f < nf && !store; f++) {
        th_zero_tail(env, field_vd(insn) + f * th_lmul(env), env->vl);
    }
}
