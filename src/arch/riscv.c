/* SPDX-License-Identifier: Apache-2.0 */
/* What the modes of RISC-V share at run time: rules, accesses, registers. */
#include "riscv.h"

#include "archs.h"
#include "ptwalk/cpu.h"
#include "regime.h"

/* "a 56-bit physical address" is the widest that Sv39, Sv48 and Sv57
 * produce. */
const struct ptw_widths ptw_riscv_widths = {
    .pa_least = 32,
    .pa_most = 56,
    .flag_bits = 0,
    .pa_text = "the physical address width must be from 32 to 56 bits",
    .flag_text = "RISC-V has no flag bits",
};

void ptw_riscv_setup(struct ptw_regime *r, unsigned top, uint64_t high)
{
    const struct ptw_format *f = r->arch->format;
    unsigned entry_bits = 8u << f->entry_log2;
    uint64_t numbers = ptw_low_mask(entry_bits) & ~high &
                       ~ptw_low_mask(RISCV_PPN_AT); /* PPN */
    uint64_t known = 0;

    if ((r->features & PTW_RISCV_SVPBMT) != 0) {
        known |= RISCV_PBMT;
    }
    r->table_pa = ptw_bits(r->pa_bits - 1, ptw_page_log2(f));
    for (unsigned level = 0; level <= top; level++) {
        struct ptw_level_rule *rule = &r->rule[level];
        bool napot = level == 0 && (r->features & PTW_RISCV_SVNAPOT) != 0;

        rule->leaf = true;
        rule->leaf_pa = ptw_bits(r->pa_bits - 1, f->level[level].shift);
        rule->leaf_address = rule->leaf_pa >> RISCV_PPN_DOWN;
        /* A page number that is too wide, or not aligned, has such bits. */
        rule->leaf_reserved = (numbers & ~rule->leaf_address) |
                              (high & ~known & ~(napot ? RISCV_N : 0));
        rule->table_reserved = (numbers & ~(r->table_pa >> RISCV_PPN_DOWN)) |
                               high | RISCV_U | RISCV_A | RISCV_D;
        rule->turned = RISCV_V;
        rule->no_table = RISCV_V | RISCV_RWX | rule->table_reserved;
        rule->alike =
            numbers | high | RISCV_V | RISCV_RWX | RISCV_U | RISCV_RSW;
    }
}

struct ptw_attributes ptw_riscv_attributes(const struct ptw_regime *r,
                                           unsigned level, uint64_t raw)
{
    struct ptw_attributes at = {
        .memory_type = (r->features & PTW_RISCV_SVPBMT) != 0
                           ? (unsigned)(raw >> RISCV_PBMT_AT & 3)
                           : 0,
        .global = (raw & RISCV_G) != 0,
        .accessed = (raw & RISCV_A) != 0,
        .dirty = (raw & RISCV_D) != 0,
        .copy_on_write = (raw & RISCV_RSW) == RISCV_COPY_ON_WRITE,
    };

    (void)level;
    return at;
}

/* Bits of an entry that hold a page number beyond the width. */
static uint64_t beyond(const struct ptw_regime *r)
{
    unsigned last = r->arch->format->entry_log2 == 3 ? 53 : 31;

    return ptw_bits(last, r->pa_bits - RISCV_PPN_DOWN);
}

/* Reserved is what has to be 0 or is an encoding of no meaning: PBMT 3, and N
 * with another page number than one of 64 KiB. */
