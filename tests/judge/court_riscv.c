/* SPDX-License-Identifier: Apache-2.0 */
/* RISC-V under QEMU's emulators.  The RISC-V Instruction Set Manual, volume II,
 * "Supervisor-Level ISA". */
#include "court.h"

#include <stdio.h>
#include <string.h>

static const uint64_t V = 1;
static const uint64_t RISCV_R = 1 << 1;
static const uint64_t RISCV_W = 1 << 2;
static const uint64_t RISCV_X = 1 << 3;
static const uint64_t RISCV_U = 1 << 4;
static const uint64_t RISCV_G = 1 << 5;
static const uint64_t RISCV_A = 1 << 6;
static const uint64_t RISCV_D = 1 << 7;
static const uint64_t RSW = 3 << 8;
static const uint64_t N = (uint64_t)1 << 63;
static const uint64_t PBMT = (uint64_t)3 << 61;
static const uint64_t RESERVED = (uint64_t)0x7f << 54;

/* Bits of menvcfg: QEMU 7.2 knows no ADUE and does what it says; its successors
 * ask. */
static const uint64_t PBMTE = (uint64_t)1 << 62;
static const uint64_t ADUE = (uint64_t)1 << 61;

enum { PPN_AT = 10 };

/* Where instructions stand in a line: each entry that starts in the line is even
 * there, and absent. */
enum { RUN_AT = 34 };

/* Registers in the mailbox. */
enum { SATP, MENVCFG };

/* Bits of a question's mode: from bit 16 on, those of mstatus. */
enum { MODE_SUM = 1 << 2, MODE_MXR = 1 << 3 };

/* "Supervisor Cause Register (scause) Values After Trap", which mcause has, too. */
enum {
    FETCH_ACCESS = 1,
    BREAKPOINT = 3,
    LOAD_ACCESS = 5,
    STORE_ACCESS = 7,
    FETCH_PAGE = 12,
    LOAD_PAGE = 13,
    STORE_PAGE = 15
};

extern const uint8_t qemu_riscv64[], qemu_riscv32[];
extern const size_t qemu_riscv64_bytes, qemu_riscv32_bytes;

/* The boards of RV64: bit 0 of a board's number is Svnapot, bit 1 Svpbmt.  QEMU 7.2
 * does not look at menvcfg.PBMTE, which is set where there is Svpbmt. */
enum { BOARD_SVNAPOT = 1, BOARD_SVPBMT = 2, BOARDS_64 = 4 };

static bool is_32(const struct court *c)
{
    return c->family == &court_riscv32;
}

static bool has_extensions(const struct court *c)
{
    return c->board != 0;
}

/* -------------------------------------------------------------------- mode */

static uint64_t choose_satp(struct court *c, unsigned levels, uint64_t root)
{
    uint64_t asid = roll(&c->dice);

    if (is_32(c)) {
        return (uint64_t)1 << 31 | (asid & 0x1ff) << 22 | root >> 12;
    }
    return (uint64_t)(levels + 5) << 60 | (asid & 0xffff) << 44 | root >> 12;
}

