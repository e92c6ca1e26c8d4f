/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64: what registers and names select, and what the processor lets pass.
 * Arm Architecture Reference Manual for A-profile architecture: the
 * descriptions of TCR_EL1, TCR_EL2, TCR_EL3, SCTLR_EL1, HCR_EL2, TCR2_EL1,
 * PIR_EL1, TTBR0_EL1, and of the pseudocode AArch64.S1DirectBasePermissions,
 * AArch64.S1IndirectBasePermissions. */
#include "registers_aarch64.h"

#include "oracle/aarch64.h"
#include "policies.h"

#include <stdio.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static uint64_t numbers;

static uint64_t next_number(void)
{
    numbers ^= numbers << 13;
    numbers ^= numbers >> 7;
    numbers ^= numbers << 17;
    return numbers;
}

static unsigned field(uint64_t v, unsigned high, unsigned low)
{
    return (unsigned)(v >> low & (((uint64_t)2 << (high - low)) - 1));
}

static bool bit(uint64_t v, unsigned n)
{
    return (v >> n & 1) != 0;
}

static uint64_t low_bits(unsigned n)
{
    return n == 0 ? 0 : UINT64_MAX >> (64 - n);
}

/* What a regime is to be. */
struct is {
    unsigned granule; /* log2 */
    unsigned bits;    /* of an address that is translated */
    bool ds;
    bool lpa; /* FEAT_LPA, with a granule of 64 KiB */
    bool upper;
    unsigned el; /* 1, 2 or 3; 20: EL2&0 */
    unsigned pa_bits;
    bool ha;
    bool hd;
    bool wxn;
    bool hpd;
    bool pie;
    bool e0pd;
    bool tbi;
    bool tbid;
    bool mtx;
    bool pan3;
    uint64_t pir;
    uint64_t pire0;
};

static bool one_privilege(const struct is *is)
{
    return is->el == 2 || is->el == 3;
}

static unsigned features(const struct is *is)
{
    return (is->ha ? (unsigned)PTW_AARCH64_HA : 0) |
           (is->hd ? (unsigned)PTW_AARCH64_HD : 0) |
           (is->wxn ? (unsigned)PTW_AARCH64_WXN : 0) |
           (is->hpd ? (unsigned)PTW_AARCH64_HPD : 0) |
           (is->pie ? (unsigned)PTW_AARCH64_PIE : 0) |
           (is->e0pd ? (unsigned)PTW_AARCH64_E0PD : 0) |
           (is->tbi ? (unsigned)PTW_AARCH64_TBI : 0) |
           (is->tbid ? (unsigned)PTW_AARCH64_TBID : 0) |
           (is->mtx ? (unsigned)PTW_AARCH64_MTX : 0) |
           (is->pan3 ? (unsigned)PTW_AARCH64_PAN3 : 0);
}

/* --------------------------------------------------------- what passes */

static struct oracle_aarch64_lets indirect(const struct is *is, uint64_t leaf)
{
    return oracle_aarch64_indirect(is->pir, one_privilege(is) ? 0 : is->pire0,
                                   leaf);
}

static struct oracle_aarch64_lets direct(const struct is *is, unsigned above,
                                         uint64_t leaf)
{
    struct oracle_aarch64_lets l = {0};
    bool write = !bit(leaf, 7) || (is->ha && is->hd && bit(leaf, 51));

    l.pr = true;
    l.pw = write && (above & PTW_WRITE) != 0;
    if (one_privilege(is)) {
        l.px = !bit(leaf, 54) && (above & PTW_EXEC) != 0;
    } else {
        l.ur = bit(leaf, 6) && (above & PTW_USER) != 0;
        l.uw = l.ur && l.pw;
        l.px = !bit(leaf, 53) && (above & PTW_EXEC) != 0 && !l.uw;
        l.ux = !bit(leaf, 54) && (above & PTW_USER_EXEC) != 0;
    }
    if (is->wxn) {
        l.px = l.px && !l.pw;
        l.ux = l.ux && !l.uw;
    }
    return l;
}

/* Bit 7 is nDirty: a write faults, unless the processor clears it. */
static bool stays_clean(const struct is *is, uint64_t leaf)
{
    return is->pie && bit(leaf, 7) && !(is->ha && is->hd);
}

