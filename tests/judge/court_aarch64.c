/* SPDX-License-Identifier: Apache-2.0 */
/* AArch64 under QEMU's emulator.  Arm Architecture Reference Manual for A-profile
 * architecture, chapter D8, "The AArch64 Virtual Memory System Architecture".
 *
 * The guest runs at EL3, without translation but where EL3's own tables are tried.
 * It asks with AT instructions, which answer in PAR_EL1, and it accesses at EL0 to EL3
 * itself.  There, the exception's vectors have to be mapped: in the half that is not
 * tried, or by an entry of the root that is the guest's. */
#include "court.h"
#include "qemu_aarch64.h"

#include <stdio.h>
#include <string.h>

static uint64_t one(unsigned bit)
{
    return (uint64_t)1 << bit;
}

/* Bits of entries: "VMSAv8-64 descriptor formats". */
static const uint64_t VALID = 1;
static const uint64_t TABLE_OR_PAGE = 3;
static const uint64_t AP_ALL_READ = (uint64_t)3 << 6;
static const uint64_t SH_INNER = (uint64_t)3 << 8;
static const uint64_t AP_READ_ONLY = (uint64_t)1 << 7;
static const uint64_t AF = (uint64_t)1 << 10;
static const uint64_t DBM = (uint64_t)1 << 51;

extern const uint8_t qemu_aarch64[];
extern const size_t qemu_aarch64_bytes;

/* What the processor of a board has. */
struct processor {
    unsigned pa_bits;
    bool lpa2; /* FEAT_LPA2 */
    bool lva;  /* FEAT_LVA and FEAT_LPA */
    bool ttst; /* FEAT_TTST */
    bool e0pd; /* FEAT_E0PD */
};

static const struct processor processors[] = {
    {.pa_bits = 52, .lpa2 = true, .lva = true, .ttst = true, .e0pd = true},
    {.pa_bits = 52, .lva = true, .ttst = true, .e0pd = true},
    {.pa_bits = 48},
    {.pa_bits = 40},
};

#define BOARD(cpu)                                                             \
    {                                                                          \
        "qemu-system-aarch64",                                                 \
            "virt,secure=on,virtualization=on,memory-backend=ram", cpu,        \
            QEMU_RAM_AARCH64, QEMU_IMAGE_AARCH64, qemu_aarch64,                \
            &qemu_aarch64_bytes, true                                          \
    }

static const struct emulator_board boards[] = {
    BOARD("max"),
    BOARD("max,lpa2=off"),
    BOARD("neoverse-n1"),
    BOARD("cortex-a76"),
};

/* The mode, in `own` of the court. */
enum { OWN_LEVEL, OWN_FLAGS };

enum mode_flag {
    MODE_UPPER = 1, /* the half of TTBR1 */
    MODE_DS = 2,    /* bits 9:8 of an entry hold bits 51:50 of its address */
    MODE_LPA = 4,   /* bits 15:12 hold bits 51:48 */
    MODE_REAL = 8,  /* there are real accesses, and not just probes */
    MODE_HA = 16,
    MODE_E0PD = 32,
    MODE_HD = 64,
    MODE_EPD = 128, /* nothing is walked */
};

static bool is(const struct court *c, enum mode_flag flag)
{
    return (c->own[OWN_FLAGS] & flag) != 0;
}

static bool has_halves(const struct court *c)
{
    return c->own[OWN_LEVEL] == QEMU_EL10 || c->own[OWN_LEVEL] == QEMU_EL20;
}

/* ----------------------------------------------------------------- entries */

static uint64_t put_address(const struct court *c, uint64_t pa)
{
    if (is(c, MODE_DS)) {
        return (pa & oracle_ones(49, 12)) | (pa >> 50 & 3) << 8;
    }
    if (is(c, MODE_LPA)) {
        return (pa & oracle_ones(47, 16)) | (pa >> 48 & 15) << 12;
    }
    return pa & oracle_ones(47, 12);
}

