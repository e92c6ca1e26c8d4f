/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64: regimes by their names and by registers.
 *
 * Arm Architecture Reference Manual for A-profile architecture, "AArch64 System
 * Register Descriptions": TCR_EL1, TCR_EL2 (with E2H set it is laid out as
 * TCR_EL1 is), TCR_EL3, TCR2_EL1, SCTLR_EL1, HCR_EL2, TTBR0_EL1.
 *
 * Where the manual lets a processor choose, it is refused: TnSZ below the least
 * or above the most ("the PE behaves as if the value were that, or a
 * Translation fault is generated"), reserved encodings of TGn (as if any
 * granule had been chosen) and of (I)PS (as 48 bits, or 52). */
#include "aarch64.h"
#include "archs.h"
#include "ptwalk/cpu.h"
#include "regime.h"

/* A regime, as a name or registers say it. */
struct wanted {
    const struct ptw_arch *arch;
    unsigned va_bits;
    bool upper;
    unsigned facts;  /* enum a64_fact, but for A64_LPA */
    unsigned output; /* bits of (I)PS, or 0 */
    unsigned features;
};

static enum ptw_status build(const struct wanted *w, const struct ptw_cpu *cpu,
                             struct ptw_regime *out, const char **why)
{
    struct ptw_regime r;
    enum ptw_status st = ptw_regime_build(w->arch, cpu, w->features, &r, why);

    if (st != PTW_OK) {
        return st;
    }
    r.pa_bits = cpu != NULL ? cpu->pa_bits : ptw_aarch64_widths.pa_most;
    if (w->output != 0 && w->output < r.pa_bits) {
        r.pa_bits = w->output;
    }
    r.facts |= w->facts;
    r.va_bits = w->va_bits;
    r.extension = w->upper ? PTW_EXTEND_ONES : PTW_EXTEND_ZEROS;
    return ptw_regime_with(&r, 0, out, why);
}

/* The widest and the narrowest addresses of a granule: FEAT_TTST, FEAT_LPA2,
 * FEAT_LVA. */
static unsigned most_bits(const struct ptw_arch *arch, bool ds)
{
    return arch == &ptw_arch_aarch64_64k || ds ? 52 : 48;
}

static unsigned least_bits(const struct ptw_arch *arch)
{
    return arch == &ptw_arch_aarch64_64k ? 17 : 16;
}

/* -------------------------------------------------------------------- names */

