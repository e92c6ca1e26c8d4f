/* SPDX-License-Identifier: Apache-2.0 */
/* Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging": the tables of entry
 * formats, row by row.  5-level paging adds a level, whose entries are like those
 * of a PML4, and 9 bits to the addresses. */
#include "x86.h"

static bool large(const struct oracle_mode *mode, unsigned level)
{
    return level == 1 || (level == 2 && mode->page1g);
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};
    uint64_t reserved = oracle_x86_wide_reserved(mode);
    bool ps = (raw & ORACLE_X86_PS) != 0;

    if ((raw & ORACLE_X86_P) == 0) {
        return e;
    }
    switch (level) {
    case 4: /* PML5E: "Reserved (must be 0)" */
    case 3: /* PML4E: the same */
        reserved |= ORACLE_X86_PS;
        reserved |= mode->amd ? ORACLE_X86_G : 0;
        break;
    case 2: /* PDPTE that maps a 1-GByte page, where there are such */
        if (ps) {
            reserved |= mode->page1g ? oracle_ones(29, 13) & ~mode->flag_bits
                                     : ORACLE_X86_PS;
        } else if (mode->amd) {
            reserved |= ORACLE_X86_G; /* AMD: "MBZ" in a PDPE and a PML4E */
        }
        break;
    case 1: /* PDE that maps a 2-MByte page */
        if (ps) {
            reserved |= oracle_ones(20, 13);
        }
        break;
    default: /* PTE: bit 7 is PAT */
        break;
    }
    if ((raw & reserved) != 0) {
        e.kind = ORACLE_RESERVED;
        return e;
    }
    e = oracle_x86_rights(raw);
    e.kind = ORACLE_MAPS;
    if (level == 0) {
        e.pa = raw & oracle_x86_address(mode, 12);
    } else if (level == 1 && ps) {
        e.pa = raw & oracle_x86_address(mode, 21);
    } else if (level == 2 && ps) {
        e.pa = raw & oracle_x86_address(mode, 30);
    } else {
        e.kind = ORACLE_TABLE;
        e.pa = raw & oracle_x86_address(mode, 12);
    }
    return e;
}

static uint64_t table_bits(const struct oracle_mode *mode)
{
    return oracle_x86_address(mode, 12);
}

static uint64_t put_table(const struct oracle_mode *mode, uint64_t pa)
{
    return pa & table_bits(mode);
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    return oracle_x86_address(mode, 12 + 9 * level);
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    return pa & leaf_bits(mode, level);
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    uint64_t bits = oracle_x86_rights_bits(is);

    if (is->kind == ORACLE_TABLE) {
        return bits | put_table(mode, is->pa);
    }
    return bits | (level > 0 ? ORACLE_X86_PS : 0) |
           put_leaf(mode, level, is->pa);
}

/* arch/x86/include/asm/pgtable_64.h since 4.18, from 4.6 on, and before that;
 * nt!_MMPTE. */
static const struct oracle_systems systems = {
    ORACLE_X86_SYSTEMS,     .linux_now = {59, 9, 58},
    .linux_inverts = true,  .linux_before = {9, 14, 63},
    .linux_had_two = true,  .linux_other_at = 1,
    .linux_migrates = true, .windows_mask = (uint64_t)1 << 45,
    .windows_bits = 36,
};

const struct oracle_format oracle_amd64 = {
    .name = "amd64",
    .levels = 4,
    .va_bits = 48,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}},
    .entry_bytes = 8,
    .extension = ORACLE_SIGN,
    ORACLE_X86_COMMON,
    .accessed = ORACLE_X86_A,
    .dirty = ORACLE_X86_D,
    .made_dirty = true,
    .software = ORACLE_X86_WIDE_AVL,
    .table_software = ORACLE_X86_WIDE_AVL,
    .mark_bits = ORACLE_X86_AVL,
    .mark = ORACLE_X86_MARK,
    .systems = &systems,
    .has_flag_bits = true,
    .has_keys = true,
    .granted = oracle_x86_wide_granted,
    .large = large,
    .decode = decode,
    .encode = encode,
    .table_bits = table_bits,
    .leaf_bits = leaf_bits,
    .put_table = put_table,
    .put_leaf = put_leaf,
    .memory_type = oracle_x86_memory_type,
    .split = oracle_x86_split,
    .leaf_pa_bits = oracle_x86_leaf_width,
    .table_pa_bits = oracle_x86_width,
    .root_pa_bits = oracle_x86_width,
    .writes = oracle_x86_writes,
};

const struct oracle_format oracle_amd64_la57 = {
    .name = "amd64-la57",
    .levels = 5,
    .va_bits = 57,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}, {48, 512}},
    .entry_bytes = 8,
    .extension = ORACLE_SIGN,
    ORACLE_X86_COMMON,
    .accessed = ORACLE_X86_A,
    .dirty = ORACLE_X86_D,
    .made_dirty = true,
    .software = ORACLE_X86_WIDE_AVL,
    .table_software = ORACLE_X86_WIDE_AVL,
    .mark_bits = ORACLE_X86_AVL,
    .mark = ORACLE_X86_MARK,
    .systems = &systems,
    .has_flag_bits = true,
    .has_keys = true,
    .granted = oracle_x86_wide_granted,
    .large = large,
    .decode = decode,
    .encode = encode,
    .table_bits = table_bits,
    .leaf_bits = leaf_bits,
    .put_table = put_table,
    .put_leaf = put_leaf,
    .memory_type = oracle_x86_memory_type,
    .split = oracle_x86_split,
    .leaf_pa_bits = oracle_x86_leaf_width,
    .table_pa_bits = oracle_x86_width,
    .root_pa_bits = oracle_x86_width,
    .writes = oracle_x86_writes,
};
