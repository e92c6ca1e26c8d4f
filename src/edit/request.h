/* SPDX-License-Identifier: Apache-2.0 */
/* This file checks a request, and begins the edit that it asks for. */
#ifndef PTW_EDIT_REQUEST_H
#define PTW_EDIT_REQUEST_H

#include "passes.h"

/* ------------------------------------------------------- what is asked */

/* The part that all requests share. */
PTW_ENGINE enum ptw_status ptw_edit_begin(const struct ptw_format *a,
                                          struct ptw_edit *ed, enum ptw_op op,
                                          struct ptw_tables *t, ptw_va first,
                                          ptw_va last, unsigned flags,
                                          uint64_t max_reads)
{
    const struct ptw_regime *r = t->root.regime;
    uint64_t gap_first;
    uint64_t gap_last;

    if (a->levels == 0) {
        return PTW_E_REGIME;
    }
    if (first.v > last.v) {
        return PTW_E_RANGE;
    }
    if (((first.v | (last.v + 1)) & ptw_low_mask(a->level[0].shift)) != 0) {
        return PTW_E_ALIGN;
    }
    if (ptw_gap(a, r, &gap_first, &gap_last) && first.v <= gap_last &&
        last.v >= gap_first) {
        return PTW_NOT_CANONICAL;
    }
    if ((flags & PTW_EDIT_UNSHARE) != 0 && t->shares == NULL) {
        return PTW_E_ARG;
    }
    ed->t = t;
    ed->move = NULL;
    ed->op = op;
    ed->flags = flags;
    ed->first = first.v & ptw_low_mask(ptw_width(a, r));
    ed->last = last.v & ptw_low_mask(ptw_width(a, r));
    ed->max_reads = ptw_limit(max_reads);
    ed->pa = 0;
    ed->rights = 0;
    ed->copy_on_write = false;
    ed->attributes = NULL;
    ed->widest = ptw_top(a, r);
    ed->beyond = false;
    ed->exact = false;
    ed->bits = 0;
    ed->entry_level = -1;
    ed->entry_bits = 0;
    ed->entry_owner = t->root;
    ed->entry_ahead = 0;
    ed->entry_self = false;
    ed->entry_new = false;
    ed->entry_rights = false;
    ed->linked = false;
    ed->page = NULL;
    ed->planned = false;
    return PTW_LIKELY(ptw_root_fits(t->root)) ? PTW_OK
                                              : ptw_root_check(t->root);
}

/* The rights that are asked for as the regime can have them. */
PTW_ENGINE unsigned ptw_rights_asked(const struct ptw_regime *r,
                                     unsigned rights, unsigned flags)
{
    if (PTW_UNLIKELY((flags & PTW_EDIT_GRANT_EXEC) != 0)) {
        rights |= r->granted & (PTW_EXEC | PTW_USER_EXEC);
    }
    return rights;
}

/* What is mapped there. */
PTW_ENGINE enum ptw_status ptw_edit_target(const struct ptw_format *a,
                                           struct ptw_edit *ed,
                                           const struct ptw_map_request *q)
{
    const struct ptw_regime *r = ed->t->root.regime;
    uint64_t span = q->last.v - q->first.v;

    if ((q->pa.v & ptw_low_mask(a->level[0].shift)) != 0) {
        return PTW_E_ALIGN;
    }
    if (q->pa.v > UINT64_MAX - span) {
        return PTW_E_RANGE;
    }
    ed->pa = q->pa.v;
    ed->rights = ptw_page_rights(ptw_rights_asked(r, q->rights, q->flags),
                                 q->copy_on_write);
    ed->copy_on_write = q->copy_on_write;
    ed->attributes = &q->attributes;
    ed->widest = ptw_widest_leaf(a, ed, (q->flags & PTW_EDIT_LARGE) != 0);
    if (!ed->exact && !a->leaf_bits(r, 0, ed->rights, ed->copy_on_write,
                                    ed->attributes, &ed->bits)) {
        return PTW_E_RIGHTS;
    }
    /* Large leaves may reach further than pages; whether there will be any, the
     * plan finds out.  A first address that is beyond has a flag bit. */
    ed->beyond = ptw_edit_beyond(a, r, q->pa.v, span);
    if (PTW_UNLIKELY(ed->beyond) && ptw_flags_between(a, r, q->pa.v, span)) {
        return PTW_E_WIDTH;
    }
    if (PTW_UNLIKELY(ed->beyond) &&
        (ed->widest == 0 ||
         !ptw_leaf_fits(r, ed->widest,
                        (q->pa.v + span) &
                            ~ptw_low_mask(a->level[ed->widest].shift)))) {
        return PTW_E_WIDTH;
    }
    return PTW_OK;
}

/* exact: the caller has the leaves, and sets their bits. */
PTW_ENGINE enum ptw_status
ptw_edit_map(const struct ptw_format *a, struct ptw_edit *ed,
             struct ptw_tables *t, const struct ptw_map_request *q, bool exact)
{
    enum ptw_status st = ptw_edit_begin(a, ed, PTW_OP_MAP, t, q->first, q->last,
                                        q->flags, q->max_reads);

    if (st == PTW_OK) {
        ed->exact = exact;
        st = ptw_edit_target(a, ed, q);
    }
    /* In a table of leaves the ends tell.  Far apart, neither may have a
     * bit. */
    return st == PTW_OK && ptw_flags_between(a, t->root.regime, q->pa.v,
                                             q->last.v - q->first.v)
               ? PTW_E_WIDTH
               : st;
}

/* ptw_map_by_passes maps without the quick path; see ptw_map_range. */
enum ptw_status ptw_map_by_passes(struct ptw_tables *t,
                                  const struct ptw_map_request *q);

/* What a map comes to that is no plain one of one page: the quick path is
 * specialised whole, and apart, that it may need no memory. */
PTW_ENGINE enum ptw_status ptw_map_range(const struct ptw_format *a,
                                         struct ptw_tables *t,
                                         const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st;

    if (ptw_page_mapped_anywhere(a, t, q)) {
        return PTW_OK;
    }
    st = ptw_edit_begin(a, &ed, PTW_OP_MAP, t, q->first, q->last, q->flags,
                        q->max_reads);
    if (PTW_UNLIKELY(st != PTW_OK)) {
        return st;
    }
    if (PTW_UNLIKELY(!ptw_edit_is_quick(a, &ed))) {
        return ptw_map_by_passes(t, q);
    }
    st = ptw_edit_target(a, &ed, q);
    return PTW_LIKELY(st == PTW_OK) ? ptw_edit_quick(a, &ed) : st;
}

#endif