static bool set(struct court *c)
{
    struct court_shape *s = &c->shape;
    unsigned levels = is_32(c) ? 2 : 3 + c->round % 3;
    bool pbmt = (c->board & BOARD_SVPBMT) != 0;
    struct ptw_riscv_registers regs = {
        .xlen = is_32(c) ? 32 : 64,
        .features = ((c->board & BOARD_SVNAPOT) != 0 ? PTW_RISCV_SVNAPOT : 0U) |
                    (pbmt ? PTW_RISCV_SVPBMT : 0U)};
    const char *why = NULL;

    /* "Sv32: Page-Based 32-bit Virtual-Memory Systems": physical addresses have 34
     * bits.  QEMU 7.2 drops the upper two, so that no entry has any. */
    *s = (struct court_shape){.never = is_32(c) ? (uint64_t)3 << 30 : 0,
                              .levels = levels,
                              .entry_bytes = is_32(c) ? 4 : 8,
                              .page_log2 = 12,
                              .va_bits = is_32(c) ? 32 : 12 + 9 * levels,
                              .sign_extended = !is_32(c)};
    for (unsigned level = 0; level < levels; level++) {
        s->bits[level] = is_32(c) ? 10 : 9;
        s->shift[level] = 12 + level * s->bits[level];
    }
    regs.satp = choose_satp(
        c, levels, court_frame(c, (levels - 1) * (COURT_FRAMES / levels)));
    c->e.mailbox->reg[SATP] = regs.satp;
    c->e.mailbox->reg[MENVCFG] = ADUE | (pbmt ? PBMTE : 0);
    if (ptw_regime_from_riscv(&regs, NULL, &c->regime, &why) != PTW_OK) {
        snprintf(c->e.why, sizeof c->e.why, "%s", why);
        return false;
    }
    c->root = ptw_riscv_root(&c->regime, regs.satp);
    snprintf(c->mode, sizeof c->mode, "%s, features %x",
             ptw_regime_name(&c->regime), ptw_features_of(&c->regime));
    return true;
}

static void oracle_of(const struct court *c, struct oracle_mode *mode)
{
    mode->svnapot = (c->board & BOARD_SVNAPOT) != 0;
    mode->svpbmt = (c->board & BOARD_SVPBMT) != 0;
}

/* ----------------------------------------------------------------- entries */

static uint64_t some_bits(struct court *c, uint64_t bits)
{
    return roll(&c->dice) & bits;
}

static uint64_t leaf(struct court *c, unsigned level, uint64_t pa)
{
    uint64_t entry = V | pa >> 12 << PPN_AT;

    entry |= some_bits(c, RISCV_G | RSW | RISCV_D | RISCV_U);
    entry |= one_in(&c->dice, 5) ? 0 : RISCV_A;
    if (one_in(&c->dice, 2)) {
        entry |= RISCV_R | RISCV_W | RISCV_X;
    } else {
        entry |= some_bits(c, RISCV_R | RISCV_W | RISCV_X);
    }
    if (is_32(c) || !one_in(&c->dice, has_extensions(c) ? 4 : 40)) {
        return entry;
    }
    if (one_in(&c->dice, 2)) {
        entry |= some_bits(c, PBMT);
    }
    if (one_in(&c->dice, level == 0 ? 2 : 12)) {
        entry |= N;
        if (!one_in(&c->dice, 4)) {
            entry &= ~((uint64_t)0xf << PPN_AT);
            entry |= (uint64_t)8 << PPN_AT;
        }
    }
    return entry;
}

static uint64_t reference(struct court *c, unsigned level, uint64_t pa)
{
    (void)level;
    return V | pa >> 12 << PPN_AT | some_bits(c, RISCV_G | RSW);
}

/* One bit wrong: wherever, or among the reserved ones, or in the low part of the
 * page number, which a large page has to leave zero; or a bit of a leaf. */
static uint64_t spoilt(struct court *c, unsigned level, uint64_t entry)
{
    unsigned bits = 8 * c->shape.entry_bytes;
    unsigned low = c->shape.shift[level] - 12;

    switch (roll_below(&c->dice, 4)) {
    case 0:
        return bits == 64
                   ? entry ^ (uint64_t)1 << (54 + roll_below(&c->dice, 10))
                   : entry ^ (uint64_t)1 << roll_below(&c->dice, bits);
    case 1:
        return low == 0 ? entry
                        : entry | (uint64_t)1
                                      << (PPN_AT + roll_below(&c->dice, low));
    case 2:
        return entry ^ (uint64_t)1 << roll_below(&c->dice, 8);
    default:
        return entry ^ (uint64_t)1 << roll_below(&c->dice, bits);
    }
}

static bool leads(const struct court *c, uint64_t entry, uint64_t *pa)
{
    uint64_t ppn = entry >> PPN_AT & (is_32(c) ? 0x3fffff : 0xfffffffffff);

    *pa = ppn << 12;
    return (entry & V) != 0 && (entry & (RISCV_R | RISCV_W | RISCV_X)) == 0;
}