static struct oracle_aarch64_lets lets_of(const struct is *is, unsigned above,
                                          uint64_t leaf)
{
    struct oracle_aarch64_lets l;

    if (!is->pie) {
        return direct(is, above, leaf);
    }
    l = indirect(is, leaf);
    if (stays_clean(is, leaf)) {
        l.pw = false;
        l.uw = false;
    }
    return l;
}

/* Whether PSTATE.PAN is about that leaf.  With indirect permissions any value of
 * PIRE0's field but 0 makes it so. */
static bool is_users(const struct is *is, struct oracle_aarch64_lets l,
                     uint64_t leaf, bool epan)
{
    unsigned index =
        4 * ((unsigned)bit(leaf, 54) * 8 + (unsigned)bit(leaf, 53) * 4 +
             (unsigned)bit(leaf, 51) * 2 + (unsigned)bit(leaf, 6));

    if (one_privilege(is)) {
        return false;
    }
    return is->pie ? field(is->pire0, index + 3, index) != 0
                   : l.ur || l.uw || (epan && l.ux);
}

static bool allowed(const struct is *is, unsigned above, uint64_t leaf,
                    const struct ptw_access *a)
{
    struct oracle_aarch64_lets l = lets_of(is, above, leaf);
    bool epan = is->pan3 || (a->allow & (unsigned)PTW_AARCH64_EPAN) != 0;
    bool pan = (a->allow & (unsigned)PTW_AARCH64_PAN) != 0 &&
               is_users(is, l, leaf, epan);

    if ((!bit(leaf, 10) && !is->ha) || (a->user && is->e0pd) ||
        a->right == PTW_USER || a->right == PTW_USER_EXEC) {
        return false;
    }
    if (a->shadow_stack) {
        return a->right != PTW_EXEC && (a->user ? l.ug : l.pg) &&
               !(a->right == PTW_WRITE && stays_clean(is, leaf));
    }
    if (a->right == PTW_EXEC) {
        return a->user ? l.ux : l.px;
    }
    if (a->right == PTW_WRITE) {
        return a->user ? l.uw : l.pw && !pan;
    }
    return a->user ? l.ur : l.pr && !pan;
}

/* What the tables say: no more than that, whatever is switched on. */
static unsigned rights_of(const struct is *is, uint64_t leaf)
{
    struct oracle_aarch64_lets l;
    unsigned rights = 0;

    if (is->pie) {
        l = indirect(is, leaf);
        rights |= l.pr ? (unsigned)PTW_READ : 0;
        rights |= l.pw && !bit(leaf, 7) ? (unsigned)PTW_WRITE : 0;
        rights |= l.px ? (unsigned)PTW_EXEC : 0;
        rights |= l.ur && l.pr && l.pw == l.uw ? (unsigned)PTW_USER : 0;
        rights |= l.ux ? (unsigned)PTW_USER_EXEC : 0;
        return rights;
    }
    rights = PTW_READ | (bit(leaf, 7) ? 0 : (unsigned)PTW_WRITE);
    if (one_privilege(is)) {
        return rights | (bit(leaf, 54) ? 0 : (unsigned)PTW_EXEC);
    }
    rights |= bit(leaf, 6) ? (unsigned)PTW_USER : 0;
    rights |= bit(leaf, 53) ? 0 : (unsigned)PTW_EXEC;
    return rights | (bit(leaf, 54) ? 0 : (unsigned)PTW_USER_EXEC);
}

static unsigned table_rights_of(const struct is *is, uint64_t table)
{
    unsigned rights = one_privilege(is) ? PTW_READ | PTW_WRITE | PTW_EXEC
                                        : PTW_READ | PTW_WRITE | PTW_EXEC |
                                              PTW_USER | PTW_USER_EXEC;

    if (is->hpd || is->pie) {
        return rights;
    }
    rights &= bit(table, 62) ? ~(unsigned)PTW_WRITE : ~0u;
    if (one_privilege(is)) {
        return rights & (bit(table, 60) ? ~(unsigned)PTW_EXEC : ~0u);
    }
    rights &= bit(table, 61) ? ~(unsigned)PTW_USER : ~0u;
    rights &= bit(table, 59) ? ~(unsigned)PTW_EXEC : ~0u;
    return rights & (bit(table, 60) ? ~(unsigned)PTW_USER_EXEC : ~0u);
}