static uint64_t entry_pa(const struct court *c, uint64_t entry)
{
    uint64_t low = oracle_ones(c->shape.page_log2 - 1, 0);

    if (is(c, MODE_DS)) {
        return (entry & oracle_ones(49, 12) & ~low) | (entry >> 8 & 3) << 50;
    }
    if (is(c, MODE_LPA)) {
        return (entry & oracle_ones(47, 16)) | (entry >> 12 & 15) << 48;
    }
    return entry & oracle_ones(47, 12) & ~low;
}

/* Each of these bits, in one of so many entries. */
static uint64_t some_of(struct court *c, unsigned in, uint64_t bits)
{
    uint64_t some = 0;

    for (; bits != 0; bits &= bits - 1) {
        some |= one_in(&c->dice, in) ? bits & -bits : 0;
    }
    return some;
}

static uint64_t leaf(struct court *c, unsigned level, uint64_t pa)
{
    uint64_t entry = put_address(c, pa) | (level == 0 ? TABLE_OR_PAGE : VALID);

    /* AttrIndx, AP, nG, DBM, software's bits. */
    entry |= some_of(c, 2,
                     oracle_ones(4, 2) | oracle_ones(7, 6) | one(11) |
                         oracle_ones(58, 55));
    entry |= is(c, MODE_DS) ? 0 : some_of(c, 2, SH_INNER);
    entry |= one_in(&c->dice, 6) ? 0 : AF;
    entry |= some_of(c, 3, one(51) | one(53) | one(54)); /* DBM, PXN, UXN */
    /* NS, Contiguous, GP, ignored ones. */
    entry |= some_of(c, 6, one(5) | one(52) | one(50) | oracle_ones(63, 59));
    entry |= level > 0 ? some_of(c, 16, one(16)) : 0; /* nT */
    return entry;
}

static uint64_t reference(struct court *c, unsigned level, uint64_t pa)
{
    uint64_t entry = put_address(c, pa) | TABLE_OR_PAGE;

    (void)level;
    /* NSTable, APTable, UXNTable, PXNTable; ignored ones. */
    entry |= some_of(c, 9, oracle_ones(63, 59));
    entry |= some_of(
        c, 3, oracle_ones(58, 51) | oracle_ones(7, 2) | oracle_ones(11, 10));
    entry |= is(c, MODE_DS) ? 0 : some_of(c, 3, oracle_ones(9, 8));
    return entry;
}

static uint64_t spoilt(struct court *c, unsigned level, uint64_t entry)
{
    unsigned shift = c->shape.shift[level];

    switch (roll_below(&c->dice, 4)) {
    case 0:
        return entry ^ one((unsigned)roll_below(&c->dice, 2));
    case 1:
        return entry ^ one(32 + (unsigned)roll_below(&c->dice, 20));
    case 2: /* what is not address */
        return entry ^ one(12 + (unsigned)roll_below(&c->dice, shift - 11));
    default:
        return entry ^ one((unsigned)roll_below(&c->dice, 64));
    }
}

static bool leads(const struct court *c, uint64_t entry, uint64_t *pa)
{
    *pa = entry_pa(c, entry);
    return (entry & 3) == TABLE_OR_PAGE;
}

static unsigned leaf_in(const struct court *c, unsigned level)
{
    return level == 1 ? 3 : level + 1 == c->shape.levels ? 10 : 6;
}

/* --------------------------------------------------------- the guest's page */

static uint64_t guest_page(void)
{
    return QEMU_RAM_AARCH64 + QEMU_IMAGE_AARCH64 + QEMU_PAGE_AT;
}

static void put_at(const struct court *c, uint64_t table, uint64_t index,
                   uint64_t entry)
{
    memcpy(emulator_host(&c->e, table + index * 8), &entry, sizeof entry);
}

/* A page or block that may be read and run. */
static uint64_t readable(const struct court *c)
{
    return AF | AP_ALL_READ | (is(c, MODE_DS) ? 0 : SH_INNER);
}

/* The other half has four levels of 4 KiB, and in it a block of 1 GiB, at its own
 * address. */
