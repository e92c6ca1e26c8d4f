/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V: what satp and names select, what entries mean, and what the processor
 * lets pass.  The RISC-V Instruction Set Manual: Volume II, Privileged
 * Architecture: "Supervisor Address Translation and Protection (satp)
 * Register", "Virtual Address Translation Process", the figures of the entries
 * from "Sv32" to "Sv57", "Svnapot", "Svpbmt", and "Shadow Stack Memory
 * Protection". */
#include "registers_riscv.h"

#include "policies.h"
#include "refusals.h"

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

static uint64_t one(unsigned n)
{
    return (uint64_t)1 << n;
}

/* The bits of an entry. */
enum { V, R, W, X, U, G, A, D, PPN = 10, PBMT = 61, N = 63 };

/* What a regime is to be. */
struct is {
    const char *name;
    unsigned levels; /* 0: Bare */
    bool wide;       /* entries of 64 bits */
    unsigned pa_bits;
    bool svnapot;
    bool svpbmt;
    bool zicfiss;
};

enum { SVNAPOT = 1, SVPBMT = 2, ZICFISS = 4, NONE_SUCH = 8 };

const char *const fz_riscv_names[FZ_RISCV_NAMES] = {"sv32", "sv39", "sv48",
                                                    "sv57"};

static void set_features(struct is *is, unsigned features)
{
    is->svnapot = is->wide && (features & SVNAPOT) != 0;
    is->svpbmt = is->wide && (features & SVPBMT) != 0;
    is->zicfiss = is->levels > 0 && (features & ZICFISS) != 0;
}

static unsigned features_of(const struct is *is)
{
    return (is->svnapot ? (unsigned)PTW_RISCV_SVNAPOT : 0) |
           (is->svpbmt ? (unsigned)PTW_RISCV_SVPBMT : 0) |
           (is->zicfiss ? (unsigned)PTW_RISCV_ZICFISS : 0);
}

static unsigned library_features(unsigned features)
{
    return ((features & SVNAPOT) != 0 ? (unsigned)PTW_RISCV_SVNAPOT : 0) |
           ((features & SVPBMT) != 0 ? (unsigned)PTW_RISCV_SVPBMT : 0) |
           ((features & ZICFISS) != 0 ? (unsigned)PTW_RISCV_ZICFISS : 0) |
           ((features & NONE_SUCH) != 0 ? 1u << 20 : 0);
}

/* The address bits that one level translates. */
static unsigned index_bits(const struct is *is)
{
    return is->wide ? 9 : 10;
}

static unsigned va_bits(const struct is *is)
{
    return is->levels == 0 ? is->pa_bits : 12 + is->levels * index_bits(is);
}

/* --------------------------------------------------------- what an entry is */

static bool leads(uint64_t raw)
{
    return !bit(raw, R) && !bit(raw, W) && !bit(raw, X);
}

static bool is_stack(const struct is *is, uint64_t raw)
{
    return is->zicfiss && bit(raw, W) && !bit(raw, R) && !bit(raw, X);
}

/* What an entry with V set is, and what spoils it. */
struct means {
    enum ptw_entry_kind kind;
    enum ptw_bad_reason why;
    uint64_t bad;
    uint64_t pa;
};

static uint64_t reserved_in(const struct is *is, unsigned level, uint64_t raw)
{
    uint64_t bad = 0;

    for (unsigned i = 54; is->wide && i <= 60; i++) {
        bad |= raw & one(i);
    }
    if (leads(raw)) {
        bad |= raw & (one(U) | one(A) | one(D));
    }
    if (is->wide && (leads(raw) || !is->svpbmt || field(raw, 62, 61) == 3)) {
        bad |= raw & (one(PBMT) | one(PBMT + 1));
    }
    if (is->wide &&
        (leads(raw) || !is->svnapot || level > 0 || field(raw, 13, 10) != 8)) {
        bad |= raw & one(N);
    }
    return bad;
}