static unsigned leaf_in(const struct court *c, unsigned level)
{
    return level == 1 ? 3 : level + 1 == c->shape.levels ? 12 : 8;
}

/* ---------------------------------------------------------- physical memory */

/* The board has devices below its RAM and, for PCIe, 4 GiB from 0x300000000 (RV32)
 * or 16 GiB from 0x400000000 (RV64) on; its device tree lies at the end of its RAM. */
static uint64_t nowhere(struct court *c)
{
    if (is_32(c) || one_in(&c->dice, 4)) {
        return 0xc0000000 + (roll_below(&c->dice, 0x40000) << 12);
    }
    return ((uint64_t)1 << (40 + roll_below(&c->dice, 16))) |
           (some_bits(c, 0xffffffff) << 12);
}

static enum court_place place(uint64_t pa)
{
    if (pa >= QEMU_RAM_RISCV + QEMU_DATA &&
        pa < QEMU_RAM_RISCV + (uint64_t)QEMU_DATA_END) {
        return COURT_DATA;
    }
    if (pa >= QEMU_RAM_RISCV &&
        pa < QEMU_RAM_RISCV + (uint64_t)QEMU_RAM_BYTES) {
        return COURT_RAM;
    }
    return pa < QEMU_RAM_RISCV || (pa >= 0x300000000 && pa < 0x800000000)
               ? COURT_DEVICE
               : COURT_NOWHERE;
}

/* c.li a0, bits 26:22 of the address; c.slli a0, 5; c.addi a0, bits 21:17; c.slli a0,
 * 5; c.addi a0, bits 16:12; c.ebreak. */
static void instructions(uint8_t *line, uint64_t pa)
{
    unsigned page = (unsigned)(pa >> 12);
    uint16_t code[] = {(uint16_t)(0x4501 | (page >> 10 & 31) << 2), 0x0516,
                       (uint16_t)(0x0501 | (page >> 5 & 31) << 2),  0x0516,
                       (uint16_t)(0x0501 | (page & 31) << 2),       0x9002};

    memcpy(line, code, sizeof code);
}

/* --------------------------------------------------------------- questions */

static void question(struct court *c, struct qemu_question *q)
{
    q->kind = (uint8_t)roll_below(&c->dice, 3);
    /* QEMU 7.2 keeps the pages of machine mode's instructions and those that MPRV
     * reaches in one TLB: the guest would find itself there, readable and writable,
     * whatever the tables say. */
    if (q->va >= QEMU_RAM_RISCV && q->va < QEMU_RAM_RISCV + QEMU_MAILBOX) {
        q->kind = QEMU_EXEC;
    }
    q->user = one_in(&c->dice, 2);
    q->mode = (uint8_t)some_bits(c, MODE_SUM | MODE_MXR);
}

static struct ptw_access access_of(const struct court *c,
                                   const struct qemu_question *q)
{
    static const enum ptw_right rights[] = {[QEMU_READ] = PTW_READ,
                                            [QEMU_WRITE] = PTW_WRITE,
                                            [QEMU_EXEC] = PTW_EXEC};

    (void)c;
    return (struct ptw_access){
        .right = rights[q->kind],
        .user = q->user != 0,
        /* QEMU 7.2 sets A and D itself, and has no Svade. */
        .allow = PTW_RISCV_ADUE |
                 (q->mode & MODE_SUM ? (unsigned)PTW_RISCV_SUM : 0) |
                 (q->mode & MODE_MXR ? (unsigned)PTW_RISCV_MXR : 0)};
}

static bool harmless(struct court *c, struct qemu_question *q)
{
    (void)c;
    (void)q;
    return false;
}

