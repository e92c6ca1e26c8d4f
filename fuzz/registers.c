/* SPDX-License-Identifier: Apache-2.0 */
/* Regimes against a truth table.  Intel SDM vol. 3A, "Paging Modes and Control
 * Bits" and "Determination of Access Rights". */
#include "layouts.h"
#include "policies.h"
#include "refusals.h"
#include "registers_aarch64.h"
#include "registers_riscv.h"

#include <string.h>

#define HEX(v) ((unsigned long long)(v))

static bool bit(uint64_t v, unsigned n)
{
    return (v >> n & 1) != 0;
}

/* One row: what CR0.PG, CR4.PAE, EFER.LME and CR4.LA57 select. */
static const struct row {
    const char *bits; /* of these four, * for both */
    enum ptw_status st;
    enum ptw_arch_id id;
} rows[] = {
    {"0***", PTW_OK, PTW_ARCH_BARE},         {"100*", PTW_OK, PTW_ARCH_I686},
    {"101*", PTW_E_CONFLICT, PTW_ARCH_BARE}, {"110*", PTW_OK, PTW_ARCH_PAE},
    {"1110", PTW_OK, PTW_ARCH_AMD64},        {"1111", PTW_OK, PTW_ARCH_LA57},
};

static bool selects(const struct row *row, const bool is[4])
{
    for (unsigned i = 0; i < 4; i++) {
        if (row->bits[i] != '*' && (row->bits[i] == '1') != is[i]) {
            return false;
        }
    }
    return true;
}

/* What the manual says of each mode. */
static const struct facts {
    const char *name;
    unsigned by_name; /* features that the name switches on */
    unsigned has;     /* those that mean anything */
    unsigned levels;
    unsigned entry_bytes;
    unsigned va_bits; /* 0: as many as a physical address has */
    bool sign_extended;
    unsigned root_bits; /* the highest bit of CR3 that is an address, + 1 */
    unsigned root_align;
} modes[] = {
    [PTW_ARCH_BARE] = {.name = "bare", .root_align = 1},
    [PTW_ARCH_I686] =
        {
            .name = "i686",
            .by_name = PTW_X86_PSE | PTW_X86_WP,
            .has = PTW_X86_PSE | PTW_X86_WP | PTW_X86_SMEP | PTW_X86_SMAP |
                   PTW_X86_CET,
            .levels = 2,
            .entry_bytes = 4,
            .va_bits = 32,
            .root_bits = 32,
            .root_align = 4096,
        },
    [PTW_ARCH_PAE] =
        {
            .name = "pae",
            .by_name = PTW_X86_NX | PTW_X86_WP,
            .has = PTW_X86_NX | PTW_X86_WP | PTW_X86_SMEP | PTW_X86_SMAP |
                   PTW_X86_CET,
            .levels = 3,
            .entry_bytes = 8,
            .va_bits = 32,
            .root_bits = 32,
            .root_align = 32,
        },
    [PTW_ARCH_AMD64] =
        {
            .name = "amd64",
            .by_name = PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP,
            .has = PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP | PTW_X86_SMEP |
                   PTW_X86_SMAP | PTW_X86_PKE | PTW_X86_CET | PTW_X86_LAM_SUP |
                   PTW_X86_UAI,
            .levels = 4,
            .entry_bytes = 8,
            .va_bits = 48,
            .sign_extended = true,
            .root_bits = 52,
            .root_align = 4096,
        },
    [PTW_ARCH_LA57] =
        {
            .name = "amd64-la57",
            .by_name = PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP,
            .has = PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP | PTW_X86_SMEP |
                   PTW_X86_SMAP | PTW_X86_PKE | PTW_X86_CET | PTW_X86_LAM_SUP |
                   PTW_X86_UAI,
            .levels = 5,
            .entry_bytes = 8,
            .va_bits = 57,
            .sign_extended = true,
            .root_bits = 52,
            .root_align = 4096,
        },
};

static uint64_t low_bits(unsigned n)
{
    return n == 0 ? 0 : UINT64_MAX >> (64 - n);
}

static unsigned expected_features(const struct ptw_x86_registers *r,
                                  enum ptw_arch_id id, bool page1g)
{
    unsigned f = 0;

