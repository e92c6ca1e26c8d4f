/* SPDX-License-Identifier: Apache-2.0 */
#include "oracle_regime.h"

/* A feature that a mode has; `by_name`: the name alone switches it on. */
struct feature {
    bool in_mode;
    bool by_name;
    unsigned bit;
};

enum { MOST_FEATURES = 8 };

/* TCR.HD counts with HA only. */
enum { DIRTY_STATE = PTW_AARCH64_HA | PTW_AARCH64_HD };

static unsigned features_of(const struct oracle_mode *m,
                            struct feature f[MOST_FEATURES])
{
    unsigned n = 0;

    switch (m->format->family) {
    case ORACLE_X86:
        f[n++] = (struct feature){m->nx, true, PTW_X86_NX};
        f[n++] = (struct feature){m->pse, true, PTW_X86_PSE};
        f[n++] = (struct feature){m->wp, true, PTW_X86_WP};
        f[n++] = (struct feature){m->cet, false, PTW_X86_CET};
        f[n++] = (struct feature){oracle_keys(m) > 1, false, PTW_X86_PKE};
        break;
    case ORACLE_RISCV:
        f[n++] = (struct feature){m->svnapot, true, PTW_RISCV_SVNAPOT};
        f[n++] = (struct feature){m->svpbmt, true, PTW_RISCV_SVPBMT};
        f[n++] = (struct feature){m->zicfiss, false, PTW_RISCV_ZICFISS};
        break;
    case ORACLE_AARCH64:
        f[n++] = (struct feature){m->hd, false, DIRTY_STATE};
        f[n++] = (struct feature){m->hpd, false, PTW_AARCH64_HPD};
        f[n++] = (struct feature){m->pie, false, PTW_AARCH64_PIE};
        break;
    case ORACLE_NO_FAMILY:
        break;
    }
    return n;
}

enum ptw_status oracle_regime(const struct oracle_mode *mode,
                              struct ptw_regime *out)
{
    struct ptw_cpu cpu = ptw_cpu_widest;
    struct feature f[MOST_FEATURES];
    unsigned features = features_of(mode, f);
    unsigned without = 0;
    unsigned with = 0;
    enum ptw_status st;

    for (unsigned i = 0; i < features; i++) {
        without |= f[i].by_name && !f[i].in_mode ? f[i].bit : 0;
        with |= !f[i].by_name && f[i].in_mode ? f[i].bit : 0;
    }
    cpu.pa_bits = mode->pa_bits;
    cpu.flag_bits = mode->flag_bits;
    cpu.x86.page1g = mode->page1g;
    cpu.x86.amd = mode->amd;
    cpu.aarch64.pir = mode->pir;
    cpu.aarch64.pire0 = mode->pire0;
    st = ptw_regime_by_name(mode->format->name, &cpu, without, out, NULL);
    if (st == PTW_OK && with != 0) {
        st = ptw_regime_with(out, with, out, NULL);
    }
    return st;
}

struct oracle_mode oracle_mode_of_regime(const struct ptw_regime *r)
{
    const struct oracle_format *f = oracle_format_named(ptw_regime_name(r));
    struct oracle_mode m = {.format = f, .pa_bits = ptw_pa_bits(r)};
    unsigned features = ptw_features_of(r);

    switch (f->family) {
    case ORACLE_X86:
        m.nx = (features & PTW_X86_NX) != 0;
        m.pse = (features & PTW_X86_PSE) != 0;
        m.page1g = (features & PTW_X86_PAGE1G) != 0;
        m.wp = (features & PTW_X86_WP) != 0;
        m.cet = (features & PTW_X86_CET) != 0;
        m.pke = (features & PTW_X86_PKE) != 0;
        break;
    case ORACLE_RISCV:
        m.svnapot = (features & PTW_RISCV_SVNAPOT) != 0;
        m.svpbmt = (features & PTW_RISCV_SVPBMT) != 0;
        m.zicfiss = (features & PTW_RISCV_ZICFISS) != 0;
        break;
    case ORACLE_AARCH64:
        m.hd = (features & DIRTY_STATE) == DIRTY_STATE;
        m.hpd = (features & PTW_AARCH64_HPD) != 0;
        break;
    case ORACLE_NO_FAMILY:
        break;
    }
    return m;
}