static const char *excused(const struct court *c, const struct qemu_question *q,
                           const struct court_verdict *v)
{
    (void)q;
    if (!has_extensions(c) || v->answer != COURT_BAD) {
        return NULL;
    }
    /* "Bits 60-54 are reserved for future standard use and, until their use is
     * defined by some standard extension, must be zeroed by software for forward
     * compatibility.  If any of these bits are set, a page-fault exception is
     * raised." */
    if ((v->raw & RESERVED) != 0) {
        return "with Svnapot or Svpbmt, QEMU 7.2 does not look at bits 60:54";
    }
    /* "Svnapot": bit 63 is N, and reserved on a processor without it. */
    if (c->board == BOARD_SVPBMT && (v->raw & N) != 0) {
        return "with Svpbmt and without Svnapot, QEMU 7.2 ignores bit 63";
    }
    /* "PBMT Encodings": 3 is reserved for future standard use. */
    if ((v->raw & PBMT) == PBMT) {
        return "QEMU 7.2 takes PBMT 3 for any other";
    }
    return NULL;
}

static bool agrees(const struct court *c, const struct qemu_question *q,
                   const struct court_verdict *v)
{
    static const unsigned page_fault[] = {FETCH_PAGE, LOAD_PAGE, STORE_PAGE};
    static const unsigned access_fault[] = {FETCH_ACCESS, LOAD_ACCESS,
                                            STORE_ACCESS};
    unsigned kind = q->kind == QEMU_EXEC ? 0 : q->kind == QEMU_READ ? 1 : 2;
    uint64_t mask = is_32(c) ? 0xffffffff : ~(uint64_t)0;

    if (v->answer != COURT_PASSES) {
        return q->cause == (v->answer == COURT_REFUSED ? access_fault
                                                       : page_fault)[kind] &&
               q->at == (q->va & mask);
    }
    switch (place(v->pa)) {
    case COURT_DATA:
        if (q->kind == QEMU_EXEC) {
            return q->cause == BREAKPOINT && q->value == (v->pa >> 12 & 0x7fff);
        }
        return q->cause == QEMU_PASSED &&
               (q->kind == QEMU_READ
                    ? q->value == (v->pa & mask)
                    : *emulator_host(&c->e, v->pa) == QEMU_WRITTEN);
    case COURT_RAM:
        return q->cause == QEMU_PASSED;
    case COURT_NOWHERE:
    case COURT_DEVICE:
        break;
    }
    return q->cause == access_fault[kind];
}

#define BOARD(width, cpu)                                                      \
    {                                                                          \
        "qemu-system-riscv" #width, "virt,memory-backend=ram", cpu,            \
            QEMU_RAM_RISCV, QEMU_IMAGE_RISCV, qemu_riscv##width,               \
            &qemu_riscv##width##_bytes, false                                  \
    }

static const struct emulator_board boards_64[BOARDS_64] = {
    [0] = BOARD(64, "rv64"),
    [BOARD_SVNAPOT] = BOARD(64, "rv64,svnapot=on"),
    [BOARD_SVPBMT] = BOARD(64, "rv64,svpbmt=on"),
    [BOARD_SVNAPOT | BOARD_SVPBMT] = BOARD(64, "rv64,svnapot=on,svpbmt=on"),
};

static const struct emulator_board boards_32[] = {BOARD(32, "rv32")};

#define COURT_RISCV                                                            \
    .run_at = RUN_AT, .set = set, .oracle = oracle_of, .leaf = leaf,           \
    .reference = reference, .spoilt = spoilt, .leads = leads,                  \
    .leaf_in = leaf_in, .nowhere = nowhere, .place = place,                    \
    .instructions = instructions, .question = question, .access = access_of,   \
    .harmless = harmless, .excused = excused, .agrees = agrees

const struct court_family court_riscv64 = {
    .name = "riscv64",
    .boards = boards_64,
    .n_boards = BOARDS_64,
    .rounds = 120,
    COURT_RISCV,
};

const struct court_family court_riscv32 = {
    .name = "riscv32",
    .boards = boards_32,
    .n_boards = sizeof boards_32 / sizeof *boards_32,
    .rounds = 160,
    .all_mapped = true,
    COURT_RISCV,
};
