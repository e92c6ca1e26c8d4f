/* SPDX-License-Identifier: Apache-2.0 */
/* Intel SDM vol. 3A, "32-Bit Paging": the tables of entry formats, row by row. */
#include "x86.h"

/* M of the manual: the width of the address of a 4-MByte page. */
static unsigned widest(const struct oracle_mode *mode)
{
    return mode->pa_bits < 40 ? mode->pa_bits : 40;
}

static unsigned granted(const struct oracle_mode *mode)
{
    (void)mode;
    return ORACLE_READ | ORACLE_EXEC;
}

static bool large(const struct oracle_mode *mode, unsigned level)
{
    return level == 1 && mode->pse;
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};
    bool maps_4m = level == 1 && mode->pse && (raw & ORACLE_X86_PS) != 0;

    if ((raw & ORACLE_X86_P) == 0) {
        return e;
    }
    /* "Bits 21:(M-19): reserved (must be 0)" */
    if (maps_4m && (raw & oracle_ones(21, widest(mode) - 19)) != 0) {
        e.kind = ORACLE_RESERVED;
        return e;
    }
    e = oracle_x86_rights(raw & UINT32_MAX);
    e.kind = level == 1 && !maps_4m ? ORACLE_TABLE : ORACLE_MAPS;
    e.pa = raw & oracle_ones(31, 12);
    if (maps_4m) {
        /* "Bits (M-20):13: bits (M-1):32 of the address" */
        e.pa = (raw & oracle_ones(31, 22)) | (raw & oracle_ones(20, 13)) << 19;
    }
    return e;
}

static uint64_t table_bits(const struct oracle_mode *mode)
{
    (void)mode;
    return oracle_ones(31, 12);
}

static uint64_t put_table(const struct oracle_mode *mode, uint64_t pa)
{
    return pa & table_bits(mode);
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    (void)mode;
    return level == 0 ? oracle_ones(31, 12)
                      : oracle_ones(31, 22) | oracle_ones(20, 13);
}

/* "Bits (M-20):13: bits (M-1):32 of the address" */
static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    (void)mode;
    return level == 0
               ? pa & oracle_ones(31, 12)
               : (pa & oracle_ones(31, 22)) | (pa & oracle_ones(39, 32)) >> 19;
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    uint64_t bits = oracle_x86_rights_bits(is) & UINT32_MAX;

    if (is->kind == ORACLE_TABLE) {
        return bits | put_table(mode, is->pa);
    }
    return bits | (level > 0 ? ORACLE_X86_PS : 0) |
           put_leaf(mode, level, is->pa);
}

static unsigned leaf_pa_bits(const struct oracle_mode *mode, unsigned level)
{
    return level == 0 ? 32 : widest(mode);
}

static unsigned table_pa_bits(const struct oracle_mode *mode)
{
    (void)mode;
    return 32;
}

/* arch/x86/include/asm/pgtable-2level.h, nt!_MMPTE. */
static const struct oracle_systems systems = {
    ORACLE_X86_SYSTEMS,         .linux_now = {1, 9, 31},
    .linux_before = {1, 9, 31}, .windows_mask = (uint64_t)1 << 31,
    .windows_bits = 20,
};

const struct oracle_format oracle_i686 = {
    .name = "i686",
    .levels = 2,
    .entry_bytes = 4,
    .va_bits = 32,
    .level = {{12, 1024}, {22, 1024}},
    ORACLE_X86_COMMON,
    .accessed = ORACLE_X86_A,
    .dirty = ORACLE_X86_D,
    .software = ORACLE_X86_AVL,
    .table_software = ORACLE_X86_AVL,
    .mark_bits = ORACLE_X86_AVL,
    .mark = ORACLE_X86_MARK,
    .systems = &systems,
    .granted = granted,
    .large = large,
    .decode = decode,
    .encode = encode,
    .table_bits = table_bits,
    .leaf_bits = leaf_bits,
    .put_table = put_table,
    .put_leaf = put_leaf,
    .memory_type = oracle_x86_memory_type,
    .split = oracle_x86_split,
    .leaf_pa_bits = leaf_pa_bits,
    .table_pa_bits = table_pa_bits,
    .root_pa_bits = table_pa_bits,
    .writes = oracle_x86_writes,
};