static uint64_t map_other_half(const struct court *c)
{
    uint64_t top = QEMU_RAM_AARCH64 + QEMU_PRIVATE;
    uint64_t below = top + 0x1000;

    put_at(c, top, 0, below | TABLE_OR_PAGE);
    put_at(c, below, QEMU_RAM_AARCH64 >> 30,
           QEMU_RAM_AARCH64 | VALID | readable(c));
    return top;
}

/* The page at its own address, by tables of its own below an entry of the root. */
static void keep_page(struct court *c)
{
    struct court_shape *s = &c->shape;
    unsigned top = s->levels - 1;
    uint64_t table = QEMU_RAM_AARCH64 + QEMU_PRIVATE;

    s->kept = true;
    s->kept_index = (unsigned)(guest_page() >> s->shift[top]);
    s->kept_entry = table | TABLE_OR_PAGE;
    for (unsigned level = top; level-- > 0;) {
        uint64_t index = guest_page() >> s->shift[level] &
                         oracle_ones(s->bits[level] - 1, 0);
        uint64_t next = table + ((uint64_t)1 << s->page_log2);

        put_at(c, table, index,
               level > 0 ? next | TABLE_OR_PAGE
                         : guest_page() | TABLE_OR_PAGE | readable(c));
        table = next;
    }
}

/* -------------------------------------------------------------------- mode */

/* The sizes of (I)PS. */
static const unsigned outputs[] = {32, 36, 40, 42, 44, 48, 52};

/* Where TCR_ELx has what. */
struct tcr {
    unsigned size;
    unsigned granule;
    unsigned output;
    unsigned tbi;
    unsigned ha;
    unsigned hd;
    unsigned hpd;
    unsigned tbid;
    unsigned ds;
    unsigned e0pd;
    unsigned epd;
};

static struct tcr layout(const struct court *c)
{
    static const struct tcr alone = {0, 14, 16, 20, 21, 22, 24, 29, 32, 0, 0};
    static const struct tcr lower = {0, 14, 32, 37, 39, 40, 41, 51, 59, 55, 7};
    static const struct tcr upper = {16, 30, 32, 38, 39, 40,
                                     42, 52, 59, 56, 23};

    return !has_halves(c) ? alone : is(c, MODE_UPPER) ? upper : lower;
}

/* TG0 and TG1, by log2 of the granule. */
static uint64_t granule_bits(bool upper, unsigned log2)
{
    if (upper) {
        return log2 == 12 ? 2 : log2 == 14 ? 1 : 3;
    }
    return log2 == 12 ? 0 : log2 == 14 ? 2 : 1;
}

static unsigned choose_va_bits(struct court *c, const struct processor *p,
                               bool ds)
{
    /* Those that the naive walker knows. */
    static const unsigned known[] = {48, 47, 42, 40, 39};
    unsigned log2 = c->shape.page_log2;
    unsigned most = ds || (log2 == 16 && p->lva) ? 52 : 48;
    unsigned least = !p->ttst ? 25 : log2 == 16 ? 17 : 16;

    /* EL3's page has to be mapped. */
    if (c->own[OWN_LEVEL] == QEMU_EL3) {
        least = 31;
    }
    switch (roll_below(&c->dice, 4)) {
    case 0:
        return most;
    case 1:
        return known[roll_below(&c->dice, sizeof known / sizeof *known)];
    default:
        return least + (unsigned)roll_below(&c->dice, most - least + 1);
    }
}

static void set_shape(struct court *c, unsigned va_bits)
{
    struct court_shape *s = &c->shape;
    unsigned stride = s->page_log2 - 3;

    s->va_bits = va_bits;
    s->entry_bytes = 8;
    for (unsigned at = s->page_log2; at < va_bits; at += stride) {
        s->shift[s->levels] = at;
        s->bits[s->levels++] = va_bits - at < stride ? va_bits - at : stride;
    }
    s->above = is(c, MODE_UPPER) ? ~oracle_ones(va_bits - 1, 0) : 0;
}

