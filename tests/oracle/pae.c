/* SPDX-License-Identifier: Apache-2.0 */
/* Intel SDM vol. 3A, "PAE Paging": the tables of entry formats, row by row.
 *
 * The root is the page-directory-pointer table: 32 bytes, whose address is in
 * CR3 bits 31:5.  A processor loads its four entries into registers when CR3 is
 * written; here they are what memory holds.
 *
 * The manual reserves bit 5 of a PDPTE.  Emulators set it, as "accessed", and
 * go on, and images have it: it is let pass. */
#include "x86.h"

static bool large(const struct oracle_mode *mode, unsigned level)
{
    (void)mode;
    return level == 1;
}

static uint64_t reserved_bits(const struct oracle_mode *mode, uint64_t raw,
                              unsigned level)
{
    switch (level) {
    case 2: /* PDPTE: 2:1, 8:5 less 5, 63:M */
        return oracle_ones(2, 1) | oracle_ones(8, 6) |
               (oracle_ones(63, mode->pa_bits) & ~mode->flag_bits);
    case 1: /* PDE: 62:M; and 20:13 if it maps a 2-MByte page */
        return oracle_x86_wide_reserved(mode) | oracle_ones(62, 52) |
               ((raw & ORACLE_X86_PS) != 0 ? oracle_ones(20, 13) : 0);
    default: /* PTE: 62:M */
        return oracle_x86_wide_reserved(mode) | oracle_ones(62, 52);
    }
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};

    if ((raw & ORACLE_X86_P) == 0) {
        return e;
    }
    if ((raw & reserved_bits(mode, raw, level)) != 0) {
        e.kind = ORACLE_RESERVED;
        return e;
    }
    if (level == 2) {
        e.rights = ORACLE_X86_RIGHTS;
    } else {
        e = oracle_x86_rights(raw);
    }
    if (level == 1 && (raw & ORACLE_X86_PS) != 0) {
        e.kind = ORACLE_MAPS;
        e.pa = raw & oracle_x86_address(mode, 21);
    } else {
        e.kind = level == 0 ? ORACLE_MAPS : ORACLE_TABLE;
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
    return oracle_x86_address(mode, level == 0 ? 12 : 21);
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    return pa & leaf_bits(mode, level);
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    uint64_t bits = level == 2 ? ORACLE_X86_P : oracle_x86_rights_bits(is);

    if (is->kind == ORACLE_TABLE) {
        return bits | put_table(mode, is->pa);
    }
    return bits | (level > 0 ? ORACLE_X86_PS : 0) |
           put_leaf(mode, level, is->pa);
}

/* CR3 has 32 bits. */
static unsigned root_pa_bits(const struct oracle_mode *mode)
{
    (void)mode;
    return 32;
}

/* arch/x86/include/asm/pgtable-3level.h: since 4.18 as in long mode; before, the
 * upper half of an entry, 5 bits of type below the offset.  nt!_MMPTE. */
static const struct oracle_systems systems = {
    ORACLE_X86_SYSTEMS,
    .linux_now = {59, 9, 58},
    .linux_inverts = true,
    .linux_before = {32, 37, 63},
    .windows_mask = (uint64_t)1 << 45,
    .windows_bits = 36,
};

const struct oracle_format oracle_pae = {
    .name = "pae",
    .levels = 3,
    .entry_bytes = 8,
    .va_bits = 32,
    .level = {{12, 512}, {21, 512}, {30, 4}},
    ORACLE_X86_COMMON,
    .accessed = ORACLE_X86_A,
    .dirty = ORACLE_X86_D,
    .software = ORACLE_X86_AVL,
    .table_software = ORACLE_X86_AVL,
    .mark_bits = ORACLE_X86_AVL,
    .mark = ORACLE_X86_MARK,
    .systems = &systems,
    .has_flag_bits = true,
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
    .root_pa_bits = root_pa_bits,
    .writes = oracle_x86_writes,
};