static struct means meaning(const struct is *is, unsigned level, unsigned index,
                            uint64_t raw)
{
    struct means m = {PTW_ENTRY_BAD, PTW_BAD_RESERVED, 0, 0};
    unsigned page_bits = leads(raw) ? 0 : level * index_bits(is);
    unsigned numbers_bits = is->wide ? 44 : 22;
    uint64_t wide = 0;
    uint64_t misaligned = 0;
    uint64_t combination = 0;

    if (!bit(raw, V)) {
        m.kind = PTW_ENTRY_ABSENT;
        return m;
    }
    m.bad = reserved_in(is, level, raw);
    for (unsigned i = 0; i < numbers_bits; i++) {
        if (!bit(raw, PPN + i)) {
            continue;
        }
        if (i + 12 >= is->pa_bits) {
            wide |= one(PPN + i);
        } else if (i < page_bits) {
            misaligned |= one(PPN + i);
        } else {
            m.pa |= one(12 + i);
        }
    }
    if (leads(raw)) {
        combination = level == 0 ? one(V) : 0;
    } else if (bit(raw, W) && !bit(raw, R) && !is_stack(is, raw)) {
        combination = one(W);
    }
    if (m.bad == 0) {
        m.why = wide != 0         ? PTW_BAD_WIDTH
                : misaligned != 0 ? PTW_BAD_MISALIGNED
                                  : PTW_BAD_COMBINATION;
    }
    m.bad |= wide | misaligned | combination;
    if (m.bad != 0) {
        m.pa = 0;
        return m;
    }
    m.kind = leads(raw) ? PTW_ENTRY_TABLE : PTW_ENTRY_LEAF;
    if (is->wide && bit(raw, N)) {
        m.pa = m.pa - 0x8000 + (uint64_t)(index % 16) * 0x1000;
    }
    return m;
}

/* A shadow stack is read by loads and written by no store. */
static unsigned rights_of(const struct is *is, uint64_t raw)
{
    bool stack = is_stack(is, raw);

    return (bit(raw, R) || stack ? (unsigned)PTW_READ : 0) |
           (bit(raw, W) && !stack ? (unsigned)PTW_WRITE : 0) |
           (bit(raw, X) ? (unsigned)PTW_EXEC : 0) |
           (bit(raw, U) ? (unsigned)PTW_USER : 0);
}

/* -------------------------------------------------------------- what passes */

static bool allowed(const struct is *is, unsigned above, uint64_t raw,
                    const struct ptw_access *a)
{
    unsigned rights = rights_of(is, raw) & above;
    bool user_page = (rights & PTW_USER) != 0;

    if (a->user && !user_page) {
        return false;
    }
    if (!a->user && user_page &&
        (a->right == PTW_EXEC || (a->allow & PTW_RISCV_SUM) == 0)) {
        return false;
    }
    if ((a->allow & PTW_RISCV_ADUE) == 0) {
        if (!bit(raw, A) || (a->right == PTW_WRITE && !bit(raw, D))) {
            return false;
        }
    }
    if (a->shadow_stack) {
        return (a->right == PTW_READ || a->right == PTW_WRITE) &&
               is_stack(is, raw) && (above & PTW_WRITE) != 0;
    }
    if (a->right == PTW_READ && (a->allow & PTW_RISCV_MXR) != 0 &&
        (rights & PTW_EXEC) != 0) {
        return true;
    }
    return a->right != PTW_USER && (rights & a->right) != 0;
}