static void check_leaf(const struct ptw_regime *r, const struct is *is)
{
    /* Some of which are no access. */
    static const enum ptw_right right[16] = {
        PTW_READ, PTW_WRITE, PTW_EXEC, PTW_READ,     PTW_WRITE, PTW_EXEC,
        PTW_READ, PTW_WRITE, PTW_EXEC, PTW_READ,     PTW_WRITE, PTW_EXEC,
        PTW_READ, PTW_WRITE, PTW_USER, PTW_USER_EXEC};
    uint64_t how = next_number();
    unsigned above = (unsigned)how & PTW_ALL_RIGHTS;
    struct ptw_access a = {
        .right = right[how >> 5 & 15],
        .user = bit(how, 9),
        .allow = field(how, 11, 10),
        .shadow_stack = field(how, 14, 12) == 0,
    };
    /* Attributes of a page at address 0, mostly accessed. */
    uint64_t leaf = (next_number() & (0x7FF8000000000CFC)) | 3 |
                    (uint64_t)(field(how, 16, 15) != 0) << 10;
    struct oracle_aarch64_lets l = lets_of(is, above, leaf);
    bool stack = is->pie && (indirect(is, leaf).pg || indirect(is, leaf).ug);
    bool writes = (above & PTW_WRITE) != 0 &&
                  (l.pw || l.uw || (stack && !stays_clean(is, leaf)));
    struct ptw_entry e = ptw_decode(r, 0, 0, leaf);
    uint64_t table = (next_number() & 0xFFF0000000000000) | 3;

    if (e.kind != PTW_ENTRY_LEAF || e.rights != rights_of(is, leaf)) {
        fz_fail(ASK_ENTRIES, "%s: the leaf %llx grants %x, not %x",
                ptw_regime_name(r), HEX(leaf), e.rights, rights_of(is, leaf));
    }
    if (ptw_levels(r) > 1) {
        e = ptw_decode(r, 1, 0, table);
        if (e.kind != PTW_ENTRY_TABLE ||
            e.rights != table_rights_of(is, table)) {
            fz_fail(ASK_ENTRIES, "%s: the table %llx leaves %x, not %x",
                    ptw_regime_name(r), HEX(table), e.rights,
                    table_rights_of(is, table));
        }
    }
    if (ptw_access_allowed(r, above, 0, leaf, &a) !=
        allowed(is, above, leaf, &a)) {
        fz_fail(ASK_ACCESSES,
                "%s, features %x: access %d of %s, allow %x, to %llx below %x "
                "is judged wrongly",
                ptw_regime_name(r), ptw_features_of(r), (int)a.right,
                a.user ? "EL0" : "the privileged", a.allow, HEX(leaf), above);
    }
    if (ptw_guest_writes(r, above, 0, leaf) != writes ||
        ptw_shadow_stack(r, above, 0, leaf) != stack) {
        fz_fail(ASK_ACCESSES,
                "%s, features %x: whether the guest writes %llx below %x is "
                "judged wrongly",
                ptw_regime_name(r), ptw_features_of(r), HEX(leaf), above);
    }
}

/* --------------------------------------------------------- what an entry is */

static bool has_block(const struct is *is, unsigned level)
{
    switch (level) {
    case 0:
        return false;
    case 1:
        return true;
    case 2:
        return is->granule == 12 || is->ds || is->lpa;
    default:
        return level == 3 && is->granule == 12 && is->ds;
    }
}

static uint64_t address_in(const struct is *is, unsigned low, uint64_t raw)
{
    uint64_t pa = 0;

    for (unsigned i = low; i < (is->ds ? 50u : 48u); i++) {
        pa |= (uint64_t)bit(raw, i) << i;
    }
    if (is->ds) {
        pa |= (uint64_t)field(raw, 9, 8) << 50;
    }
    if (is->lpa) {
        pa |= (uint64_t)field(raw, 15, 12) << 48;
    }
    return pa;
}