static uint64_t feature(struct court *c, bool there, unsigned bit)
{
    return there && one_in(&c->dice, 3) ? one(bit) : 0;
}

static bool set(struct court *c)
{
    static const uint8_t levels[] = {QEMU_EL10, QEMU_EL10, QEMU_EL20, QEMU_EL2,
                                     QEMU_EL3};
    static const unsigned granules[] = {12, 14, 16};
    const struct processor *p = &processors[c->board];
    struct court_shape *s = &c->shape;
    uint64_t *reg = c->e.mailbox->reg;
    struct ptw_cpu cpu = {.pa_bits = p->pa_bits};
    struct ptw_aarch64_registers regs = {0};
    const char *why = NULL;
    unsigned output = (unsigned)roll_below(&c->dice, 7);
    unsigned top;
    unsigned align;
    uint64_t root;
    uint64_t other = 0;
    struct tcr at;
    bool ds;

    memset(emulator_host(&c->e, QEMU_RAM_AARCH64 + QEMU_PRIVATE), 0, 0x80000);
    *s = (struct court_shape){.page_log2 = granules[c->round % 3]};
    c->own[OWN_LEVEL] = levels[roll_below(&c->dice, sizeof levels)];
    c->own[OWN_FLAGS] = has_halves(c) && one_in(&c->dice, 2) ? MODE_UPPER : 0;
    at = layout(c);
    ds = s->page_log2 < 16 && p->lpa2 && one_in(&c->dice, 2);
    output = one_in(&c->dice, 2) ? 6 : output;
    while (outputs[output] > p->pa_bits) {
        output--;
    }
    set_shape(c, choose_va_bits(c, p, ds));
    c->own[OWN_FLAGS] |= ds ? MODE_DS : 0;
    c->own[OWN_FLAGS] |=
        s->page_log2 == 16 && outputs[output] == 52 ? MODE_LPA : 0;
    regs.tcr = (uint64_t)(64 - s->va_bits) << at.size |
               granule_bits(is(c, MODE_UPPER), s->page_log2) << at.granule |
               (uint64_t)output << at.output | (ds ? one(at.ds) : 0) |
               feature(c, true, at.tbi) | feature(c, true, at.ha) |
               feature(c, true, at.hpd) | feature(c, true, at.tbid);
    if ((regs.tcr & one(at.ha)) != 0) {
        c->own[OWN_FLAGS] |= MODE_HA;
        if (one_in(&c->dice, 2)) {
            c->own[OWN_FLAGS] |= MODE_HD;
            regs.tcr |= one(at.hd);
        }
    }
    regs.sctlr = 0x30d00801 | feature(c, true, 19); /* WXN */
    top = s->levels - 1;
    align = s->bits[top] + 3;
    if (align < 6 && (is(c, MODE_LPA) || ds)) {
        align = 6;
    }
    c->root_at = roll_below(&c->dice, one(s->page_log2 - align)) << align;
    root = court_frame(c, top * (COURT_FRAMES / s->levels)) + c->root_at;
    if (has_halves(c)) {
        bool upper = is(c, MODE_UPPER);

        regs.tcr |= upper ? (uint64_t)16 << 0 | granule_bits(false, 12) << 14
                          : (uint64_t)16 << 16 | granule_bits(true, 12) << 30;
        if (p->e0pd && one_in(&c->dice, 6)) {
            regs.tcr |= one(at.e0pd);
            c->own[OWN_FLAGS] |= MODE_E0PD;
        }
        if (one_in(&c->dice, 30)) {
            regs.tcr |= one(at.epd);
            c->own[OWN_FLAGS] |= MODE_EPD;
        }
        other = map_other_half(c);
        regs.ttbr0 = upper ? other : root;
        regs.ttbr1 = upper ? root : other;
        reg[QEMU_OFFSET] = upper ? 0 : (uint64_t)0xffff << 48;
        c->own[OWN_FLAGS] |= MODE_REAL;
    } else {
        regs.tcr |= one(31) | one(23); /* RES1 */
        regs.sctlr = (regs.sctlr & one(19)) | 0x30c50831;
        regs.ttbr0 = root;
        reg[QEMU_OFFSET] = 0;
        if (s->va_bits > 30) {
            keep_page(c);
            c->own[OWN_FLAGS] |= MODE_REAL;
        }
    }
    /* Bits 5:2 of a TTBR are bits 51:48 of a root where there is no memory. */
    if (outputs[output] == 52 && (ds || is(c, MODE_LPA)) && s->levels < 5 &&
        c->own[OWN_LEVEL] != QEMU_EL3 && one_in(&c->dice, 20)) {
        *(is(c, MODE_UPPER) ? &regs.ttbr1 : &regs.ttbr0) |=
            (1 + roll_below(&c->dice, 15)) << 2;
        c->own[OWN_FLAGS] &=
            has_halves(c) ? ~(uint64_t)0 : ~(uint64_t)MODE_REAL;
    }
    regs.ttbr0 |= has_halves(c) ? roll(&c->dice) << 48 : 0; /* ASID */
    regs.el = c->own[OWN_LEVEL] == QEMU_EL10  ? 1
              : c->own[OWN_LEVEL] == QEMU_EL3 ? 3
                                              : 2;
    regs.hcr = one(31) | /* RW; E2H and TGE */
               (c->own[OWN_LEVEL] == QEMU_EL20 ? one(34) | one(27) : 0);
    regs.mair = 0xf44f7700bb0444ff;
    reg[QEMU_LEVEL] = c->own[OWN_LEVEL];
    reg[QEMU_HCR] = regs.hcr;
    reg[QEMU_SCTLR] = regs.sctlr;
    reg[QEMU_TCR] = regs.tcr;
    reg[QEMU_TTBR0] = regs.ttbr0;
    reg[QEMU_TTBR1] = regs.ttbr1;
    reg[QEMU_MAIR] = regs.mair;
    if (ptw_regime_from_aarch64(&regs, is(c, MODE_UPPER), &cpu, &c->regime,
                                &why) != PTW_OK) {
        snprintf(c->e.why, sizeof c->e.why, "TCR %llx: %s",
                 (unsigned long long)regs.tcr, why);
        return false;
    }
    if (ptw_aarch64_walks(&regs, is(c, MODE_UPPER)) == is(c, MODE_EPD)) {
        snprintf(c->e.why, sizeof c->e.why, "TCR %llx: EPD",
                 (unsigned long long)regs.tcr);
        return false;
    }
    c->root = ptw_aarch64_root(&c->regime,
                               is(c, MODE_UPPER) ? regs.ttbr1 : regs.ttbr0);
    s->above_counts = is(c, MODE_HD);
    s->tagged = (regs.tcr & one(at.tbi)) != 0;
    snprintf(c->mode, sizeof c->mode,
             "%s, %u bits of PA, features %x, TCR %llx, SCTLR %llx",
             ptw_regime_name(&c->regime), ptw_pa_bits(&c->regime),
             ptw_features_of(&c->regime), (unsigned long long)regs.tcr,
             (unsigned long long)regs.sctlr);
    return true;
}