    f |= bit(r->cr0, 16) ? (unsigned)PTW_X86_WP : 0;
    f |= bit(r->cr4, 20) ? (unsigned)PTW_X86_SMEP : 0;
    f |= bit(r->cr4, 21) ? (unsigned)PTW_X86_SMAP : 0;
    f |= bit(r->cr4, 23) ? (unsigned)PTW_X86_CET : 0;
    f |= bit(r->cr4, 4) ? (unsigned)PTW_X86_PSE : 0;
    f |= bit(r->efer, 11) ? (unsigned)PTW_X86_NX : 0;
    f |= bit(r->cr4, 22) ? (unsigned)PTW_X86_PKE : 0;
    f |= bit(r->cr4, 28) ? (unsigned)PTW_X86_LAM_SUP : 0;
    f |= bit(r->efer, 20) ? (unsigned)PTW_X86_UAI : 0;
    f |= page1g ? (unsigned)PTW_X86_PAGE1G : 0;
    return f & modes[id].has;
}

/* What the processor lets pass, case by case.  above: what the entries above
 * the leaf grant. */
static bool allowed(const struct ptw_regime *r, unsigned above, uint64_t leaf,
                    const struct ptw_access *a)
{
    unsigned key = (unsigned)(leaf >> 59) & 15;
    unsigned rights =
        above & ((bit(leaf, 1) ? (unsigned)PTW_WRITE : 0) |
                 (bit(leaf, 2) ? (unsigned)PTW_USER : 0) |
                 (bit(leaf, 63) ? 0 : (unsigned)PTW_EXEC) | (unsigned)PTW_READ);
    bool user_page = (rights & PTW_USER) != 0;
    bool wp = (ptw_features_of(r) & PTW_X86_WP) != 0;
    bool ad = bit(a->keys, 2 * key);
    bool wd = bit(a->keys, 2 * key + 1);

    if (r->id == PTW_ARCH_BARE) {
        return (above & a->right) != 0 && !a->shadow_stack;
    }
    if (a->right == PTW_USER) {
        return false; /* that is no access */
    }
    if (a->user && !user_page) {
        return false;
    }
    if (a->shadow_stack) {
        /* "A user-mode shadow-stack access is allowed only to a user-mode
         * shadow-stack address", and so for the supervisor; keys count. */
        return a->right != PTW_EXEC &&
               (ptw_features_of(r) & PTW_X86_CET) != 0 && !bit(leaf, 1) &&
               bit(leaf, 6) && (above & PTW_WRITE) != 0 &&
               a->user == user_page &&
               !((ptw_features_of(r) & PTW_X86_PKE) != 0 && user_page &&
                 (ad || (a->right == PTW_WRITE && wd)));
    }
    if (a->right == PTW_EXEC) {
        return (rights & PTW_EXEC) != 0 &&
               (a->user || !user_page ||
                (ptw_features_of(r) & PTW_X86_SMEP) == 0);
    }
    if (!a->user && user_page && (ptw_features_of(r) & PTW_X86_SMAP) != 0 &&
        (a->allow & PTW_X86_ALLOW_AC) == 0) {
        return false;
    }
    if ((ptw_features_of(r) & PTW_X86_PKE) != 0 && user_page) {
        if (ad || (a->right == PTW_WRITE && wd && (a->user || wp))) {
            return false;
        }
    }
    if (a->right == PTW_WRITE) {
        return (rights & PTW_WRITE) != 0 || (!a->user && !wp);
    }
    return true;
}

/* Numbers that depend on all of the input, and take nothing of it. */
static uint64_t entries_seed;

static uint64_t next_number(void)
{
    entries_seed ^= entries_seed << 13;
    entries_seed ^= entries_seed >> 7;
    entries_seed ^= entries_seed << 17;
    return entries_seed;
}

/* The address that is translated for a program's va, from the manuals: a tag is
 * the bits from `lowest` up to 62, or 63 with UAI, and what is below them goes
 * on in them.  Intel SDM vol. 1, "Linear-Address Pre-Processing"; AMD64
 * Architecture Programmer's Manual vol. 2, "Upper Address Ignore". */