static void check_entry(const struct ptw_regime *r, const struct is *is)
{
    unsigned level = (unsigned)next_number() % ptw_levels(r);
    uint64_t how = next_number();
    /* An address that often fits, and any other bits. */
    uint64_t raw = next_number() & ~(bit(how, 0) ? (uint64_t)0xFFF << 40 : 0) &
                   ~(bit(how, 1) ? (uint64_t)0xF300 : 0);
    bool table = level > 0 && bit(raw, 1);
    uint64_t pa = address_in(
        is, table ? is->granule : is->granule + level * (is->granule - 3), raw);
    struct ptw_entry e = ptw_decode(r, level, 0, raw);
    struct ptw_bad_entry bad = ptw_bad_entry_of(r, level, 0, raw);
    enum ptw_entry_kind kind = table ? PTW_ENTRY_TABLE : PTW_ENTRY_LEAF;
    enum ptw_bad_reason why = PTW_BAD_WIDTH;

    (void)fz_check_parts(r, level, raw, bit(raw, 0));
    if (!bit(raw, 0)) {
        kind = PTW_ENTRY_ABSENT;
    } else if (!table && !(level == 0 ? bit(raw, 1) : has_block(is, level))) {
        kind = PTW_ENTRY_BAD;
        why = PTW_BAD_RESERVED;
    } else if (pa >> is->pa_bits != 0) {
        kind = PTW_ENTRY_BAD;
    }
    if (kind == PTW_ENTRY_ABSENT || kind == PTW_ENTRY_BAD) {
        pa = 0;
    }
    if (e.kind != kind || e.pa.v != pa ||
        (kind == PTW_ENTRY_BAD) != (bad.bits != 0) ||
        (kind == PTW_ENTRY_BAD && bad.why != why)) {
        fz_fail(ASK_ENTRIES,
                "%s: %llx in the %s is kind %d, %llx, not %d, %llx",
                ptw_regime_name(r), HEX(raw), ptw_level_name(r, level),
                (int)e.kind, HEX(e.pa.v), (int)kind, HEX(pa));
    }
}

/* ------------------------------------------------------ what a regime is */

/* The level of the root, counted from the leaves, and the log2 of its bytes. */
static unsigned root_of(const struct is *is, unsigned *log2)
{
    unsigned stride = is->granule - 3;
    unsigned top = 0;
    unsigned rest = is->bits - is->granule;

    while (rest > stride) {
        rest -= stride;
        top++;
    }
    *log2 = rest + 3;
    return top;
}

static void name_of(const struct is *is, char *name, size_t room)
{
    (void)snprintf(name, room, "aarch64-%uk-%u%s%s%s", 1u << (is->granule - 10),
                   is->bits, is->ds ? "-lpa2" : "", is->upper ? "/upper" : "",
                   is->el == 2    ? "/el2"
                   : is->el == 3  ? "/el3"
                   : is->el == 20 ? "/e2h"
                                  : "");
}