static void oracle_of(const struct court *c, struct oracle_mode *mode)
{
    unsigned features = ptw_features_of(&c->regime);

    /* It knows one width, and there are two: PAMax() says that bits 15:12 are
     * address, and (I)PS that they have to be 0. */
    if (c->shape.page_log2 == 16 && processors[c->board].pa_bits == 52 &&
        !is(c, MODE_LPA)) {
        mode->format = NULL;
    }
    mode->hd = is(c, MODE_HD);
    mode->hpd = (features & PTW_AARCH64_HPD) != 0;
}

/* ---------------------------------------------------------- physical memory */

/* The board has devices below its RAM and from 256 GiB to 1 TiB. */
static uint64_t nowhere(struct court *c)
{
    if (one_in(&c->dice, 2)) {
        return 0x100000000 + (roll_below(&c->dice, 0x1000000) << 12);
    }
    return (one(41 + (unsigned)roll_below(&c->dice, 11)) |
            (roll(&c->dice) & 0xffffffff) << 12) &
           ~oracle_ones(c->shape.page_log2 - 1, 0);
}

static enum court_place place(uint64_t pa)
{
    if (pa >= QEMU_RAM_AARCH64 + QEMU_DATA &&
        pa < QEMU_RAM_AARCH64 + QEMU_DATA_END) {
        return COURT_DATA;
    }
    if (pa >= QEMU_RAM_AARCH64 && pa < QEMU_RAM_AARCH64 + QEMU_RAM_BYTES) {
        return COURT_RAM;
    }
    return pa < QEMU_RAM_AARCH64 || (pa >= one(38) && pa < one(40) + one(38))
               ? COURT_DEVICE
               : COURT_NOWHERE;
}

