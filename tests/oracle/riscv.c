/* SPDX-License-Identifier: Apache-2.0 */
/* The RISC-V Instruction Set Manual, volume II, "Supervisor-Level ISA": "Sv32: Page-
 * Based 32-bit Virtual-Memory Systems" to "Sv57", their "Virtual Address Translation
 * Process" step by step; "Svnapot", "Svpbmt"; and "Shadow Stack Memory Protection" of
 * Zicfiss.
 *
 * A leaf that needs more physical addresses than the processor has is a bad entry
 * here.  The manual has no word for it: the access that follows fails. */
#include "format.h"

static const uint64_t V = 1 << 0;
static const uint64_t R = 1 << 1;
static const uint64_t W = 1 << 2;
static const uint64_t X = 1 << 3;
static const uint64_t U = 1 << 4;
static const uint64_t A = 1 << 6;
static const uint64_t D = 1 << 7;
static const uint64_t N = (uint64_t)1 << 63;

enum { PPN_AT = 10, PBMT_AT = 61, PAGE_LOG2 = 12 };

/* Svnapot has one size: 64 KiB, PPN[0] bits 3:0 are 1000. */
enum { NAPOT_ENTRIES = 16 };

enum { ALL = ORACLE_READ | ORACLE_WRITE | ORACLE_USER | ORACLE_EXEC };

/* The PPN of Sv32 has 22 bits, the others 44. */
static unsigned ppn_bits(const struct oracle_mode *mode)
{
    return mode->format->entry_bytes == 4 ? 22 : 44;
}

static unsigned width(const struct oracle_mode *mode)
{
    unsigned most = ppn_bits(mode) + PAGE_LOG2;

    return mode->pa_bits < most ? mode->pa_bits : most;
}

static unsigned leaf_width(const struct oracle_mode *mode, unsigned level)
{
    (void)level;
    return width(mode);
}

/* Without Svnapot, Svpbmt; with Zicfiss. */
static void features(struct oracle_mode *mode, unsigned bits)
{
    bool wide = mode->format->entry_bytes == 8;

    mode->svnapot = wide && (bits & 1) == 0;
    mode->svpbmt = wide && (bits & 2) == 0;
    mode->zicfiss = (bits & ORACLE_SHADOW_STACKS) != 0;
}

static unsigned granted(const struct oracle_mode *mode)
{
    (void)mode;
    return 0;
}

/* "If i>0 and pte.ppn[i-1:0] = 0, this is a superpage": at every level. */
static bool large(const struct oracle_mode *mode, unsigned level)
{
    (void)mode;
    (void)level;
    return true;
}

static uint64_t ppn(const struct oracle_mode *mode, uint64_t raw)
{
    return raw >> PPN_AT & oracle_ones(ppn_bits(mode) - 1, 0);
}

static unsigned pbmt(uint64_t raw)
{
    return (unsigned)(raw >> PBMT_AT & 3);
}

/* Svpbmt and Svnapot have bits that entries of Sv32 have not. */
static bool has_pbmt(const struct oracle_mode *mode)
{
    return mode->svpbmt && mode->format->entry_bytes == 8;
}

static bool is_napot(const struct oracle_mode *mode, uint64_t raw)
{
    return mode->svnapot && (raw & N) != 0;
}

/* "any bits or encodings that are reserved for future standard use": bits 60:54, and
 * 63 and 62:61 where there is no extension that has them. */
static bool has_reserved_bits(const struct oracle_mode *mode, uint64_t raw)
{
    uint64_t reserved = oracle_ones(60, 54);

    reserved |= mode->svnapot ? 0 : N;
    reserved |= mode->svpbmt ? 0 : oracle_ones(62, 61);
    return (raw & reserved) != 0;
}

/* "For non-leaf PTEs, the D, A, and U bits are reserved", and so are N and PBMT. */
static bool is_table(unsigned level, uint64_t raw)
{
    return level > 0 && (raw & (D | A | U | N)) == 0 && pbmt(raw) == 0;
}