static void check_leaf(const struct ptw_regime *r, const struct is *is,
                       unsigned level, uint64_t raw)
{
    /* The last one is no access. */
    static const enum ptw_right right[4] = {PTW_READ, PTW_WRITE, PTW_EXEC,
                                            PTW_USER};
    uint64_t how = next_number();
    unsigned above = bit(how, 0) ? (unsigned)PTW_ALL_RIGHTS
                                 : (unsigned)(how >> 1 & PTW_ALL_RIGHTS);
    struct ptw_access a = {
        .right = right[field(how, 9, 8)],
        .user = bit(how, 10),
        .allow = (bit(how, 11) ? (unsigned)PTW_RISCV_SUM : 0) |
                 (bit(how, 12) ? (unsigned)PTW_RISCV_MXR : 0) |
                 (bit(how, 13) ? (unsigned)PTW_RISCV_ADUE : 0),
        .shadow_stack = field(how, 16, 14) == 0,
        .keys = next_number(),
    };
    bool stack = is_stack(is, raw) && (above & PTW_WRITE) != 0;
    bool writes = stack || (rights_of(is, raw) & above & PTW_WRITE) != 0;
    struct ptw_attributes at = ptw_attributes_of(r, level, raw);

    if (ptw_access_allowed(r, above, level, raw, &a) !=
        allowed(is, above, raw, &a)) {
        fz_fail(ASK_ACCESSES,
                "%s, features %x: access %d of %s, allow %x%s, to %llx below "
                "%x is judged wrongly",
                is->name, ptw_features_of(r), (int)a.right,
                a.user ? "the user" : "the supervisor", a.allow,
                a.shadow_stack ? ", of a shadow stack" : "", HEX(raw), above);
    }
    if (ptw_guest_writes(r, above, level, raw) != writes ||
        ptw_shadow_stack(r, above, level, raw) != stack) {
        fz_fail(ASK_ACCESSES,
                "%s, features %x: whether the guest writes %llx below %x is "
                "judged wrongly",
                is->name, ptw_features_of(r), HEX(raw), above);
    }
    if (at.memory_type != (is->svpbmt ? field(raw, 62, 61) : 0) ||
        at.global != bit(raw, G) || at.accessed != bit(raw, A) ||
        at.dirty != bit(raw, D) || at.key != 0 || at.flag_bits != 0) {
        fz_fail(ASK_ENTRIES, "%s: the attributes of %llx are others", is->name,
                HEX(raw));
    }
}

static void check_entry(const struct ptw_regime *r, const struct is *is)
{
    unsigned level = (unsigned)next_number() % is->levels;
    unsigned index = (unsigned)next_number() % (1u << index_bits(is));
    uint64_t how = next_number();
    uint64_t raw = next_number();
    struct means m;
    struct ptw_entry e;
    struct ptw_bad_entry bad;
    unsigned rights;

    /* Bits that seldom are 0 by chance often are. */
    raw &= bit(how, 0) ? ~((uint64_t)0x7F << 54) : UINT64_MAX;
    raw &= bit(how, 1) ? ~((uint64_t)3 << PBMT) : UINT64_MAX;
    raw &= bit(how, 2) ? ~one(N) : UINT64_MAX;
    raw &= bit(how, 3) || !is->wide ? UINT64_MAX : ~((uint64_t)0xFFFFFF << 30);
    raw &= bit(how, 4) ? ~((uint64_t)0xFFFF << PPN) : UINT64_MAX;
    raw &= bit(how, 5) ? ~(one(U) | one(A) | one(D)) : UINT64_MAX;
    raw &= field(how, 7, 6) == 0 ? ~(one(R) | one(X)) : UINT64_MAX;
    raw &= field(how, 9, 8) == 0 ? ~(one(R) | one(W) | one(X)) : UINT64_MAX;
    raw |= field(how, 12, 10) != 0 ? one(V) : 0;
    if (bit(how, 13)) {
        raw &= ~((uint64_t)7 << PPN);
        raw |= (uint64_t)8 << PPN;
    }
    if (!is->wide) {
        raw = (uint32_t)raw;
    } else if (bit(how, 14) && level > 0) {
        raw &= ~((one(9 * level) - 1) << PPN);
    }
    m = meaning(is, level, index, raw);
    e = ptw_decode(r, level, index, raw);
    bad = ptw_bad_entry_of(r, level, index, raw);
    rights = m.kind == PTW_ENTRY_LEAF ? rights_of(is, raw)
             : m.kind == PTW_ENTRY_TABLE
                 ? PTW_READ | PTW_WRITE | PTW_EXEC | PTW_USER
                 : 0;
    fz_note((uint64_t)e.kind);
    (void)fz_check_parts(r, level, raw, bit(raw, V));
    if (e.kind != m.kind || e.pa.v != m.pa || e.rights != rights ||
        bad.bits != m.bad || (m.bad != 0 && bad.why != m.why)) {
        fz_fail(ASK_ENTRIES,
                "%s, features %x, %u bits: %llx, entry %u in l%u, is kind %d, "
                "%llx, rights %x, spoilt by %llx, not kind %d, %llx, rights "
                "%x, spoilt by %llx",
                is->name, ptw_features_of(r), is->pa_bits, HEX(raw), index,
                level, (int)e.kind, HEX(e.pa.v), e.rights, HEX(bad.bits),
                (int)m.kind, HEX(m.pa), rights, HEX(m.bad));
    }
    if (m.kind == PTW_ENTRY_LEAF) {
        check_leaf(r, is, level, raw);
    }
}