static uint64_t untagged(const struct ptw_regime *r, uint64_t cr3, uint64_t va)
{
    bool long_mode = r->id == PTW_ARCH_AMD64 || r->id == PTW_ARCH_LA57;
    unsigned lowest = 64;
    unsigned end = 63;

    if (!long_mode) {
        return va;
    }
    if ((ptw_features_of(r) & PTW_X86_UAI) != 0) {
        lowest = 57;
        end = 64;
    } else if (bit(va, 63)) {
        if ((ptw_features_of(r) & PTW_X86_LAM_SUP) != 0) {
            lowest = r->id == PTW_ARCH_AMD64 ? 48 : 57;
        }
    } else if (bit(cr3, 61)) {
        lowest = 57;
    } else if (bit(cr3, 62)) {
        lowest = 48;
    }
    for (unsigned i = lowest; i < end; i++) {
        va &= ~((uint64_t)1 << i);
        va |= (uint64_t)bit(va, lowest - 1) << i;
    }
    return va;
}

/* Whether the bits that are said to spoil an entry do: none of them too few,
 * none too many, and the right reason.  Intel SDM vol. 3A, "Reserved bits": in
 * entries of 8 bytes, those of the address from the physical width on. */
static bool bad_by(const struct ptw_regime *r, unsigned level, uint64_t raw)
{
    struct ptw_bad_entry bad = ptw_bad_entry_of(r, level, 0, raw);
    enum ptw_entry_kind mended = ptw_decode(r, level, 0, raw & ~bad.bits).kind;
    uint64_t beyond = ((uint64_t)1 << 52) - ((uint64_t)1 << ptw_pa_bits(r));
    bool width = (bad.bits & ~beyond) == 0;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t one = (uint64_t)1 << i;

        if ((bad.bits & one) != 0 &&
            ptw_decode(r, level, 0, (raw & ~bad.bits) | one).kind !=
                PTW_ENTRY_BAD) {
            return false;
        }
    }
    return (mended == PTW_ENTRY_LEAF || mended == PTW_ENTRY_TABLE) &&
           (ptw_entry_bytes(r) != 8 ||
            bad.why == (width ? PTW_BAD_WIDTH : PTW_BAD_RESERVED));
}

/* The right of a letter, for every letter. */
static void check_letters(void)
{
    static const char letter[] = "rwxuX";
    static const enum ptw_right right[] = {PTW_READ, PTW_WRITE, PTW_EXEC,
                                           PTW_USER, PTW_USER_EXEC};

    for (unsigned c = 1; c < 256; c++) {
        const char *at = strchr(letter, (char)c);

        if (ptw_right_of((char)c) != (at != NULL ? right[at - letter] : 0u)) {
            fz_fail(ASK_REGIMES, "the letter %u is the right %x", c,
                    ptw_right_of((char)c));
        }
    }
}

/* One access, as the record says it, under one set of rights above. */
static void check_access(const struct ptw_regime *r, unsigned level,
                         uint64_t raw, unsigned how, uint32_t keys)
{
    static const enum ptw_right right[4] = {PTW_READ, PTW_WRITE, PTW_EXEC,
                                            PTW_USER};
    struct ptw_access a = {.right = right[how & 3],
                           .user = (how & 4) != 0,
                           .allow = (how & 8) != 0 ? PTW_X86_ALLOW_AC : 0,
                           .keys = keys};
    unsigned rights = how >> 4;

    for (unsigned i = 0; i < 2; i++) {
        a.shadow_stack = i == 1;
        if (ptw_access_allowed(r, rights, level, raw, &a) !=
            allowed(r, rights, raw, &a)) {
            fz_fail(ASK_ACCESSES,
                    "rights %x, leaf %llx, level %u: access %d of %s is "
                    "judged wrongly%s",
                    rights, HEX(raw), level, (int)a.right,
                    a.user ? "the user" : "the supervisor",
                    i == 1 ? ", to a shadow stack" : "");
        }
    }
}

