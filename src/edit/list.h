/* SPDX-License-Identifier: Apache-2.0 */
/* This file takes an edit from one page of a list to the next one.
 *
 * The list is ascending, and no address is in it twice.  So a pass over it
 * enters each table once, as it does over a range, and the entries between two
 * pages are not read. */
#ifndef PTW_EDIT_LIST_H
#define PTW_EDIT_LIST_H

#include "state.h"

/* The highest level at which leaves can stand: an entry can be one there,
 * address and offset are aligned alike, and the caller allows it. */
PTW_ENGINE unsigned ptw_widest_leaf(const struct ptw_format *a,
                                    const struct ptw_edit *ed, bool large)
{
    const struct ptw_regime *r = ed->t->root.regime;
    unsigned widest = 0;

    for (unsigned level = 1; large && level <= ptw_top(a, r); level++) {
        if (r->rule[level].leaf &&
            ((ed->pa ^ ed->first) & ptw_low_mask(a->level[level].shift)) == 0) {
            widest = level;
        }
    }
    return widest;
}

/* Whether the range reaches beyond what small pages can be mapped to. */
PTW_ENGINE bool ptw_edit_beyond(const struct ptw_format *a,
                                const struct ptw_regime *r, uint64_t pa,
                                uint64_t span)
{
    return ((pa | (pa + span)) &
            ~(r->rule[0].leaf_pa | ptw_low_mask(a->level[0].shift))) != 0;
}

/* Makes a page of the list the range of the edit. */
PTW_ENGINE void ptw_edit_at_page(const struct ptw_format *a,
                                 struct ptw_edit *ed, size_t at)
{
    const struct ptw_regime *r = ed->t->root.regime;
    const struct ptw_page *p = &ed->page[at];

    ed->at = at;
    ed->first = p->va.v & ptw_low_mask(ptw_width(a, r));
    ed->last = ed->first + ed->span;
    ed->pa = p->pa.v;
    ed->widest = ptw_widest_leaf(a, ed, (ed->flags & PTW_EDIT_LARGE) != 0);
    ed->beyond = ptw_edit_beyond(a, r, ed->pa, ed->span);
    ed->c.first = ed->first;
    ed->c.last = ed->last;
}

/* Goes on to the next page of the list if the table that the path ends in, of
 * that level, covers it; false: it does not, or there is none. */
PTW_ENGINE bool ptw_edit_next_page(const struct ptw_format *a,
                                   struct ptw_edit *ed, unsigned level)
{
    const struct ptw_regime *r = ed->t->root.regime;
    struct ptw_path_table *t = &ed->c.at[level];
    unsigned shift = a->level[level].shift;
    uint64_t whole = ptw_low_mask(shift + ptw_index_bits(a, r, level));
    size_t next = ed->page == NULL ? PTW_NO_PAGE : ed->page[ed->at].next;
    uint64_t first;

    if (next == PTW_NO_PAGE) {
        return false;
    }
    first = ed->page[next].va.v & ptw_low_mask(ptw_width(a, r));
    if (first - t->base > whole) {
        return false;
    }
    ptw_edit_at_page(a, ed, next);
    t->index = (uint16_t)((ed->first - t->base) >> shift);
    t->last = (uint16_t)((ed->last - t->base) >> shift);
    t->fetched = t->index;
    return true;
}

#endif