/* -------------------------------------------------------- what a regime is */

/* Addresses of RV64 that tables map repeat their highest bit; those of RV32
 * have 32 bits.  Bare has those of the memory. */
static bool canonical(const struct is *is, uint64_t va)
{
    unsigned bits = va_bits(is);

    for (unsigned i = bits; i < 64; i++) {
        if (bit(va, i) != (is->wide && bit(va, bits - 1))) {
            return false;
        }
    }
    return true;
}

static void check_paged(const struct ptw_regime *r, const struct is *is,
                        uint64_t number, unsigned entries)
{
    struct ptw_cpu cpu = ptw_cpu_widest;
    struct ptw_regime again;
    enum ptw_status st = number % 4096 != 0           ? PTW_E_ALIGN
                         : number >> is->pa_bits != 0 ? PTW_E_WIDTH
                                                      : PTW_OK;

    for (unsigned level = 0; level < 8; level++) {
        char name[3] = {'l', (char)('0' + level), '\0'};

        if (strcmp(ptw_level_name(r, level), level < is->levels ? name : "-") !=
                0 ||
            (level < is->levels && ptw_table_size(r, level) != 4096)) {
            fz_fail(ASK_REGIMES, "%s: level %u is called %s", is->name, level,
                    ptw_level_name(r, level));
        }
    }
    if (ptw_levels(r) != is->levels || ptw_root_bytes(r) != 4096 ||
        ptw_page_size(r) != 4096 ||
        ptw_entry_bytes(r) != (is->wide ? 8u : 4u) || !ptw_is_riscv(r) ||
        ptw_is_x86(r) || ptw_is_aarch64(r) ||
        strcmp(ptw_right_letters(r), "rwxu") != 0) {
        fz_stop(ASK_REGIMES, "%s has %u levels", is->name, ptw_levels(r));
    }
    if (ptw_root_check(ptw_root_of(r, ptw_pa_of(number))) != st) {
        fz_fail(ASK_REGIMES, "%s: whether %llx is a root", is->name,
                HEX(number));
    }
    cpu.pa_bits = is->pa_bits;
    if (ptw_regime_by_name(ptw_regime_name(r), &cpu, 0, &again, NULL) !=
        PTW_OK) {
        fz_fail(ASK_REGIMES, "a regime does not know its own name %s",
                is->name);
    }
    for (unsigned i = 0; i < entries; i++) {
        check_entry(r, is);
    }
}

static void check_regime(const struct ptw_regime *r, const struct is *is,
                         uint64_t number, unsigned entries)
{
    uint64_t root = (number & (one(is->wide ? 44 : 22) - 1)) << 12;

    root = is->levels == 0 ? 0 : root;
    fz_say("    %s, %u bits, features %x; about %llx\n", is->name, is->pa_bits,
           ptw_features_of(r), HEX(number));
    if (strcmp(ptw_regime_name(r), is->name) != 0 ||
        ptw_pa_bits(r) != is->pa_bits || ptw_va_bits(r) != va_bits(is) ||
        ptw_features_of(r) != features_of(is)) {
        fz_stop(ASK_REGIMES,
                "%s, %u bits, features %x, is to be %s, %u bits, %x",
                ptw_regime_name(r), ptw_pa_bits(r), ptw_features_of(r),
                is->name, is->pa_bits, features_of(is));
    }
    if (ptw_canonical(r, ptw_va_of(number)) != canonical(is, number)) {
        fz_fail(ASK_REGIMES, "%s: %llx is %scanonical", is->name, HEX(number),
                canonical(is, number) ? "" : "not ");
    }
    if (ptw_riscv_root(r, number).table.v != root) {
        fz_fail(ASK_REGIMES, "%s: the root in %llx is %llx", is->name,
                HEX(number), HEX(ptw_riscv_root(r, number).table.v));
    }
    if (is->levels == 0) {
        fz_check_bare(r);
        fz_refuses_bare(r);
    } else {
        check_paged(r, is, number, entries);
    }
    if (entries >= FZ_MANY_ENTRIES) {
        fz_check_policies(r, next_number());
    }
}