/* What can be asked of any regime. */
static void check_regime(const struct ptw_regime *r, uint64_t number,
                         uint8_t how, const uint8_t *flips, bool many)
{
    static const char *const kind[] = {
        [PTW_ENTRY_ABSENT] = "not present",
        [PTW_ENTRY_TABLE] = "a table at",
        [PTW_ENTRY_LEAF] = "a leaf of",
        [PTW_ENTRY_BAD] = "bad",
    };
    unsigned levels = ptw_levels(r);
    const struct facts *is = &modes[r->id];
    uint64_t root_mask = low_bits(is->root_bits) & ~(is->root_align - 1ull);
    unsigned va_bits = is->va_bits != 0 ? is->va_bits : ptw_pa_bits(r);
    struct ptw_regime again;
    bool canonical = number >> va_bits == 0 &&
                     (!is->sign_extended || number >> (va_bits - 1) == 0);
    enum ptw_status root = PTW_OK;
    uint64_t va = number << 13 | number >> 51; /* its high bits are others */

    canonical = canonical || (is->sign_extended && number >> (va_bits - 1) ==
                                                       low_bits(65 - va_bits));
    fz_say("    %s, %u bits, features %x; about %llx, access %02x\n",
           ptw_regime_name(r), ptw_pa_bits(r), ptw_features_of(r), HEX(number),
           how);
    if (ptw_x86_root(r, number).table.v != (number & root_mask)) {
        fz_fail(ASK_REGIMES, "the root in %llx is %llx", HEX(number),
                HEX(ptw_x86_root(r, number).table.v));
    }
    if (ptw_aarch64_untag(r, false, ptw_va_of(va)).v != va) {
        fz_fail(ASK_REGIMES, "%llx has a tag of aarch64", HEX(va));
    }
    if (ptw_x86_untag(r, number, ptw_va_of(va)).v != untagged(r, number, va)) {
        fz_fail(ASK_REGIMES, "under CR3 %llx, %llx is untagged to %llx",
                HEX(number), HEX(va),
                HEX(ptw_x86_untag(r, number, ptw_va_of(va)).v));
    }
    if (ptw_canonical(r, ptw_va_of(number)) != canonical) {
        fz_fail(ASK_REGIMES, "%llx is %scanonical", HEX(number),
                canonical ? "" : "not ");
    }
    if (r->id == PTW_ARCH_BARE) {
        fz_check_bare(r);
        fz_refuses_bare(r);
    } else {
        unsigned most =
            is->root_bits < ptw_pa_bits(r) ? is->root_bits : ptw_pa_bits(r);

        root = number % is->root_align != 0 ? PTW_E_ALIGN
               : number >> most != 0        ? PTW_E_WIDTH
                                            : PTW_OK;
    }
    if (ptw_root_check(ptw_root_of(r, ptw_pa_of(number))) != root) {
        fz_fail(
            ASK_REGIMES, "the root %llx: %s", HEX(number),
            ptw_status_text(ptw_root_check(ptw_root_of(r, ptw_pa_of(number)))));
    }
    if (levels != is->levels || ptw_entry_bytes(r) != is->entry_bytes ||
        ptw_va_bits(r) != va_bits) {
        fz_stop(ASK_REGIMES, "a regime of %u levels, %u bits", levels,
                ptw_va_bits(r));
    }
    for (unsigned l = 0; l < 8; l++) {
        if ((strcmp(ptw_level_name(r, l), "-") == 0) != (l >= levels)) {
            fz_fail(ASK_REGIMES, "level %u is called %s", l,
                    ptw_level_name(r, l));
        }
    }
    if (ptw_regime_by_name(ptw_regime_name(r), NULL, 0, &again, NULL) !=
        PTW_OK) {
        fz_stop(ASK_REGIMES, "a regime does not know its own name %s",
                ptw_regime_name(r));
    }
    for (unsigned l = 0; l < levels; l++) {
        uint64_t raw = number ^ flips[l];
        struct ptw_entry e = ptw_decode(r, l, 0, raw);
        uint64_t bad = ptw_bad_entry_of(r, l, 0, raw).bits;
        unsigned rights = how >> 4;
        bool stack = (ptw_features_of(r) & PTW_X86_CET) != 0 && !bit(raw, 1) &&
                     bit(raw, 6) && (rights & PTW_WRITE) != 0;

        fz_note((uint64_t)e.kind);
        fz_note(e.pa.v);
        fz_say("    %016llx in the %s: %s %llx, rights %x, reserved %llx\n",
               HEX(raw), ptw_level_name(r, l), kind[e.kind], HEX(e.pa.v),
               e.rights, HEX(bad));
        if ((e.kind == PTW_ENTRY_BAD) != (bad != 0) || (bad & ~raw) != 0 ||
            (bad != 0 && !bad_by(r, l, raw)) ||
            ((raw & 1) == 0) != (e.kind == PTW_ENTRY_ABSENT)) {
            fz_fail(ASK_ENTRIES,
                    "%llx, level %u, is kind %d with reserved bits %llx",
                    HEX(raw), l, (int)e.kind, HEX(bad));
        }
        (void)fz_check_parts(r, l, raw, (raw & 1) != 0);
        for (unsigned i = 0; i < (fz_thorough && many ? 256u : 1u); i++) {
            check_access(r, l, raw, how ^ i, (uint32_t)(number >> 7));
        }
        if (ptw_shadow_stack(r, rights, l, raw) != stack ||
            ptw_guest_writes(r, rights, l, raw) !=
                (stack || (ptw_features_of(r) & PTW_X86_WP) == 0 ||
                 (bit(raw, 1) && (rights & PTW_WRITE) != 0))) {
            fz_fail(ASK_ACCESSES,
                    "rights %x, leaf %llx, level %u: whether the guest writes "
                    "is judged wrongly",
                    rights, HEX(raw), l);
        }
    }
    if (many) {
        fz_check_policies(r, next_number());
    }
}

