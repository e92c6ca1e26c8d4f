/* SPDX-License-Identifier: Apache-2.0 */
/* The quick way down to a table of level 0, for lookups and for edits of one
 * page: in memory that can be read directly, as far as entries lead to tables.
 * Rights are folded along the path, and nothing else is kept of it.  Where it
 * ends before, whoever goes it asks the careful way. */
#ifndef PTW_QUICK_H
#define PTW_QUICK_H

#include "entry.h"
#include "regime.h"

/* Where a descent by the quick way stands. */
struct ptw_quick {
    uint64_t table;
    uint64_t kept;   /* of the entries of the path: see path_rights */
    uint64_t turned; /* the entry of the table of that level, if it was read */
    unsigned level;
    bool read;
};

PTW_ENGINE bool ptw_is_quick(const struct ptw_format *a,
                             const struct ptw_regime *r)
{
    return a->levels > 0 && a->table_address != NULL && ptw_top(a, r) > 0;
}

/* ptw_quick_index returns which entry of a table of the path is for va. */
PTW_ENGINE unsigned ptw_quick_index(const struct ptw_format *a,
                                    const struct ptw_regime *r, bool root,
                                    unsigned level, ptw_va va)
{
    return (unsigned)(va.v >> a->level[level].shift &
                      (root && a->va_bits == 0
                           ? r->root_last
                           : ptw_low_mask(a->level[level].bits)));
}

/* ptw_quick_place returns where an entry of a table is in the part of memory
 * that can be read directly, and that is looked at first; false: elsewhere. */
PTW_ENGINE bool ptw_quick_place(const struct ptw_format *a,
                                const struct ptw_mem *mem, uint64_t table,
                                unsigned index, const unsigned char **place)
{
    uint64_t offset = ptw_entry_at(a, table, index) - mem->cache.first;

    if (PTW_UNLIKELY(offset >= mem->cache.entries_end)) {
        return false;
    }
    *place = mem->cache.host + (size_t)offset;
    return true;
}

/* ptw_quick_judge judges a turned entry of that level, which is above 0.
 * False: it leads to no table, and nothing has changed. */
PTW_ENGINE bool ptw_quick_judge(const struct ptw_format *a,
                                const struct ptw_regime *r, unsigned level,
                                uint64_t turned, uint64_t *kept,
                                uint64_t *table)
{
    uint64_t no_table = r->rule[level].no_table;

    if (PTW_UNLIKELY((no_table & turned) != 0)) {
        return false;
    }
    if (level < a->folds) {
        *kept &= turned;
    }
    *table = a->table_address(r, turned);
    return true;
}

/* ptw_quick_step goes down from that level; false: the quick way ends there. */
PTW_ENGINE bool ptw_quick_step(const struct ptw_format *a,
                               const struct ptw_mem *mem,
                               const struct ptw_regime *r, bool root,
                               unsigned level, ptw_va va, struct ptw_quick *q)
{
    const unsigned char *place;
    uint64_t turned;

    if (!ptw_quick_place(a, mem, q->table,
                         ptw_quick_index(a, r, root, level, va), &place)) {
        q->level = level;
        q->read = false;
        return false;
    }
    turned = ptw_load_entry(a, place, 0) ^ r->rule[level].turned;
    if (!ptw_quick_judge(a, r, level, turned, &q->kept, &q->table)) {
        q->level = level;
        q->read = true;
        q->turned = turned;
        return false;
    }
    return true;
}

_Static_assert(PTW_MAX_LEVELS == 5, "ptw_quick_down goes down five levels");

/* ptw_quick_down goes down to the table of level 0, from a root above that. */
PTW_ENGINE bool ptw_quick_down(const struct ptw_format *a,
                               const struct ptw_mem *mem,
                               const struct ptw_regime *r, ptw_va va,
                               struct ptw_quick *q)
{
    unsigned top = ptw_top(a, r);

    if (!ptw_quick_step(a, mem, r, true, top, va, q)) {
        return false;
    }
    switch (top) {
    case 4:
        if (!ptw_quick_step(a, mem, r, false, 3, va, q)) {
            return false;
        }
        /* fall through */
    case 3:
        if (!ptw_quick_step(a, mem, r, false, 2, va, q)) {
            return false;
        }
        /* fall through */
    case 2:
        if (!ptw_quick_step(a, mem, r, false, 1, va, q)) {
            return false;
        }
        /* fall through */
    default:
        return true;
    }
}

#endif