static bool is_leaf(const struct oracle_mode *mode, unsigned level,
                    uint64_t raw)
{
    uint64_t low =
        oracle_ones(mode->format->level[level].shift - 1, 0) >> PAGE_LOG2;

    if (pbmt(raw) == 3) {
        return false; /* "Reserved for future standard use" */
    }
    if (is_napot(mode, raw)) {
        return level == 0 && ppn(mode, raw) % NAPOT_ENTRIES == 8;
    }
    return (ppn(mode, raw) & low) == 0; /* "misaligned superpage" */
}

static unsigned rights_of(uint64_t raw)
{
    /* Without R, W makes a page of a shadow stack: loads can read it, and no store
     * but those of shadow stacks writes it. */
    bool shadow_stack = (raw & (R | W | X)) == W;

    if (shadow_stack) {
        return ORACLE_READ | ((raw & U) != 0 ? (unsigned)ORACLE_USER : 0);
    }
    return ((raw & R) != 0 ? (unsigned)ORACLE_READ : 0) |
           ((raw & W) != 0 ? (unsigned)ORACLE_WRITE : 0) |
           ((raw & X) != 0 ? (unsigned)ORACLE_EXEC : 0) |
           ((raw & U) != 0 ? (unsigned)ORACLE_USER : 0);
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    static const struct oracle_entry absent = {ORACLE_NOT_PRESENT, 0, 0};
    static const struct oracle_entry reserved = {ORACLE_RESERVED, 0, 0};
    struct oracle_entry e = {ORACLE_TABLE, ppn(mode, raw) << PAGE_LOG2, ALL};

    if ((raw & V) == 0) {
        return absent;
    }
    if (has_reserved_bits(mode, raw) || e.pa >> width(mode) != 0) {
        return reserved;
    }
    if ((raw & (R | W)) == W && ((raw & X) != 0 || !mode->zicfiss)) {
        return reserved;
    }
    if ((raw & (R | W | X)) == 0) {
        return is_table(level, raw) ? e : reserved;
    }
    if (!is_leaf(mode, level, raw)) {
        return reserved;
    }
    e.kind = ORACLE_MAPS;
    e.rights = rights_of(raw);
    if (is_napot(mode, raw)) {
        e.pa &= ~(uint64_t)(NAPOT_ENTRIES * 0x1000 - 1);
    }
    return e;
}

/* "implicit reads of NAPOT page table entries return a copy of pte in which
 * pte.ppn[i][pte.napot_bits-1:0] is replaced by vpn[i][pte.napot_bits-1:0]" */
static uint64_t part(const struct oracle_mode *mode, uint64_t raw,
                     unsigned index)
{
    return is_napot(mode, raw) ? (uint64_t)(index % NAPOT_ENTRIES) << PAGE_LOG2
                               : 0;
}

static uint64_t alone(const struct oracle_mode *mode, unsigned level,
                      uint64_t leaf)
{
    (void)level;
    return is_napot(mode, leaf) ? leaf & ~(N | oracle_ones(PPN_AT + 3, PPN_AT))
                                : leaf;
}

static uint64_t in_a_run(const struct oracle_mode *mode, unsigned level,
                         uint64_t leaf)
{
    return mode->svnapot && level == 0
               ? (leaf & ~oracle_ones(PPN_AT + 3, PPN_AT)) | N |
                     (uint64_t)(NAPOT_ENTRIES / 2) << PPN_AT
               : leaf;
}

static unsigned run(const struct oracle_mode *mode, unsigned level)
{
    return mode->svnapot && level == 0 ? NAPOT_ENTRIES : 1;
}

/* Without W, a page of a shadow stack would be no page. */
static uint64_t write_protected(const struct oracle_mode *mode, uint64_t leaf)
{
    (void)mode;
    return (leaf & (R | W)) == W ? leaf : leaf & ~W;
}

static uint64_t shadow_stack(uint64_t leaf)
{
    return (leaf & ~(R | X)) | W;
}

