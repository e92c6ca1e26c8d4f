/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a table that are not present, for those who copy them and
 * those who compare them. */
#ifndef PTW_SRC_ABSENT_H
#define PTW_SRC_ABSENT_H

#include "entry.h"
#include "regime.h"

/* ptw_get_absent reads entry *i of a table; false when it is present, or can't
 * be read, and *raw is 0 then.  Behind an entry that no region holds, *i passes
 * over the others of which that is true.  cache is as for ptw_get_cached. */
PTW_ENGINE bool ptw_get_absent(const struct ptw_mem *mem,
                               struct ptw_region_cache *cache,
                               const struct ptw_regime *r, unsigned level,
                               uint64_t table, unsigned *i, uint64_t *raw)
{
    const struct ptw_format *a = r->arch->format;
    unsigned bytes = 1u << a->entry_log2;
    unsigned most = (1u << ptw_index_bits(a, r, level)) - 1 - *i;
    uint64_t pa = ptw_entry_at(a, table, *i);

    if (ptw_get_cached(mem, cache, pa, bytes, raw) != PTW_OK) {
        *raw = 0;
        *i += most == 0 ? 0 : ptw_unreadable(mem, pa + bytes, bytes, most);
        return false;
    }
    return (*raw & a->present) == 0;
}

/* ptw_absent_in loads a line of entries of 2^entry_log2 bytes, each once.
 * Returns whether one of them has bits, but none of `present`. */
PTW_ENGINE bool ptw_absent_in(uint64_t present, unsigned entry_log2,
                              const unsigned char *from,
                              uint64_t line[PTW_LINE])
{
    uint64_t any = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        const unsigned char *p = from + ((size_t)i << entry_log2);

        line[i] = entry_log2 == 3 ? ptw_load64(p) : ptw_load32(p);
        any |= (line[i] & present) != 0 ? 0 : line[i];
    }
    return any != 0;
}

/* ptw_absent_line loads the line of entries from `index` on of a table that
 * lies at `host`, each once.  Returns whether one of them is not present, and
 * not 0: of most lines none is. */
PTW_ENGINE bool ptw_absent_line(const struct ptw_format *a, const void *host,
                                unsigned index, uint64_t line[PTW_LINE])
{
    const unsigned char *from = ptw_entry_host(a, host, index);

    return a->entry_log2 == 3 ? ptw_absent_in(a->present, 3, from, line)
                              : ptw_absent_in(a->present, 2, from, line);
}

/* ptw_is_uniform_line says whether the entries of such a line are all present, or
 * all 0, as they are in most tables. */
PTW_ENGINE bool ptw_is_uniform_line(const struct ptw_format *a,
                                    const void *host, unsigned index)
{
    const ptw_entry_pair *pair = (const void *)ptw_entry_host(a, host, index);
    const size_t pairs = ((size_t)PTW_LINE << a->entry_log2) / sizeof *pair;
    const uint64_t present = ptw_le64(
        a->entry_log2 == 3 ? a->present : a->present << 32 | a->present);
    ptw_entry_pair any = pair[0];
    ptw_entry_pair all = pair[0];

    for (size_t i = 1; i < pairs; i++) {
        any |= pair[i];
        all &= pair[i];
    }
    return (any[0] | any[1]) == 0 || (all[0] & all[1] & present) == present;
}

/* ptw_pass_absent returns the first entry, from `index` on, of a line that has an
 * entry which is not present, and not 0; `end`, if none has.  Both stand where a
 * line begins. */
PTW_ENGINE unsigned ptw_pass_absent(const struct ptw_format *a,
                                    const void *host, unsigned index,
                                    unsigned end)
{
    uint64_t line[PTW_LINE];

    while (index < end && (ptw_is_uniform_line(a, host, index) ||
                           !ptw_absent_line(a, host, index, line))) {
        index += PTW_LINE;
    }
    return index;
}

#endif