static void by_registers(const struct fz_records *in, bool many)
{
    static const unsigned cr0_bit[4] = {31, 0, 16, 29};
    static const unsigned cr4_bit[9] = {4, 5, 12, 20, 21, 22, 17, 7, 23};
    static const unsigned efer_bit[4] = {8, 10, 11, 0};
    const uint8_t *record = in->record;
    uint64_t cr0 = fz_get(record, REGISTERS_CR0);
    uint64_t cr4 = fz_get(record, REGISTERS_CR4);
    uint64_t efer = fz_get(record, REGISTERS_EFER);
    unsigned facts = (unsigned)fz_get(record, REGISTERS_CPU) % 3;
    struct ptw_x86_registers regs = {0, 0, 0};
    struct ptw_cpu cpu = {
        .pa_bits = (unsigned)fz_get(record, REGISTERS_WIDTH),
        .x86.page1g = fz_get(record, REGISTERS_PAGE1G) != 0,
    };
    const char *why = NULL;
    const struct row *row = NULL;
    struct ptw_regime r;
    enum ptw_status st;
    bool state[4];
    bool conflict;
    bool width;

    for (unsigned i = 0; i < 4; i++) {
        regs.cr0 |= (uint64_t)bit(cr0, i) << cr0_bit[i];
        regs.efer |= (uint64_t)bit(efer, i) << efer_bit[i];
    }
    for (unsigned i = 0; i < 9; i++) {
        regs.cr4 |= (uint64_t)bit(cr4, i) << cr4_bit[i];
    }
    regs.cr0 ^= fz_value(in, FZ_CR0, 0);
    regs.cr4 ^= fz_value(in, FZ_CR4, 0);
    regs.efer ^= fz_value(in, FZ_EFER, 0);
    if (facts != 0) {
        cpu = ptw_cpu_widest;
    }
    state[0] = bit(regs.cr0, 31);
    state[1] = bit(regs.cr4, 5);
    state[2] = bit(regs.efer, 8);
    state[3] = bit(regs.cr4, 12);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (selects(&rows[i], state)) {
            row = &rows[i];
        }
    }
    if (row == NULL) {
        fz_give_up("the truth table has a hole");
    }
    conflict = row->st == PTW_E_CONFLICT || (state[0] && !bit(regs.cr0, 0)) ||
               (bit(regs.cr4, 23) && !bit(regs.cr0, 16)) ||
               bit(regs.efer, 10) != (state[0] && state[2]);
    width = cpu.pa_bits < 32 || cpu.pa_bits > 52;
    st = ptw_regime_from_x86(&regs, facts == 2 ? NULL : &cpu, &r, &why);
    fz_note((uint64_t)st);
    fz_say("CR0 %llx CR4 %llx EFER %llx, %u bits: %s%s%s\n", HEX(regs.cr0),
           HEX(regs.cr4), HEX(regs.efer), cpu.pa_bits, ptw_status_text(st),
           why != NULL ? ", " : "", why != NULL ? why : "");
    if (st == PTW_OK ? conflict || width
                     : !((st == PTW_E_CONFLICT && conflict) ||
                         (st == PTW_E_WIDTH && width && !conflict))) {
        fz_stop(ASK_REGIMES, "CR0 %llx CR4 %llx EFER %llx, %u bits: %s",
                HEX(regs.cr0), HEX(regs.cr4), HEX(regs.efer), cpu.pa_bits,
                ptw_status_text(st));
    }
    if (st != PTW_OK) {
        if (why == NULL || why[0] == '\0') {
            fz_fail(ASK_REGIMES, "a failure without a reason");
        }
        return;
    }
    if (r.id != row->id ||
        ptw_features_of(&r) !=
            expected_features(&regs, row->id, cpu.x86.page1g) ||
        ptw_pa_bits(&r) != (row->id == PTW_ARCH_BARE ? 32 : cpu.pa_bits)) {
        fz_fail(ASK_REGIMES,
                "CR0 %llx CR4 %llx EFER %llx: regime %d, features %x, %u bits",
                HEX(regs.cr0), HEX(regs.cr4), HEX(regs.efer), (int)r.id,
                ptw_features_of(&r), ptw_pa_bits(&r));
    }
    check_regime(&r, fz_value(in, FZ_ABOUT, 0),
                 (uint8_t)fz_get(record, REGISTERS_ACCESS),
                 record + fz_field[REGISTERS_FLIPS].at / 8, many);
}