struct ptw_bad_entry ptw_riscv_bad(const struct ptw_regime *r, unsigned level,
                                   unsigned index, uint64_t raw)
{
    const struct ptw_level_rule *rule = &r->rule[level];
    struct ptw_bad_entry bad = {PTW_BAD_RESERVED, 0};
    uint64_t wide = raw & beyond(r);
    uint64_t misaligned = 0;
    uint64_t combination = 0;

    (void)index;
    if ((raw & RISCV_RWX) == 0) {
        bad.bits = raw & rule->table_reserved & ~wide;
        /* At level 0 there is nothing for it to lead to. */
        combination = level == 0 ? RISCV_V : 0;
    } else {
        bad.bits = raw & rule->leaf_reserved & ~wide;
        misaligned = bad.bits & (r->table_pa >> RISCV_PPN_DOWN);
        bad.bits &= ~misaligned;
        if ((raw & RISCV_PBMT) == RISCV_PBMT) {
            bad.bits |= RISCV_PBMT;
        }
        if (riscv_is_napot(r, level, raw) &&
            (raw & RISCV_NAPOT) != RISCV_NAPOT_64K) {
            bad.bits |= RISCV_N;
        }
        if ((raw & (RISCV_R | RISCV_W)) == RISCV_W &&
            !riscv_is_shadow_stack(r, raw)) {
            combination = RISCV_W;
        }
    }
    if (bad.bits == 0) {
        bad.why = wide != 0         ? PTW_BAD_WIDTH
                  : misaligned != 0 ? PTW_BAD_MISALIGNED
                                    : PTW_BAD_COMBINATION;
    }
    bad.bits |= wide | misaligned | combination;
    return bad;
}

/* The figures of the entry formats: "Sv32 page table entry" and so on. */
static const struct {
    const char *name;
    uint8_t high;
    uint8_t low;
    bool always; /* else if it is not 0 */
} parts[] = {
    {"V", 0, 0, false},    {"R", 1, 1, false},      {"W", 2, 2, false},
    {"X", 3, 3, false},    {"U", 4, 4, false},      {"G", 5, 5, false},
    {"A", 6, 6, false},    {"D", 7, 7, false},      {"RSW", 9, 8, false},
    {"PPN", 53, 10, true}, {"PBMT", 62, 61, false}, {"N", 63, 63, false},
};

size_t ptw_riscv_fields(const struct ptw_regime *r, unsigned level,
                        uint64_t raw, struct ptw_entry_field *field)
{
    unsigned last = (8u << r->arch->format->entry_log2) - 1;
    size_t n = 0;

    (void)level;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        unsigned high = parts[i].high < last ? parts[i].high : last;

        if (parts[i].low > last ||
            (!parts[i].always && (raw & ptw_bits(high, parts[i].low)) == 0)) {
            continue;
        }
        field[n].name = parts[i].name;
        field[n].high = (uint8_t)high;
        field[n].low = parts[i].low;
        field[n++].number = parts[i].high != parts[i].low;
    }
    return n;
}

const char *ptw_riscv_right_text(const struct ptw_regime *r,
                                 enum ptw_right right)
{
    (void)r;
    return right == PTW_READ    ? "R, bit 1, is clear"
           : right == PTW_WRITE ? "W, bit 2, is clear"
           : right == PTW_EXEC  ? "X, bit 3, is clear"
                                : "U, bit 4, is clear";
}

/* ------------------------------------------------------------------ access */

bool ptw_is_riscv(const struct ptw_regime *r)
{
    return r->arch->access_allowed == ptw_riscv_access_allowed;
}

bool ptw_riscv_shadow_stack(const struct ptw_regime *r, unsigned above,
                            uint64_t raw)
{
    return (above & PTW_WRITE) != 0 && riscv_is_shadow_stack(r, raw);
}

bool ptw_riscv_guest_writes(const struct ptw_regime *r, unsigned above,
                            uint64_t raw)
{
    return (above & riscv_rights(raw) & PTW_WRITE) != 0 ||
           ptw_riscv_shadow_stack(r, above, raw);
}

/* "Virtual Address Translation Process", steps 6 to 9; "Shadow Stack Memory
 * Protection": U and SUM count there as elsewhere, and MXR does not. */
