/* SPDX-License-Identifier: Apache-2.0 */
/* Intel SDM vol. 3A, "Paging": where CR0.PG is 0, a linear address is a physical
 * one.  There is one page, of all addresses. */
#include "format.h"

enum { ALL = ORACLE_READ | ORACLE_WRITE | ORACLE_USER | ORACLE_EXEC };

static unsigned granted(const struct oracle_mode *mode)
{
    (void)mode;
    return ALL;
}

static bool large(const struct oracle_mode *mode, unsigned level)
{
    (void)mode;
    (void)level;
    return false;
}

static struct oracle_entry decode(const struct oracle_mode *mode, uint64_t raw,
                                  unsigned level)
{
    struct oracle_entry all = {ORACLE_MAPS, 0, ALL};

    (void)mode;
    (void)raw;
    (void)level;
    return all;
}

static uint64_t encode(const struct oracle_mode *mode, unsigned level,
                       const struct oracle_entry *is)
{
    (void)mode;
    (void)level;
    (void)is;
    return 0;
}

static uint64_t no_bits(const struct oracle_mode *mode)
{
    (void)mode;
    return 0;
}

static uint64_t leaf_bits(const struct oracle_mode *mode, unsigned level)
{
    (void)level;
    return no_bits(mode);
}

static uint64_t put_table(const struct oracle_mode *mode, uint64_t pa)
{
    (void)pa;
    return no_bits(mode);
}

static uint64_t put_leaf(const struct oracle_mode *mode, unsigned level,
                         uint64_t pa)
{
    (void)mode;
    (void)level;
    (void)pa;
    return 0;
}

static unsigned memory_types(const struct oracle_mode *mode)
{
    (void)mode;
    return 0;
}

static unsigned memory_type(const struct oracle_mode *mode, unsigned level,
                            uint64_t leaf)
{
    (void)mode;
    (void)level;
    (void)leaf;
    return 0;
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

static bool writes(const struct oracle_mode *mode, bool above, uint64_t leaf)
{
    (void)mode;
    (void)above;
    (void)leaf;
    return true;
}

const struct oracle_format oracle_bare = {
    .name = "bare",
    .rights = ALL,
    .most_pa_bits = 52,
    .granted = granted,
    .large = large,
    .decode = decode,
    .encode = encode,
    .table_bits = no_bits,
    .leaf_bits = leaf_bits,
    .put_table = put_table,
    .put_leaf = put_leaf,
    .memory_types = memory_types,
    .memory_type = memory_type,
    .leaf_pa_bits = leaf_pa_bits,
    .table_pa_bits = table_pa_bits,
    .root_pa_bits = table_pa_bits,
    .writes = writes,
};