/* movz x0, #bits 15:0; movk x0, #bits 31:16, lsl 16; the same; svc #0.  The entries
 * that begin here are even: absent. */
static void instructions(uint8_t *line, uint64_t pa)
{
    uint32_t low = (uint32_t)(pa & 0xffff);
    uint32_t high = (uint32_t)(pa >> 16 & 0xffff);
    uint32_t code[] = {0xd2800000 | low << 5, 0xf2a00000 | high << 5,
                       0xf2a00000 | high << 5, 0xd4000001};

    memcpy(line, code, sizeof code);
}

/* --------------------------------------------------------------- questions */

static void question(struct court *c, struct qemu_question *q)
{
    q->kind = (uint8_t)roll_below(&c->dice, 5);
    if (!is(c, MODE_REAL) && q->kind <= QEMU_EXEC) {
        q->kind = one_in(&c->dice, 2) ? QEMU_PROBE_READ : QEMU_PROBE_WRITE;
    }
    if (has_halves(c)) {
        q->user = one_in(&c->dice, 2);
        q->mode = !q->user && one_in(&c->dice, 2) ? QEMU_PAN : 0;
        /* Bit 55 chooses the half. */
        q->va = is(c, MODE_UPPER) ? q->va | one(55) : q->va & ~one(55);
    }
}

static struct ptw_access access_of(const struct court *c,
                                   const struct qemu_question *q)
{
    static const enum ptw_right rights[] = {[QEMU_READ] = PTW_READ,
                                            [QEMU_WRITE] = PTW_WRITE,
                                            [QEMU_EXEC] = PTW_EXEC,
                                            [QEMU_PROBE_READ] = PTW_READ,
                                            [QEMU_PROBE_WRITE] = PTW_WRITE};

    (void)c;
    return (struct ptw_access){
        .right = rights[q->kind],
        .user = q->user != 0,
        .allow = q->mode & QEMU_PAN ? (unsigned)PTW_AARCH64_PAN : 0};
}

static uint64_t plain_va(const struct court *c, const struct qemu_question *q)
{
    return ptw_aarch64_untag(&c->regime, q->kind == QEMU_EXEC, ptw_va_of(q->va))
        .v;
}

/* Devices are asked for and not touched. */
static bool harmless(struct court *c, struct qemu_question *q)
{
    (void)c;
    if (q->kind == QEMU_EXEC) {
        return false;
    }
    if (q->kind == QEMU_READ) {
        q->kind = QEMU_PROBE_READ;
    } else if (q->kind == QEMU_WRITE) {
        q->kind = QEMU_PROBE_WRITE;
    }
    return true;
}

/* "ISS encoding for an exception from a Data Abort": a fault may be of level -1. */
static const char *unasked(const struct court *c, const struct court_verdict *v)
{
    (void)c;
    if (is(c, MODE_EPD)) {
        return NULL;
    }
    return v->level == 4 && v->answer != COURT_OUTSIDE
               ? "QEMU 7.2 does not survive a fault at level -1"
               : NULL;
}

/* Bits of a leaf that are below its address, as if they were some of it. */
static uint64_t below_block(const struct court *c,
                            const struct court_verdict *v)
{
    return entry_pa(c, v->raw) & oracle_ones(c->shape.shift[v->level] - 1, 0);
}