/* A number, and others like it: a root, and addresses of both halves. */
static void check_regime_about(const struct ptw_regime *r, const struct is *is,
                               uint64_t number, unsigned entries)
{
    uint64_t within = next_number() >> (64 - va_bits(is));

    check_regime(r, is, number, entries);
    check_regime(r, is, number & ~(uint64_t)0xFFF, entries);
    check_regime(r, is, within & ~(uint64_t)0xFFF, entries);
    check_regime(r, is, ~(within >> 1), entries);
}

/* More features, of which some have no meaning here. */
static void add_features(struct ptw_regime *r, struct is *is, unsigned more)
{
    struct ptw_regime out = *r;
    struct is with = *is;
    const char *why = NULL;
    bool known = (more & NONE_SUCH) == 0 &&
                 (is->wide || (more & (SVNAPOT | SVPBMT)) == 0) &&
                 (is->levels > 0 || more == 0);
    enum ptw_status st = ptw_regime_with(r, library_features(more), &out, &why);

    set_features(&with, more | (is->svnapot ? SVNAPOT : 0u) |
                            (is->svpbmt ? SVPBMT : 0u) |
                            (is->zicfiss ? ZICFISS : 0u));
    if (st != (known ? PTW_OK : PTW_E_REGIME) ||
        (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES, "%s with more features, %x: %s", is->name,
                library_features(more), ptw_status_text(st));
    }
    if (st == PTW_OK) {
        *is = with;
    }
    *r = out;
}

/* ---------------------------------------------------------------- registers */

/* PTW_OK, and what satp selects; or why it is refused.  cpu_bits 0: none is
 * given. */
static enum ptw_status selected(const struct ptw_riscv_registers *g,
                                unsigned cpu_bits, struct is *is)
{
    unsigned mode =
        g->xlen == 32 ? field(g->satp, 31, 31) * 7 : field(g->satp, 63, 60);
    unsigned most = 56;

    memset(is, 0, sizeof *is);
    if ((g->xlen != 32 && g->xlen != 64) ||
        (g->xlen == 32 && g->satp > UINT32_MAX)) {
        return PTW_E_CONFLICT;
    }
    is->wide = g->xlen == 64;
    if (mode == 0) {
        is->name = "bare";
        is->wide = false;
        most = g->xlen == 32 ? 32 : 56;
    } else if (g->xlen == 32) {
        is->name = "sv32";
        is->levels = 2;
        most = 34;
    } else if (mode >= 8 && mode <= 10) {
        is->name = fz_riscv_names[mode - 7];
        is->levels = mode - 5;
    } else {
        return PTW_E_REGIME;
    }
    if (cpu_bits != 0 && (cpu_bits < 32 || cpu_bits > 56)) {
        return PTW_E_WIDTH;
    }
    is->pa_bits = cpu_bits == 0 || cpu_bits > most ? most : cpu_bits;
    return PTW_OK;
}

enum { NO_CPU = 1, FLAGS = 2 };