static uint64_t table_bits(const struct oracle_mode *mode)
{
    return oracle_ones(PPN_AT + ppn_bits(mode) - 1, PPN_AT);
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    return oracle_ones(PPN_AT + ppn_bits(mode) - 1,
                       PPN_AT + mode->format->level[level].shift - PAGE_LOG2);
}

static uint64_t put_table(const struct oracle_mode *mode, uint64_t pa)
{
    return pa >> PAGE_LOG2 << PPN_AT & table_bits(mode);
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    return pa >> PAGE_LOG2 << PPN_AT & leaf_bits(mode, level);
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    if (is->kind == ORACLE_TABLE) {
        return V | put_table(mode, is->pa);
    }
    return V | put_leaf(mode, level, is->pa) |
           ((is->rights & ORACLE_READ) != 0 ? R : 0) |
           ((is->rights & ORACLE_WRITE) != 0 ? W : 0) |
           ((is->rights & ORACLE_EXEC) != 0 ? X : 0) |
           ((is->rights & ORACLE_USER) != 0 ? U : 0);
}

/* PMA, NC and IO. */
static unsigned memory_types(const struct oracle_mode *mode)
{
    return has_pbmt(mode) ? 3 : 1;
}

static unsigned memory_type(const struct oracle_mode *mode, unsigned level,
                            uint64_t leaf)
{
    (void)level;
    return has_pbmt(mode) ? pbmt(leaf) : 0;
}

/* Leaves of all levels are alike. */
static uint64_t split(const struct oracle_mode *mode, unsigned level,
                      uint64_t bits)
{
    (void)mode;
    (void)level;
    return bits;
}

/* Shadow stacks are written through leaves with W and without R. */
static bool writes(const struct oracle_mode *mode, bool above, uint64_t leaf)
{
    (void)mode;
    return above && (leaf & W) != 0;
}

#define COMMON                                                                 \
    .family = ORACLE_RISCV, .features = features, .rights = ALL,               \
    .shadow_stack = shadow_stack, .has_global = true, .accessed = 1 << 6,      \
    .dirty = 1 << 7, .made_dirty = true, .software = 3 << 8,                   \
    .table_software = 3 << 8, .mark_bits = 3 << 8, .mark = 1 << 8,             \
    .granted = granted, .large = large, .decode = decode, .part = part,        \
    .alone = alone, .in_a_run = in_a_run, .run = run,                          \
    .write_protected = write_protected, .encode = encode,                      \
    .table_bits = table_bits, .leaf_bits = leaf_bits, .put_table = put_table,  \
    .put_leaf = put_leaf, .memory_types = memory_types,                        \
    .memory_type = memory_type, .split = split, .leaf_pa_bits = leaf_width,    \
    .table_pa_bits = width, .root_pa_bits = width, .writes = writes

const struct oracle_format oracle_sv32 = {
    .name = "sv32",
    .levels = 2,
    .entry_bytes = 4,
    .va_bits = 32,
    .extension = ORACLE_ZEROS,
    .level = {{12, 1024}, {22, 1024}},
    .most_pa_bits = 34,
    COMMON,
};

const struct oracle_format oracle_sv39 = {
    .name = "sv39",
    .levels = 3,
    .entry_bytes = 8,
    .va_bits = 39,
    .extension = ORACLE_SIGN,
    .level = {{12, 512}, {21, 512}, {30, 512}},
    .most_pa_bits = 56,
    COMMON,
};

const struct oracle_format oracle_sv48 = {
    .name = "sv48",
    .levels = 4,
    .entry_bytes = 8,
    .va_bits = 48,
    .extension = ORACLE_SIGN,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}},
    .most_pa_bits = 56,
    .repeats = 4,
    COMMON,
};

const struct oracle_format oracle_sv57 = {
    .name = "sv57",
    .levels = 5,
    .entry_bytes = 8,
    .va_bits = 57,
    .extension = ORACLE_SIGN,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}, {48, 512}},
    .most_pa_bits = 56,
    .repeats = 4,
    COMMON,
};
