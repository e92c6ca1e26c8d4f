/* SPDX-License-Identifier: Apache-2.0 */
/* A table of leaves, out of the hand of the walk.
 *
 * Nearly all entries of a guest stand in tables of leaves that can be read
 * directly.  Where the walk stands in one, the rebuild reads it by lines
 * itself, and makes no items: each entry is loaded once, into the walk's
 * window, and counts as a read of the walk.  What is neither a leaf nor absent,
 * and lines that the range or the limit cuts, are left to the walk. */
#ifndef PTW_RB_LEAVES_H
#define PTW_RB_LEAVES_H

#include "leaf.h"
#include "walk/sweep.h"

/* ptw_rb_at_leaves says whether the walk, all of whose items were visited,
 * stands in such a table. */
PTW_ENGINE bool ptw_rb_at_leaves(const struct ptw_rebuild *rb)
{
    const struct ptw_walk *w = &rb->state.walk;
    const struct ptw_path_table *t = &w->c.at[0];

    return w->phase == PTW_PHASE_WALK && w->c.level == 0 && t->host != NULL &&
           t->index <= t->last && w->queued == 0 && !w->has_open;
}

/* Loads the line of entries from `index` on; false when it is not whole. */
PTW_ENGINE bool ptw_rb_load_line(const struct ptw_format *a, struct ptw_walk *w,
                                 unsigned index, uint64_t *any)
{
    const struct ptw_path_table *t = &w->c.at[0];

    if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > t->last ||
        w->c.reads_left < PTW_LINE) {
        return false;
    }
    if (w->ahead != NULL) {
        __builtin_prefetch(ptw_entry_host(a, w->ahead, index));
    }
    w->c.reads_left -= PTW_LINE;
    *any = ptw_load_line(a, ptw_entry_host(a, t->host, index),
                         ptw_slot(&w->window, 0, index));
    return true;
}

/* The leaves of the table, in the plan or while the new tables are built. */
PTW_ENGINE enum ptw_status ptw_rb_leaves_of(const struct ptw_format *a,
                                            struct ptw_rebuild *rb,
                                            enum ptw_rebuild_phase phase)
{
    struct ptw_walk *w = &rb->state.walk;
    const struct ptw_regime *r = w->c.regime;
    struct ptw_path_table *t = &w->c.at[0];
    bool refuse = (rb->o.flags & PTW_REBUILD_REFUSE_MARKED) != 0;
    uint64_t base = ptw_va_from(a, r, t->base);
    /* Of pages; the tables, which were counted, are within the limit. */
    uint64_t most_bytes =
        rb->o.max_bytes - (rb->counts.tables << rb->state.table_log2);
    unsigned index = t->index;
    unsigned fetched = t->fetched;
    enum ptw_status st = PTW_OK;

    ptw_look_ahead(w);
    while (index <= t->last) {
        uint64_t leaves = rb->counts.leaves;
        struct ptw_entry e;
        uint64_t raw;

        if (index >= fetched) {
            uint64_t any;

            if (!ptw_rb_load_line(a, w, index, &any)) {
                break;
            }
            fetched = index + PTW_LINE;
            if ((any & a->present) == 0) {
                index += PTW_LINE;
                continue;
            }
        }
        raw = *ptw_slot(&w->window, 0, index);
        e = a->decode(r, raw, 0, index);
        if (e.kind == PTW_ENTRY_ABSENT) {
            index++;
            continue;
        }
        if (e.kind != PTW_ENTRY_LEAF) {
            break;
        }
        st = ptw_rb_small_leaf(a, rb, phase, raw, e.pa.v, index);
        if (phase == PTW_REBUILD_WALKING && st == PTW_OK) {
            uint64_t va = base + ((uint64_t)index << a->level[0].shift);

            if (refuse && rb->counts.leaves > leaves &&
                ptw_rb_refuses(rb, 0, raw, w->c.space, va)) {
                st = PTW_E_MARKED;
            } else if (PTW_UNLIKELY(rb->counts.page_bytes > most_bytes)) {
                st = PTW_E_LIMIT;
            }
        }
        if (PTW_UNLIKELY(st != PTW_OK)) {
            break;
        }
        rb->work++;
        index++;
    }
    t->index = (uint16_t)index;
    t->fetched = (uint16_t)fetched;
    w->masked = 0; /* a sweep has no masks of what was fetched here */
    if (phase == PTW_REBUILD_WALKING && ptw_rb_count_bytes(rb) != PTW_OK &&
        st == PTW_OK) {
        st = PTW_E_LIMIT;
    }
    return st;
}

/* ptw_rb_leaves does as much of the table that the walk stands in as there is
 * to do without the walk. */
PTW_ENGINE enum ptw_status ptw_rb_leaves(const struct ptw_format *a,
                                         struct ptw_rebuild *rb)
{
    return rb->state.phase == PTW_REBUILD_BUILDING
               ? ptw_rb_leaves_of(a, rb, PTW_REBUILD_BUILDING)
               : ptw_rb_leaves_of(a, rb, PTW_REBUILD_WALKING);
}

#endif