void fz_riscv_registers(const struct fz_records *in, uint64_t seed,
                        unsigned entries)
{
    static const unsigned xlen[4] = {64, 32, 128, 64};
    const uint8_t *record = in->record;
    unsigned options = (unsigned)fz_get(record, RISCV_OPTIONS);
    unsigned features = (unsigned)fz_get(record, RISCV_FEATURES);
    bool no_cpu = (options & NO_CPU) != 0;
    struct ptw_cpu cpu = {
        .pa_bits = (unsigned)fz_get(record, RISCV_WIDTH),
        .flag_bits = (options & FLAGS) != 0 ? one(40) : 0,
    };
    struct ptw_riscv_registers g = {
        .satp = fz_get(record, RISCV_SATP),
        .xlen = xlen[fz_get(record, RISCV_XLEN) % 4],
        .features = library_features(features),
    };
    const char *why = NULL;
    struct ptw_regime r;
    struct is is;
    enum ptw_status expect;
    enum ptw_status st;

    numbers = (seed ^ fz_get(record, RISCV_SALT) << 16) | 1;
    /* A width of 0 is none that a processor has. */
    expect = selected(&g, no_cpu ? 0 : cpu.pa_bits == 0 ? 1 : cpu.pa_bits, &is);
    if (expect == PTW_OK && cpu.flag_bits != 0 && !no_cpu) {
        expect = PTW_E_WIDTH;
    }
    st = ptw_regime_from_riscv(&g, no_cpu ? NULL : &cpu, &r, &why);
    fz_note((uint64_t)st);
    fz_say("satp %llx of %u bits, features %x, %u bits: %s%s%s\n", HEX(g.satp),
           g.xlen, g.features, cpu.pa_bits, ptw_status_text(st),
           why != NULL ? ", " : "", why != NULL ? why : "");
    if (st != expect || (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES, "satp %llx of %u bits, %u bits: %s", HEX(g.satp),
                g.xlen, cpu.pa_bits, ptw_status_text(st));
    }
    if (st != PTW_OK) {
        return;
    }
    set_features(&is, features);
    check_regime(&r, &is, g.satp, entries);
    check_regime_about(&r, &is, fz_value(in, FZ_ABOUT, next_number()), entries);
    add_features(&r, &is, (unsigned)fz_get(record, RISCV_MORE) & 15);
    check_regime(&r, &is, next_number(), entries);
}

/* -------------------------------------------------------------------- names */

bool fz_riscv_name(const char *name, const struct ptw_cpu *cpu,
                   unsigned without, unsigned more, uint64_t seed)
{
    static const unsigned adds[4] = {0, ZICFISS, ZICFISS | NONE_SUCH,
                                     SVNAPOT | SVPBMT};
    struct is is = {.name = name};
    const char *why = NULL;
    struct ptw_regime r;
    enum ptw_status expect;
    enum ptw_status st;
    unsigned bits = cpu == NULL ? 56 : cpu->pa_bits;

    while (is.levels < FZ_RISCV_NAMES &&
           strcmp(name, fz_riscv_names[is.levels]) != 0) {
        is.levels++;
    }
    if (is.levels == FZ_RISCV_NAMES) {
        return false;
    }
    is.name = fz_riscv_names[is.levels];
    is.wide = is.levels > 0;
    is.levels += 2;
    set_features(&is, SVNAPOT | SVPBMT);
    is.svnapot = is.svnapot && (without & PTW_RISCV_SVNAPOT) == 0;
    is.svpbmt = is.svpbmt && (without & PTW_RISCV_SVPBMT) == 0;
    is.pa_bits = !is.wide && bits > 34 ? 34 : bits;
    expect = bits < 32 || bits > 56 ? PTW_E_WIDTH : PTW_OK;
    numbers = seed | 1;
    st = ptw_regime_by_name(name, cpu, without, &r, &why);
    fz_note((uint64_t)st);
    fz_say("the regime '%s', %u bits, without %x: %s%s%s\n", name, bits,
           without, ptw_status_text(st), why != NULL ? ", " : "",
           why != NULL ? why : "");
    if (st != expect || (st != PTW_OK && (why == NULL || why[0] == '\0'))) {
        fz_stop(ASK_REGIMES, "the regime %s, %u bits: %s", name, bits,
                ptw_status_text(st));
    }
    if (st == PTW_OK) {
        check_regime(&r, &is, next_number(), FZ_MANY_ENTRIES);
        add_features(&r, &is, adds[more % 4]);
        check_regime_about(&r, &is, next_number(), FZ_MANY_ENTRIES);
    }
    return true;
}
