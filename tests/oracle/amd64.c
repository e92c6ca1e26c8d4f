/* SPDX-License-Identifier: Apache-2.0 */
/* Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging": the tables of entry
 * formats, row by row. */
#include "format.h"

static bool withholds_exec(const struct oracle_mode *mode)
{
    return mode->nx;
}

static bool large(const struct oracle_mode *mode, unsigned level)
{
    return level == 1 || (level == 2 && mode->page1g);
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, false, false, false};
    uint64_t reserved =
        mode->pa_bits <= 51 ? oracle_ones(51, mode->pa_bits) : 0;
    bool ps = (raw & 1 << 7) != 0;

    if ((raw & 1) == 0) {
        return e;
    }
    if (!mode->nx) {
        reserved |= (uint64_t)1 << 63;
    }
    switch (level) {
    case 3: /* PML4E: "Reserved (must be 0)" */
        reserved |= 1 << 7;
        break;
    case 2: /* PDPTE that maps a 1-GByte page, where there are such */
        if (ps) {
            reserved |= mode->page1g ? oracle_ones(29, 13) : 1 << 7;
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
    e.kind = ORACLE_MAPS;
    e.w = (raw & 2) != 0;
    e.u = (raw & 4) != 0;
    e.x = (raw & (uint64_t)1 << 63) == 0;
    if (level == 0) {
        e.pa = raw & oracle_ones(51, 12);
    } else if (level == 1 && ps) {
        e.pa = raw & oracle_ones(51, 21);
    } else if (level == 2 && ps) {
        e.pa = raw & oracle_ones(51, 30);
    } else {
        e.kind = ORACLE_TABLE;
        e.pa = raw & oracle_ones(51, 12);
    }
    return e;
}

static uint64_t table_bits(const struct oracle_mode *mode)
{
    (void)mode;
    return oracle_ones(51, 12);
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    (void)mode;
    return oracle_ones(51, 12 + 9 * level);
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    return pa & leaf_bits(mode, level);
}

static unsigned leaf_pa_bits(const struct oracle_mode *mode, unsigned level)
{
    (void)level;
    return mode->pa_bits;
}

static unsigned table_pa_bits(const struct oracle_mode *mode)
{
    return mode->pa_bits;
}

const struct oracle_format oracle_amd64 = {
    .name = "amd64",
    .levels = 4,
    .entry_bytes = 8,
    .va_bits = 48,
    .sign_extended = true,
    .level = {{12, 512}, {21, 512}, {30, 512}, {39, 512}},
    .withholds_exec = withholds_exec,
    .large = large,
    .decode = decode,
    .table_bits = table_bits,
    .leaf_bits = leaf_bits,
    .put_leaf = put_leaf,
    .leaf_pa_bits = leaf_pa_bits,
    .table_pa_bits = table_pa_bits,
    .writes = oracle_x86_writes,
};