/* Passes over text where *at begins with it. */
static bool take(const char **at, const char *text)
{
    const char *from = *at;

    while (*text != '\0' && *from == *text) {
        from++;
        text++;
    }
    if (*text != '\0') {
        return false;
    }
    *at = from;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

enum ptw_status ptw_aarch64_by_name(const char *name, const struct ptw_cpu *cpu,
                                    unsigned without, struct ptw_regime *out,
                                    const char **why)
{
    struct wanted w = {NULL, 0, false, 0, 0, 0};
    const char *at = name;

    (void)without;
    if (take(&at, "aarch64-4k-")) {
        w.arch = &ptw_arch_aarch64_4k;
    } else if (take(&at, "aarch64-16k-")) {
        w.arch = &ptw_arch_aarch64_16k;
    } else if (take(&at, "aarch64-64k-")) {
        w.arch = &ptw_arch_aarch64_64k;
    }
    if (w.arch != NULL && is_digit(at[0]) && is_digit(at[1])) {
        w.va_bits = (unsigned)(at[0] - '0') * 10 + (unsigned)(at[1] - '0');
        at += 2;
    }
    w.facts |= take(&at, "-lpa2") ? A64_DS : 0u;
    w.upper = take(&at, "/upper");
    if (take(&at, "/el2")) {
        w.facts |= A64_EL2;
    } else if (take(&at, "/el3")) {
        w.facts |= A64_EL3;
    } else if (take(&at, "/e2h")) {
        w.facts |= A64_E2H;
    }
    if (w.arch == NULL || w.va_bits == 0 || *at != '\0') {
        return ptw_regime_fail(
            PTW_E_REGIME,
            "an aarch64 regime is called "
            "aarch64-GRANULE-BITS[-lpa2][/upper][/el2|/el3|/e2h]",
            why);
    }
    if ((w.facts & A64_DS) != 0 && w.arch == &ptw_arch_aarch64_64k) {
        return ptw_regime_fail(PTW_E_REGIME,
                               "a granule of 64 KiB has no LPA2: with 52 bits "
                               "it has LPA",
                               why);
    }
    if (w.upper && (w.facts & (A64_EL2 | A64_EL3)) != 0) {
        return ptw_regime_fail(PTW_E_REGIME,
                               "EL2 and EL3 alone have no upper half", why);
    }
    if (w.va_bits < least_bits(w.arch) ||
        w.va_bits > most_bits(w.arch, (w.facts & A64_DS) != 0)) {
        return ptw_regime_fail(PTW_E_REGIME,
                               "addresses have from 16 bits (64k: 17) to 48, "
                               "or with lpa2 or a granule of 64k to 52",
                               why);
    }
    return build(&w, cpu, out, why);
}

/* ---------------------------------------------------------------- registers */

static const uint64_t SCTLR_M = A64_BIT(0);
static const uint64_t SCTLR_WXN = A64_BIT(19);
static const uint64_t SCTLR_EE = A64_BIT(25);
static const uint64_t SCTLR_EPAN = A64_BIT(57);
static const uint64_t HCR_VM = A64_BIT(0);
static const uint64_t HCR_DC = A64_BIT(12);
static const uint64_t HCR_E2H = A64_BIT(34);
static const uint64_t HCR_NV_NV1 = A64_BIT(42) | A64_BIT(43);
static const uint64_t TCR2_PNCH = A64_BIT(0);
static const uint64_t TCR2_PIE = A64_BIT(1);
static const uint64_t TCR2_E0POE = A64_BIT(2);
static const uint64_t TCR2_POE = A64_BIT(3);
static const uint64_t TCR2_AIE = A64_BIT(4);
static const uint64_t TCR2_D128 = A64_BIT(5);

/* Whether TCR_ELx is that of a regime with two halves. */
static bool has_halves(const struct ptw_aarch64_registers *g)
{
    return g->el == 1 || (g->el == 2 && (g->hcr & HCR_E2H) != 0);
}

/* Where TCR_ELx has what: of one half, and of either of two. */
struct tcr {
    unsigned size; /* TnSZ */
    unsigned granule;
    unsigned output; /* PS, IPS */
    unsigned ha;
    unsigned hd;
    unsigned hpd;
    unsigned tbi;
    unsigned tbid;
    unsigned ds;
    unsigned mtx;
    unsigned e0pd; /* 0: none */
    unsigned epd;  /* 0: none */
};

static struct tcr layout(const struct ptw_aarch64_registers *g, bool upper)
{
    static const struct tcr one = {.size = 0,
                                   .granule = 14,
                                   .output = 16,
                                   .tbi = 20,
                                   .ha = 21,
                                   .hd = 22,
                                   .hpd = 24,
                                   .tbid = 29,
                                   .ds = 32,
                                   .mtx = 33};
    static const struct tcr two[2] = {{.size = 0,
                                       .epd = 7,
                                       .granule = 14,
                                       .output = 32,
                                       .tbi = 37,
                                       .ha = 39,
                                       .hd = 40,
                                       .hpd = 41,
                                       .tbid = 51,
                                       .e0pd = 55,
                                       .ds = 59,
                                       .mtx = 60},
                                      {.size = 16,
                                       .epd = 23,
                                       .granule = 30,
                                       .output = 32,
                                       .tbi = 38,
                                       .ha = 39,
                                       .hd = 40,
                                       .hpd = 42,
                                       .tbid = 52,
                                       .e0pd = 56,
                                       .ds = 59,
                                       .mtx = 61}};

    return has_halves(g) ? two[upper] : one;
}

static bool bit(uint64_t value, unsigned at)
{
    return (value >> at & 1) != 0;
}

bool ptw_aarch64_walks(const struct ptw_aarch64_registers *regs, bool upper)
{
    struct tcr at = layout(regs, upper);

    return has_halves(regs) ? !bit(regs->tcr, at.epd) : !upper;
}

/* TG0 and TG1 have other encodings: NULL for one that is reserved. */
static const struct ptw_arch *granule_of(unsigned tg, bool upper)
{
    static const struct ptw_arch *const lower[4] = {
        &ptw_arch_aarch64_4k, &ptw_arch_aarch64_64k, &ptw_arch_aarch64_16k,
        NULL};
    static const struct ptw_arch *const higher[4] = {
        NULL, &ptw_arch_aarch64_16k, &ptw_arch_aarch64_4k,
        &ptw_arch_aarch64_64k};

    return upper ? higher[tg] : lower[tg];
}

/* Why the library does not walk what the registers select; NULL: it does. */
static const char *not_walked(const struct ptw_aarch64_registers *g)
{
    uint64_t tcr2 = g->tcr2;

    if (g->el == 3) {
        /* TCR_EL3 has them itself. */
        tcr2 = (bit(g->tcr, 34) ? TCR2_PNCH : 0) |
               (bit(g->tcr, 35) ? TCR2_PIE : 0) |
               (bit(g->tcr, 36) ? TCR2_POE : 0) |
               (bit(g->tcr, 37) ? TCR2_AIE : 0) |
               (bit(g->tcr, 38) ? TCR2_D128 : 0);
    }
    if ((g->sctlr & SCTLR_M) == 0) {
        return "SCTLR.M is clear: stage 1 translation is off";
    }
    if ((g->sctlr & SCTLR_EE) != 0) {
        return "SCTLR.EE is set: big-endian tables are not supported";
    }
    if (g->el == 1 && (g->hcr & (HCR_VM | HCR_DC)) != 0) {
        return "HCR_EL2.VM or DC is set: stage 2 translation is not supported";
    }
    /* There AP[1] is ignored, and bits 54 and 53 mean other things. */
    if (g->el == 1 && (g->hcr & HCR_NV_NV1) == HCR_NV_NV1) {
        return "HCR_EL2.NV1 is set: a nested EL1 is not supported";
    }
    if ((tcr2 & TCR2_D128) != 0) {
        return "D128 is set: entries of 128 bits are not supported";
    }
    if ((tcr2 & (TCR2_POE | TCR2_E0POE)) != 0) {
        return "POE is set: permission overlays are not supported";
    }
    /* Bit 52 of an entry is no hint then: it must not be lost. */
    if ((tcr2 & TCR2_PNCH) != 0) {
        return "PnCH is set: protected entries are not supported";
    }
    /* AttrIndx has a fourth bit. */
    if ((tcr2 & TCR2_AIE) != 0) {
        return "AIE is set: memory attributes of MAIR2 are not supported";
    }
    if ((tcr2 & TCR2_PIE) != 0 && !g->has_pir) {
        return "PIE is set: indirect permissions need PIR and PIRE0";
    }
    return NULL;
}

static unsigned features_of(const struct ptw_aarch64_registers *g,
                            struct tcr at)
{
    uint64_t tcr = g->tcr;
    bool pie = g->el == 3 ? bit(tcr, 35) : (g->tcr2 & TCR2_PIE) != 0;
    unsigned features = 0;

    features |= bit(tcr, at.ha) ? PTW_AARCH64_HA : 0u;
    features |= bit(tcr, at.hd) ? PTW_AARCH64_HD : 0u;
    features |= bit(tcr, at.hpd) ? PTW_AARCH64_HPD : 0u;
    features |= bit(tcr, at.tbi) ? PTW_AARCH64_TBI : 0u;
    features |= bit(tcr, at.tbid) ? PTW_AARCH64_TBID : 0u;
    features |= bit(tcr, at.mtx) ? PTW_AARCH64_MTX : 0u;
    features |= at.e0pd != 0 && bit(tcr, at.e0pd) ? PTW_AARCH64_E0PD : 0u;
    features |= (g->sctlr & SCTLR_WXN) != 0 ? PTW_AARCH64_WXN : 0u;
    features |=
        at.epd != 0 && (g->sctlr & SCTLR_EPAN) != 0 ? PTW_AARCH64_PAN3 : 0u;
    features |= pie ? PTW_AARCH64_PIE : 0u;
    return features;
}

enum ptw_status
ptw_regime_from_aarch64(const struct ptw_aarch64_registers *regs, bool upper,
                        const struct ptw_cpu *cpu, struct ptw_regime *out,
                        const char **why)
{
    static const uint8_t output[8] = {32, 36, 40, 42, 44, 48, 52, 0};
    struct ptw_cpu facts = cpu != NULL ? *cpu : ptw_cpu_widest;
    struct tcr at = layout(regs, upper);
    struct wanted w = {NULL, 0, upper, 0, 0, 0};
    unsigned size = (unsigned)(regs->tcr >> at.size & 63);

    if (regs->el < 1 || regs->el > 3) {
        return ptw_regime_fail(PTW_E_ARG,
                               "the exception level is none of 1 to 3", why);
    }
    if (upper && !has_halves(regs)) {
        return ptw_regime_fail(PTW_E_ARG,
                               "EL2 and EL3 alone have no upper half", why);
    }
    if (not_walked(regs) != NULL) {
        return ptw_regime_fail(PTW_E_REGIME, not_walked(regs), why);
    }
    w.arch = granule_of((unsigned)(regs->tcr >> at.granule & 3), upper);
    if (w.arch == NULL) {
        return ptw_regime_fail(PTW_E_CONFLICT,
                               "the granule in TCR.TGn is reserved", why);
    }
    w.output = output[regs->tcr >> at.output & 7];
    if (w.output == 0) {
        return ptw_regime_fail(PTW_E_CONFLICT,
                               "the output size in TCR.IPS or PS is reserved",
                               why);
    }
    /* "For a 64KB translation granule, this bit is IGNORED." */
    if (bit(regs->tcr, at.ds) && w.arch != &ptw_arch_aarch64_64k) {
        w.facts |= A64_DS;
    }
    w.va_bits = 64 - size;
    if (w.va_bits < least_bits(w.arch) ||
        w.va_bits > most_bits(w.arch, (w.facts & A64_DS) != 0)) {
        return ptw_regime_fail(
            PTW_E_CONFLICT, "TCR.TnSZ is out of the range of the granule", why);
    }
    if (!has_halves(regs)) {
        w.facts |= regs->el == 2 ? A64_EL2 : A64_EL3;
    } else if (regs->el == 2) {
        w.facts |= A64_E2H;
    }
    w.features = features_of(regs, at);
    facts.aarch64.pir = regs->pir;
    facts.aarch64.pire0 = regs->pire0;
    return build(&w, &facts, out, why);
}

struct ptw_root ptw_aarch64_root(const struct ptw_regime *r, uint64_t ttbr)
{
    uint64_t pa = ttbr & ptw_bits(47, 1);

    if ((r->facts & A64_DS) != 0 || r->pa_bits > 48) {
        pa |= (ttbr >> 2 & 15) << 48;
    }
    return ptw_root_of(r, ptw_pa_of(pa & ~ptw_low_mask(r->root_log2)));
}

ptw_va ptw_aarch64_untag(const struct ptw_regime *r, bool fetch, ptw_va va)
{
    bool high = (va.v >> 55 & 1) != 0;
    uint64_t tag = 0;

    if (!ptw_is_aarch64(r) || high != ptw_aarch64_is_upper(r)) {
        return va;
    }
    if ((r->features & PTW_AARCH64_TBI) != 0 &&
        !(fetch && (r->features & PTW_AARCH64_TBID) != 0)) {
        tag = ptw_bits(63, 56);
    } else if ((r->features & PTW_AARCH64_MTX) != 0 && !fetch) {
        tag = ptw_bits(59, 56);
    }
    return ptw_va_of(high ? va.v | tag : va.v & ~tag);
}