static void check_regime(const struct ptw_regime *r, const struct is *is,
                         uint64_t number, unsigned entries)
{
    char name[40];
    unsigned bytes_log2;
    unsigned top = root_of(is, &bytes_log2);
    bool wide = is->ds || is->pa_bits > 48;
    unsigned align_log2 = wide && bytes_log2 < 6 ? 6 : bytes_log2;
    uint64_t root = number & low_bits(48) & ~low_bits(align_log2);
    uint64_t untagged = number;
    struct ptw_regime again;
    struct ptw_cpu cpu = ptw_cpu_widest;
    enum ptw_status st;
    bool canonical =
        is->upper ? ~number >> is->bits == 0 : number >> is->bits == 0;

    if (wide) {
        root |= (uint64_t)field(number, 5, 2) << 48;
    }
    name_of(is, name, sizeof name);
    fz_say("    %s, %u bits, features %x; about %llx\n", name, is->pa_bits,
           ptw_features_of(r), HEX(number));
    if (strcmp(ptw_regime_name(r), name) != 0 ||
        ptw_pa_bits(r) != is->pa_bits || ptw_va_bits(r) != is->bits ||
        ptw_features_of(r) != features(is) || ptw_levels(r) != top + 1 ||
        ptw_table_size(r, top) != (uint64_t)1 << bytes_log2 ||
        ptw_root_bytes(r) != (uint64_t)1 << align_log2 ||
        ptw_page_size(r) != (uint64_t)1 << is->granule ||
        ptw_aarch64_is_upper(r) != is->upper ||
        ptw_aarch64_el(r) != (is->el == 20 ? 2 : is->el) ||
        !ptw_is_aarch64(r) || ptw_is_x86(r)) {
        fz_stop(ASK_REGIMES,
                "%s, %u bits, features %x, %u levels, is to be %s, %u bits, %x",
                ptw_regime_name(r), ptw_pa_bits(r), ptw_features_of(r),
                ptw_levels(r), name, is->pa_bits, features(is));
    }
    if (ptw_canonical(r, ptw_va_of(number)) != canonical) {
        fz_fail(ASK_REGIMES, "%s: %llx is %scanonical", name, HEX(number),
                canonical ? "" : "not ");
    }
    if (ptw_aarch64_root(r, number).table.v != root) {
        fz_fail(ASK_REGIMES, "%s: the root in %llx is %llx", name, HEX(number),
                HEX(ptw_aarch64_root(r, number).table.v));
    }
    st = (number & low_bits(align_log2)) != 0 ? PTW_E_ALIGN
         : number >> is->pa_bits != 0         ? PTW_E_WIDTH
                                              : PTW_OK;
    if (ptw_root_check(ptw_root_of(r, ptw_pa_of(number))) != st) {
        fz_fail(ASK_REGIMES, "%s: whether %llx is a root", name, HEX(number));
    }
    for (unsigned fetch = 0; fetch < 2; fetch++) {
        bool byte = is->tbi && !(fetch != 0 && is->tbid);
        bool tag =
            (byte || (is->mtx && fetch == 0)) && bit(number, 55) == is->upper;

        untagged = number;
        for (unsigned i = 56; tag && i < (byte ? 64 : 60); i++) {
            untagged &= ~((uint64_t)1 << i);
            untagged |= (uint64_t)bit(number, 55) << i;
        }
        if (ptw_aarch64_untag(r, fetch != 0, ptw_va_of(number)).v != untagged) {
            fz_fail(ASK_REGIMES, "%s: %llx is untagged wrongly", name,
                    HEX(number));
        }
    }
    cpu.pa_bits = is->pa_bits;
    if (ptw_regime_by_name(name, &cpu, 0, &again, NULL) != PTW_OK ||
        strcmp(ptw_regime_name(&again), name) != 0) {
        fz_fail(ASK_REGIMES, "a regime does not know its own name %s", name);
    }
    for (unsigned i = 0; i < entries; i++) {
        check_leaf(r, is);
        check_entry(r, is);
    }
    if (entries >= FZ_MANY_ENTRIES) {
        fz_check_policies(r, next_number());
    }
}

/* The widest physical address of a regime: an entry of a 4 or 16 KiB granule
 * has 52 bits with DS, of a 64 KiB one if the processor has just 52. */
static unsigned width_of(const struct is *is, unsigned cpu_bits)
{
    bool wide = is->granule == 16 ? cpu_bits == 52 : is->ds;

    return cpu_bits > 48 && !wide ? 48 : cpu_bits;
}

/* ---------------------------------------------------------------- registers */