static const char *excused(const struct court *c, const struct qemu_question *q,
                           const struct court_verdict *v)
{
    bool ds = is(c, MODE_DS);
    bool narrow = ptw_pa_bits(&c->regime) < 52;

    /* AArch64.S1DirectBasePermissions: "Descriptors marked with DBM set have the
     * effective value of AP[2] cleared", so that what EL0 may come to write does not
     * run at EL1, and with WXN nothing of it runs. */
    if (v->answer == COURT_FORBIDDEN && q->kind == QEMU_EXEC &&
        is(c, MODE_HD) && (v->raw & DBM) != 0 && (v->raw & AP_READ_ONLY) != 0) {
        return "QEMU 7.2 runs what DBM and HD make writable until it is "
               "written";
    }
    /* AArch64.LeafBase: the address of a block is Align(descriptor<47:0>, its
     * size), and AArch64.OAOutOfRange() sees no more of it. */
    if ((v->answer == COURT_PASSES || v->answer == COURT_FORBIDDEN) &&
        below_block(c, v) >> ptw_pa_bits(&c->regime) != 0) {
        return "QEMU 7.2 compares bits below a block's address with (I)PS";
    }
    /* "TCR_EL1", TBIDn: TBI is for data alone. */
    if (v->answer == COURT_OUTSIDE && q->kind == QEMU_EXEC && c->shape.tagged) {
        return "QEMU 7.2 runs by a tagged address what was read by it, "
               "whatever "
               "TBID says";
    }
    if (v->answer != COURT_BAD) {
        return NULL;
    }
    /* The manual's pseudocode, AArch64.BlocktFault: "Translation fault" where
     * AArch64.BlockDescSupported() is false, as at level 1 of 16 KiB without DS. */
    if ((v->raw & 3) == VALID && v->level > 0) {
        return "QEMU 7.2 has blocks at every level but the last";
    }
    /* AArch64.LeafBase and AArch64.NextTableBase: with a granule of 64 KiB and
     * AArch64.PAMax() of 52, bits 15:12 are bits 51:48 of the address; with DS,
     * bits 9:8 are bits 51:50; and AArch64.OAOutOfRange() compares them with
     * (I)PS. */
    if (narrow && c->shape.page_log2 == 16 &&
        (v->raw & oracle_ones(15, 12)) != 0) {
        return "QEMU 7.2 ignores bits 15:12 where (I)PS says less than 52 bits";
    }
    if (narrow && ds && (v->raw & oracle_ones(9, 8)) != 0) {
        return "QEMU 7.2 ignores bits 9:8 where (I)PS says less than 52 bits";
    }
    return NULL;
}

/* ------------------------------------------------------------------ answers */

/* "ISS encoding for an exception from a Data Abort", DFSC; PAR_EL1.FST and IFSC are
 * the same. */
enum fault {
    ADDRESS_SIZE,
    TRANSLATION,
    ACCESS_FLAG,
    PERMISSION,
    EXTERNAL,
    EXTERNAL_ON_WALK,
    OTHER,
    NONE
};

struct outcome {
    enum fault fault;
    unsigned level; /* from the leaves up */
    uint64_t pa;    /* NONE: by a probe */
};

static struct outcome fault_of(uint64_t status)
{
    struct outcome o = {OTHER, 3 - (unsigned)(status & 3), 0};

    status &= 0x3f;
    if (status < 0x10) {
        o.fault = (enum fault)(status >> 2);
    } else if (status == 0x10) {
        o.fault = EXTERNAL;
    } else if (status >= 0x14 && status < 0x18) {
        o.fault = EXTERNAL_ON_WALK;
    } else if (status == 0x13 || status == 0x29 || status == 0x2b) {
        o.fault = status == 0x13   ? EXTERNAL_ON_WALK
                  : status == 0x29 ? ADDRESS_SIZE
                                   : TRANSLATION;
        o.level = 4;
    }
    return o;
}

