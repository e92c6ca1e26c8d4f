/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of a table that are not present, for those who copy them and those
 * who compare them. */
#ifndef PTW_SRC_ABSENT_H
#define PTW_SRC_ABSENT_H

#include "entry.h"
#include "regime.h"

/* ptw_get_absent reads entry *i of a table; false when it is present, or can't be
 * read, and *raw is 0 then.  Behind an entry that no region holds, *i passes over
 * the others of which that is true.  cache is as for ptw_get_cached. */
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

#endif