/* PTW_OK, and what the registers select; or why they are refused. */
static enum ptw_status selected(const struct ptw_aarch64_registers *g,
                                bool upper, unsigned cpu_bits, struct is *is)
{
    static const unsigned granules[2][4] = {{12, 16, 14, 0}, {0, 14, 12, 16}};
    static const unsigned sizes[8] = {32, 36, 40, 42, 44, 48, 52, 0};
    bool two = g->el == 1 || (g->el == 2 && bit(g->hcr, 34));
    uint64_t t = g->tcr;
    unsigned size = upper ? field(t, 21, 16) : field(t, 5, 0);
    unsigned output = sizes[two ? field(t, 34, 32) : field(t, 18, 16)];
    bool pie = g->el == 3 ? bit(t, 35) : bit(g->tcr2, 1);
    bool poe = g->el == 3 ? bit(t, 36) : field(g->tcr2, 3, 2) != 0;
    bool d128 = g->el == 3 ? bit(t, 38) : bit(g->tcr2, 5);
    bool aie = g->el == 3 ? bit(t, 37) : bit(g->tcr2, 4);
    bool pnch = g->el == 3 ? bit(t, 34) : bit(g->tcr2, 0);

    memset(is, 0, sizeof *is);
    if (g->el == 0 || g->el > 3 || (upper && !two)) {
        return PTW_E_ARG;
    }
    if (!bit(g->sctlr, 0) || bit(g->sctlr, 25) || d128 || poe || aie || pnch ||
        (pie && !g->has_pir) ||
        (g->el == 1 && (bit(g->hcr, 0) || bit(g->hcr, 12) ||
                        (bit(g->hcr, 42) && bit(g->hcr, 43))))) {
        return PTW_E_REGIME;
    }
    is->granule = granules[upper][upper ? field(t, 31, 30) : field(t, 15, 14)];
    is->ds = is->granule != 16 && bit(t, two ? 59 : 32);
    is->bits = 64 - size;
    if (is->granule == 0 || output == 0 ||
        is->bits < (is->granule == 16 ? 17u : 16u) ||
        is->bits > (is->granule == 16 || is->ds ? 52u : 48u)) {
        return PTW_E_CONFLICT;
    }
    if (cpu_bits < 32 || cpu_bits > 52) {
        return PTW_E_WIDTH;
    }
    is->upper = upper;
    is->el = two && g->el == 2 ? 20 : g->el;
    is->lpa = is->granule == 16 && cpu_bits == 52;
    is->pa_bits = width_of(is, cpu_bits);
    if (output < is->pa_bits) {
        is->pa_bits = output;
    }
    is->ha = bit(t, two ? 39 : 21);
    is->hd = bit(t, two ? 40 : 22);
    is->hpd = bit(t, !two ? 24 : upper ? 42 : 41);
    is->tbi = bit(t, !two ? 20 : upper ? 38 : 37);
    is->tbid = bit(t, !two ? 29 : upper ? 52 : 51);
    is->mtx = bit(t, !two ? 33 : upper ? 61 : 60);
    is->e0pd = two && bit(t, upper ? 56 : 55);
    is->wxn = bit(g->sctlr, 19);
    is->pan3 = two && bit(g->sctlr, 57);
    is->pie = pie;
    is->pir = g->pir;
    is->pire0 = g->pire0;
    return PTW_OK;
}

enum { UPPER = 1, HAS_PIR = 2, NO_CPU = 4 };

void fz_aarch64_registers(const struct fz_records *in, uint64_t seed,
                          unsigned entries)
{
    static const unsigned sctlr_bit[4] = {0, 25, 19, 57};
    static const unsigned hcr_bit[5] = {0, 12, 34, 42, 43};
    static const unsigned tcr2_bit[6] = {1, 2, 3, 5, 4, 0};
    const uint8_t *record = in->record;
    unsigned options = (unsigned)fz_get(record, AARCH64_OPTIONS);
    unsigned sctlr = (unsigned)fz_get(record, AARCH64_SCTLR);
    unsigned hcr = (unsigned)fz_get(record, AARCH64_HCR);
    unsigned tcr2 = (unsigned)fz_get(record, AARCH64_TCR2);
    struct ptw_aarch64_registers g = {
        .el = (unsigned)fz_get(record, AARCH64_EL) % 5,
        .has_pir = (options & HAS_PIR) != 0,
        .tcr = fz_get(record, AARCH64_TCR),
    };
    struct ptw_cpu cpu = ptw_cpu_widest;
    bool upper = (options & UPPER) != 0;
    const char *why = NULL;
    struct ptw_regime r;
    struct is is;
    enum ptw_status st;
    enum ptw_status expect;
    bool two;

    numbers = (seed ^ fz_get(record, AARCH64_SALT) << 16) | 1;
    g.pir = next_number();
    g.pire0 = next_number();
    for (unsigned i = 0; i < 5; i++) {
        g.hcr |= (uint64_t)(hcr >> i & 1) << hcr_bit[i];
    }
    for (unsigned i = 0; i < 4; i++) {
        g.sctlr |= (uint64_t)(sctlr >> i & 1) << sctlr_bit[i];
    }
    for (unsigned i = 0; i < 6; i++) {
        g.tcr2 |= (uint64_t)(tcr2 >> i & 1) << tcr2_bit[i];
    }
    cpu.pa_bits = (unsigned)fz_get(record, AARCH64_WIDTH);
    if ((options & NO_CPU) != 0) {
        cpu.pa_bits = 52;
    }
    expect = selected(&g, upper, cpu.pa_bits, &is);
    st = ptw_regime_from_aarch64(
        &g, upper, (options & NO_CPU) != 0 ? NULL : &cpu, &r, &why);
    fz_note((uint64_t)st);
    fz_say("EL%u TCR %llx SCTLR %llx HCR %llx TCR2 %llx, %s half, %u bits: "
           "%s%s%s\n",
           g.el, HEX(g.tcr), HEX(g.sctlr), HEX(g.hcr), HEX(g.tcr2),
           upper ? "upper" : "lower", cpu.pa_bits, ptw_status_text(st),
           why != NULL ? ", " : "", why != NULL ? why : "");
    if (st != expect || (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES,
                "EL%u TCR %llx SCTLR %llx HCR %llx TCR2 %llx, %u bits: %s",
                g.el, HEX(g.tcr), HEX(g.sctlr), HEX(g.hcr), HEX(g.tcr2),
                cpu.pa_bits, ptw_status_text(st));
    }
    if (g.el >= 1 && g.el <= 3) {
        two = g.el == 1 || (g.el == 2 && bit(g.hcr, 34));
        if (ptw_aarch64_walks(&g, upper) !=
            (two ? !bit(g.tcr, upper ? 23 : 7) : !upper)) {
            fz_fail(ASK_REGIMES, "EL%u TCR %llx: whether the %s half is walked",
                    g.el, HEX(g.tcr), upper ? "upper" : "lower");
        }
    }
    if (st == PTW_OK) {
        check_regime(&r, &is, fz_value(in, FZ_ABOUT, next_number()), entries);
        check_regime(&r, &is, next_number() >> (64 - is.bits), entries);
    }
}