static struct outcome outcome(const struct court *c,
                              const struct qemu_question *q)
{
    bool probe = q->kind == QEMU_PROBE_READ || q->kind == QEMU_PROBE_WRITE;
    unsigned class = (unsigned)(q->cause >> 26 & 0x3f);
    struct outcome o = {NONE, 0, 0};

    (void)c;
    if (q->cause == QEMU_PASSED) {
        if (probe && (q->value & 1) != 0) {
            return fault_of(q->value >> 1);
        }
        o.pa = (q->value & oracle_ones(51, 12)) | (q->va & 0xfff);
        return o;
    }
    /* SVC; aborts of instructions and data, from below or the same level. */
    if (class == 0x15 && !probe) {
        return o;
    }
    if (class == 0x20 || class == 0x21 || class == 0x24 || class == 0x25) {
        return fault_of(q->cause);
    }
    o.fault = OTHER;
    return o;
}

static bool passes(const struct court *c, const struct qemu_question *q,
                   const struct court_verdict *v, struct outcome o)
{
    enum court_place at = place(v->pa);
    static const uint8_t mair[] = {0xff, 0x44, 0x04, 0xbb,
                                   0x00, 0x77, 0x4f, 0xf4};

    if (q->kind == QEMU_PROBE_READ || q->kind == QEMU_PROBE_WRITE) {
        struct ptw_attributes a =
            ptw_attributes_of(&c->regime, v->level, v->raw);

        return o.fault == NONE && o.pa == v->pa &&
               q->value >> 56 == mair[a.memory_type];
    }
    if (at == COURT_NOWHERE) {
        return o.fault == EXTERNAL;
    }
    if (o.fault != NONE || at != COURT_DATA) {
        return o.fault == NONE;
    }
    return q->kind == QEMU_WRITE
               ? *emulator_host(&c->e, v->pa) == QEMU_WRITTEN
               : q->value == (q->kind == QEMU_READ ? v->pa : v->pa - LINE / 2);
}

static bool agrees(const struct court *c, const struct qemu_question *q,
                   const struct court_verdict *v)
{
    struct outcome o = outcome(c, q);

    /* "TCR_EL1", EPDn: a level 0 Translation fault. */
    if (is(c, MODE_EPD)) {
        return o.fault == TRANSLATION;
    }
    /* "TCR_EL1", E0PDn: a level 0 Translation fault. */
    if (q->user && is(c, MODE_E0PD)) {
        return o.fault == TRANSLATION && v->answer != COURT_PASSES;
    }
    switch (v->answer) {
    case COURT_PASSES:
        return passes(c, q, v, o);
    case COURT_ABSENT:
        return o.fault == TRANSLATION && o.level == v->level;
    case COURT_BAD:
        return (o.fault == ADDRESS_SIZE ||
                (o.fault == TRANSLATION && (v->raw & 3) == VALID)) &&
               o.level == v->level;
    case COURT_REFUSED:
        return o.fault == EXTERNAL_ON_WALK && o.level == v->level;
    case COURT_OUTSIDE:
        return o.fault == TRANSLATION;
    case COURT_FORBIDDEN:
        return o.fault == ((v->raw & AF) == 0 && !is(c, MODE_HA)
                               ? ACCESS_FLAG
                               : PERMISSION) &&
               o.level == v->level;
    case COURT_ANSWERS:
        break;
    }
    return false;
}

const struct court_family court_aarch64 = {
    .name = "aarch64",
    .boards = boards,
    .n_boards = sizeof boards / sizeof *boards,
    .rounds = 250,
    .run_at = 32,
    .set = set,
    .oracle = oracle_of,
    .leaf = leaf,
    .reference = reference,
    .spoilt = spoilt,
    .leads = leads,
    .leaf_in = leaf_in,
    .nowhere = nowhere,
    .place = place,
    .instructions = instructions,
    .question = question,
    .access = access_of,
    .plain = plain_va,
    .harmless = harmless,
    .unasked = unasked,
    .excused = excused,
    .agrees = agrees,
};