/* With more features, or none. */
static void add_features(struct ptw_regime *r, unsigned which)
{
    static const unsigned more[4] = {0, PTW_X86_CET, PTW_X86_CET | PTW_X86_SMEP,
                                     PTW_X86_PKE};
    unsigned features = ptw_features_of(r) | more[which];
    bool known = (features & ~modes[r->id].has) == 0;
    bool conflict =
        (features & PTW_X86_CET) != 0 && (features & PTW_X86_WP) == 0;
    const char *why = NULL;
    struct ptw_regime out = *r;
    enum ptw_status st = ptw_regime_with(r, more[which], &out, &why);

    if (st != (!known     ? PTW_E_REGIME
               : conflict ? PTW_E_CONFLICT
                          : PTW_OK) ||
        (st != PTW_OK && (why == NULL || why[0] == '\0')) ||
        ptw_features_of(&out) !=
            (st == PTW_OK ? features : ptw_features_of(r)) ||
        ptw_pa_bits(&out) != ptw_pa_bits(r) || out.id != r->id) {
        fz_stop(ASK_REGIMES, "%s with features %x: %s", ptw_regime_name(r),
                more[which], ptw_status_text(st));
    }
    *r = out;
}

static bool is_name(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (strcmp(name, modes[i].name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < FZ_RISCV_NAMES; i++) {
        if (strcmp(name, fz_riscv_names[i]) == 0) {
            return true;
        }
    }
    return fz_is_aarch64_name(name);
}

/* Names that begin like this one, and those in which one letter is another one. */
static void check_names_like(const char *name)
{
    static const char letters[] = {'\0', '/', '0', '9', ':', '-'};
    char like[64];
    size_t length = strlen(name);

    for (size_t i = 0; length < sizeof like && i < length; i++) {
        for (size_t k = 0; k < sizeof letters; k++) {
            struct ptw_regime r;

            memcpy(like, name, length + 1);
            like[i] = letters[k];
            if ((ptw_regime_by_name(like, NULL, 0, &r, NULL) == PTW_OK) !=
                is_name(like)) {
                fz_fail(ASK_REGIMES, "a name like '%s' is '%s'", name, like);
            }
        }
    }
}

static void by_name(const struct fz_records *in, const char *letters)
{
    enum { MODES = sizeof modes / sizeof modes[0] };

    const uint8_t *record = in->record;
    unsigned which =
        (unsigned)fz_get(record, REGIME_NAME) % (MODES + 1 + FZ_RISCV_NAMES);
    const char *name = which == 0      ? letters
                       : which > MODES ? fz_riscv_names[which - MODES - 1]
                                       : modes[which - 1].name;
    struct ptw_cpu cpu = {
        .pa_bits = (unsigned)fz_get(record, REGIME_WIDTH),
        .x86.page1g = fz_get(record, REGIME_PAGE1G) != 0,
    };
    unsigned without =
        (unsigned)fz_value(in, FZ_WITHOUT, fz_get(record, REGIME_WITHOUT));
    const struct ptw_cpu *facts =
        fz_get(record, REGIME_CPU) % 2 != 0 ? NULL : &cpu;
    const char *why = NULL;
    struct ptw_regime r;
    enum ptw_status expect = PTW_E_REGIME;
    enum ptw_status st;
    size_t i;

    for (i = 0; i < MODES; i++) {
        if (strcmp(name, modes[i].name) == 0) {
            expect = facts != NULL && (cpu.pa_bits < 32 || cpu.pa_bits > 52)
                         ? PTW_E_WIDTH
                         : PTW_OK;
            break;
        }
    }
    check_names_like(name);
    if (fz_aarch64_name(name, facts, next_number()) ||
        fz_riscv_name(name, facts, without,
                      (unsigned)fz_get(record, REGIME_MORE), next_number())) {
        return;
    }
    st = ptw_regime_by_name(name, facts, without, &r, &why);
    fz_note((uint64_t)st);
    fz_say("the regime '%s', %u bits, without %x: %s%s%s\n", name,
           facts != NULL ? cpu.pa_bits : ptw_cpu_widest.pa_bits, without,
           ptw_status_text(st), why != NULL ? ", " : "",
           why != NULL ? why : "");
    if (st != expect || (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES, "the regime %s, %u bits: %s", name, cpu.pa_bits,
                ptw_status_text(st));
    }
    if (st == PTW_OK) {
        unsigned features = modes[i].by_name & ~without;

        if (facts != NULL && !cpu.x86.page1g) {
            features &= ~(unsigned)PTW_X86_PAGE1G;
        }
        if (r.id != (enum ptw_arch_id)i || ptw_features_of(&r) != features ||
            ptw_pa_bits(&r) != (facts == NULL ? 52 : cpu.pa_bits)) {
            fz_fail(ASK_REGIMES, "the regime %s has features %x and %u bits",
                    name, ptw_features_of(&r), ptw_pa_bits(&r));
        }
        add_features(&r, (unsigned)fz_get(record, REGIME_MORE) % 4);
        check_regime(&r, fz_value(in, FZ_ABOUT, 0),
                     (uint8_t)fz_get(record, REGIME_ACCESS),
                     record + fz_field[REGIME_FLIPS].at / 8, true);
    }
}

/* The registers of a record; many: they are asked about all that is asked. */
static void of_record(const struct fz_records *in, bool many)
{
    unsigned entries = many ? FZ_MANY_ENTRIES : FZ_FEW_ENTRIES;

    switch ((int)fz_op_of(in->record)) {
    case OP_REGISTERS:
        by_registers(in, many);
        break;
    case OP_AARCH64:
        fz_aarch64_registers(in, next_number(), entries);
        break;
    case OP_RISCV:
        fz_riscv_registers(in, next_number(), entries);
        break;
    default:
        break;
    }
}

/* The same with a bit flipped of what selects a regime: each fourth in turn. */
static void of_its_like(const struct fz_records *in)
{
    struct fz_records like = *in;

    for (unsigned at = 8 + next_number() % 4; at < 64; at += 4) {
        like.record[at / 8] ^= (uint8_t)(1u << at % 8);
        of_record(&like, false);
        like.record[at / 8] ^= (uint8_t)(1u << at % 8);
    }
}

void fz_registers(const uint8_t *data, size_t len)
{
    static struct fz_case none; /* addresses have no regime here */
    struct fz_records in = fz_records_of(data, len);
    char name[40] = "";
    size_t letters = 0;

    fz_digest = 0;
    fz_case_without(&none);
    check_letters();
    fz_check_layouts();
    entries_seed = 0x9E3779B97F4A7C15;
    for (size_t i = 0; i < len; i++) {
        entries_seed = (entries_seed ^ data[i]) * 0x100000001B3 | 1;
    }
    while (fz_next_record(&none, &in)) {
        const uint8_t *from = in.record + fz_field[LETTERS_ARE].at / 8;
        uint64_t count = fz_get(in.record, LETTERS_COUNT) % 15;

        switch ((int)fz_op_of(in.record)) {
        case OP_LETTERS:
            for (uint64_t i = 0; i < count && letters + 1 < sizeof name; i++) {
                name[letters++] = (char)from[i];
            }
            name[letters] = '\0';
            break;
        case OP_REGIME:
            by_name(&in, name);
            letters = 0;
            name[0] = '\0';
            break;
        default:
            of_record(&in, true);
            if (fz_thorough) {
                of_its_like(&in);
            }
            break;
        }
    }
}
