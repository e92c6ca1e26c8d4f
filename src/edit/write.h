/* SPDX-License-Identifier: Apache-2.0 */
/* This file writes one entry of a table. */
#ifndef PTW_EDIT_WRITE_H
#define PTW_EDIT_WRITE_H

#include "state.h"

/* ------------------------------------------------------------- one entry */

PTW_ENGINE enum ptw_status ptw_set(const struct ptw_format *a,
                                   struct ptw_edit *ed, unsigned level,
                                   unsigned index, uint64_t raw)
{
    *ptw_slot(&ed->window, level, index) = raw;
    if (PTW_LIKELY(ed->writable[level] != NULL)) {
        ptw_store_entry(a, ed->writable[level], index, raw);
        return PTW_OK;
    }
    return ptw_write_entry(a, ed->t->mem, ed->c.at[level].table, index, raw);
}

/* ptw_leave_runs takes the leaves that stand beside entries first to last of a
 * table of that level out of the runs that these are in, before these are
 * written: none of the others may stand for them. */
PTW_ENGINE enum ptw_status ptw_leave_runs(const struct ptw_format *a,
                                          struct ptw_edit *ed, unsigned level,
                                          unsigned first, unsigned last)
{
    const struct ptw_regime *r = ed->t->root.regime;
    unsigned run = (unsigned)ptw_low_mask(a->level[level].run);
    unsigned end = (unsigned)ptw_low_mask(ptw_index_bits(a, r, level));
    enum ptw_status st = PTW_OK;

    if (a->together == 0) {
        return PTW_OK;
    }
    end = (last | run) < end ? last | run : end;
    for (unsigned i = first & ~run; i <= end && st == PTW_OK; i++) {
        struct ptw_entry e;
        uint64_t raw = 0;

        if (i == first) {
            i = last;
            continue;
        }
        if (ptw_read_entry(a, ed->t->mem, ed->c.at[level].table, i, &raw) !=
                PTW_OK ||
            (raw & a->together) == 0) {
            continue;
        }
        e = a->decode(r, raw, level, i);
        if (e.kind == PTW_ENTRY_LEAF) {
            raw = ptw_alone(a, ptw_attribute_bits(a, r, level, raw));
            st = ptw_write_entry(a, ed->t->mem, ed->c.at[level].table, i,
                                 ptw_leaf_entry(a, r, level, raw, e.pa.v));
        }
    }
    return st;
}

#endif