/* -------------------------------------------------------------------- names */

/* Passes over one of those words; returns which, or `words`. */
static unsigned word(const char **at, const char *const *list, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        size_t length = strlen(list[i]);

        if (strncmp(*at, list[i], length) == 0) {
            *at += length;
            return i;
        }
    }
    return words;
}

static bool parse(const char *name, struct is *is)
{
    static const char *const granules[3] = {"4k-", "16k-", "64k-"};
    static const char *const ds[1] = {"-lpa2"};
    static const char *const upper[1] = {"/upper"};
    static const char *const els[3] = {"/el2", "/el3", "/e2h"};
    static const unsigned el[4] = {2, 3, 20, 1};
    const char *at = name + strlen("aarch64-");
    unsigned granule = word(&at, granules, 3);
    unsigned digits = 0;

    memset(is, 0, sizeof *is);
    for (; digits < 2 && *at >= '0' && *at <= '9'; digits++, at++) {
        is->bits = is->bits * 10 + (unsigned)(*at - '0');
    }
    is->granule = 12 + 2 * granule;
    is->ds = word(&at, ds, 1) == 0;
    is->upper = word(&at, upper, 1) == 0;
    is->el = el[word(&at, els, 3)];
    return granule < 3 && digits == 2 && *at == '\0' &&
           !(is->ds && is->granule == 16) &&
           !(is->upper && one_privilege(is)) &&
           is->bits >= (is->granule == 16 ? 17u : 16u) &&
           is->bits <= (is->granule == 16 || is->ds ? 52u : 48u);
}

bool fz_is_aarch64_name(const char *name)
{
    struct is is;

    return strncmp(name, "aarch64-", 8) == 0 && parse(name, &is);
}

bool fz_aarch64_name(const char *name, const struct ptw_cpu *cpu, uint64_t seed)
{
    const char *why = NULL;
    struct ptw_regime r;
    struct is is;
    enum ptw_status expect = PTW_E_REGIME;
    enum ptw_status st;
    unsigned cpu_bits = cpu == NULL ? 52 : cpu->pa_bits;

    if (strncmp(name, "aarch64", 7) != 0) {
        return false;
    }
    if (name[7] == '-' && parse(name, &is)) {
        expect = cpu_bits < 32 || cpu_bits > 52 ? PTW_E_WIDTH : PTW_OK;
    }
    numbers = seed | 1;
    st = ptw_regime_by_name(name, cpu, 0, &r, &why);
    fz_note((uint64_t)st);
    fz_say("the regime '%s', %u bits: %s%s%s\n", name, cpu_bits,
           ptw_status_text(st), why != NULL ? ", " : "",
           why != NULL ? why : "");
    if (st != expect || (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES, "the regime %s, %u bits: %s", name, cpu_bits,
                ptw_status_text(st));
    }
    if (st == PTW_OK) {
        is.lpa = is.granule == 16 && cpu_bits == 52;
        is.pa_bits = width_of(&is, cpu_bits);
        check_regime(&r, &is, next_number() >> (64 - is.bits), FZ_MANY_ENTRIES);
    }
    return true;
}