bool ptw_riscv_access_allowed(const struct ptw_regime *r, unsigned above,
                              unsigned level, uint64_t raw,
                              const struct ptw_access *access)
{
    unsigned rights = above & riscv_rights(raw);
    bool user_page = (rights & PTW_USER) != 0;
    bool sum = (access->allow & PTW_RISCV_SUM) != 0;
    bool adue = (access->allow & PTW_RISCV_ADUE) != 0;

    (void)level;
    if (access->user != user_page &&
        (access->user || !sum || access->right == PTW_EXEC)) {
        return false;
    }
    if (!adue && ((raw & RISCV_A) == 0 ||
                  (access->right == PTW_WRITE && (raw & RISCV_D) == 0))) {
        return false;
    }
    if (access->shadow_stack) {
        return (access->right == PTW_READ || access->right == PTW_WRITE) &&
               ptw_riscv_shadow_stack(r, above, raw);
    }
    if (access->right == PTW_READ && (access->allow & PTW_RISCV_MXR) != 0) {
        return (rights & (PTW_READ | PTW_EXEC)) != 0;
    }
    return (rights & access->right & (PTW_READ | PTW_WRITE | PTW_EXEC)) != 0;
}

/* --------------------------------------------------------------- registers */

/* "Encoding of satp MODE field"; those of RV64. */
enum {
    SATP_BARE = 0,
    SATP_SV39 = 8,
    SATP_SV48,
    SATP_SV57,
    SATP_SV64,
    SATP_CUSTOM = 14
};

static const struct ptw_arch *mode_32(uint64_t satp)
{
    return satp >> 31 != 0 ? &ptw_arch_sv32 : NULL;
}

/* *why: why there is none, or NULL where there is no paging. */
static const struct ptw_arch *mode_64(uint64_t satp, const char **why)
{
    unsigned mode = (unsigned)(satp >> 60);

    *why = NULL;
    switch (mode) {
    case SATP_BARE:
        return NULL;
    case SATP_SV39:
        return &ptw_arch_sv39;
    case SATP_SV48:
        return &ptw_arch_sv48;
    case SATP_SV57:
        return &ptw_arch_sv57;
    case SATP_SV64:
        *why = "satp.MODE is 11, Sv64, which the manual reserves";
        return NULL;
    default:
        *why = mode >= SATP_CUSTOM
                   ? "satp.MODE is 14 or 15, which are for custom use"
                   : "satp.MODE is one that the manual reserves";
        return NULL;
    }
}

enum ptw_status ptw_regime_from_riscv(const struct ptw_riscv_registers *regs,
                                      const struct ptw_cpu *cpu,
                                      struct ptw_regime *out, const char **why)
{
    const struct ptw_arch *arch;
    const char *reserved = NULL;
    struct ptw_cpu facts;

    if (regs->xlen != 32 && regs->xlen != 64) {
        return ptw_regime_fail(PTW_E_CONFLICT, "XLEN is neither 32 nor 64",
                               why);
    }
    if (regs->xlen == 32 && regs->satp >> 32 != 0) {
        return ptw_regime_fail(PTW_E_CONFLICT,
                               "XLEN is 32, and satp has more bits", why);
    }
    arch =
        regs->xlen == 32 ? mode_32(regs->satp) : mode_64(regs->satp, &reserved);
    if (reserved != NULL) {
        return ptw_regime_fail(PTW_E_REGIME, reserved, why);
    }
    if (arch != NULL) {
        return ptw_regime_build(arch, cpu, regs->features, out, why);
    }
    if (regs->xlen == 32) {
        /* Addresses have 32 bits; a width that is none is left to be
         * refused. */
        facts = cpu != NULL ? *cpu : ptw_cpu_widest;
        if (facts.pa_bits > 32 && facts.pa_bits <= ptw_riscv_widths.pa_most) {
            facts.pa_bits = 32;
        }
        cpu = &facts;
    }
    return ptw_regime_build(&ptw_arch_bare_riscv, cpu, 0, out, why);
}

/* PPN, the lowest bits of satp: 22 of them under Sv32, 44 elsewhere. */
struct ptw_root ptw_riscv_root(const struct ptw_regime *r, uint64_t satp)
{
    const struct ptw_format *f = r->arch->format;

    if (f->levels == 0) {
        return ptw_root_of(r, ptw_pa_of(0));
    }
    return ptw_root_of(
        r, ptw_pa_of(satp << ptw_page_log2(f) &
                     ptw_bits(r->arch->root_bits - 1, ptw_page_log2(f))));
}
