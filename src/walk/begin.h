/* SPDX-License-Identifier: Apache-2.0 */
/* How a walk enters a space, and what it gives once a space or less. */
#ifndef PTW_BEGIN_H
#define PTW_BEGIN_H

#include "items.h"

/* ptw_emit_gap gives the hole that no table can map. */
PTW_ENGINE void ptw_emit_gap(const struct ptw_format *a, struct ptw_walk *w,
                             struct ptw_sink *out)
{
    struct ptw_item *item;
    uint64_t first;
    uint64_t last;

    ptw_close(w, out);
    item = ptw_emit(w, out);
    (void)ptw_gap(a, w->c.regime, &first, &last);
    item->kind = PTW_ITEM_HOLE;
    item->space = w->c.space;
    item->first.v = first;
    item->last.v = last;
    item->u.hole.raw = 0;
    item->u.hole.level = (uint8_t)ptw_levels(w->c.regime);
    item->u.hole.canonical = false;
    w->gap_given = true;
}

/* Whether the root of that space is the one that is entered now, as far as the
 * table goes. */
PTW_ENGINE bool ptw_is_root_of(const struct ptw_format *a,
                               const struct ptw_walk *w, uint32_t space)
{
    const struct ptw_regime *r = w->root[space].regime;

    return w->root[space].table.v == w->start_table &&
           ptw_top(a, r) == w->c.top &&
           ptw_index_bits(a, r, w->c.top) ==
               ptw_index_bits(a, w->c.regime, w->c.top);
}

/* ptw_begin enters the root of the space that is next.  Returns false when the
 * walk has to stop for now. */
PTW_ENGINE bool ptw_begin(const struct ptw_format *a, struct ptw_walk *w,
                          struct ptw_sink *out)
{
    struct ptw_cursor *c = &w->c;
    enum ptw_status why = PTW_OK;
    enum ptw_verdict v = PTW_V_ENTERED;
    enum ptw_space_kind kind = PTW_SPACE_WALKED;
    bool met_below = false;

    c->level = -1;
    c->remarks = 0;
    w->gap_given = false;
    if (w->roots > 0 && c->regime != w->root[c->space].regime) {
        ptw_walk_in(w, w->root[c->space].regime);
    }
    if (PTW_UNLIKELY(c->leave_outs > 0) && !ptw_keep(a, c, 0)) {
        c->first = 1;
        c->last = 0;
    }
    if (w->roots > 0) {
        w->start_table = w->root[c->space].table.v;
        why = ptw_root_check(w->root[c->space]);
        kind = why == PTW_OK ? PTW_SPACE_WALKED : PTW_SPACE_BAD;
    }
    if (a->levels == 0) {
        c->seen_by = 0;
        v = c->space > 0 ? PTW_V_ALIAS : PTW_V_ENTERED;
    } else if (why == PTW_OK && c->first <= c->last) {
        v = ptw_enter(a, c, false, c->top, w->start_table, w->start_rights,
                      w->start_base);
    } else if (a->va_bits == 0 && why == PTW_OK && w->roots > 0) {
        /* Nothing of it is walked, though something is of other roots: it has a
         * number all the same. */
        c->number = (uint32_t)c->tables++;
        c->unread++;
    }
    if (a->va_bits == 0 && a->levels > 0 && v == PTW_V_ALIAS &&
        !ptw_is_root_of(a, w, c->seen_by)) {
        /* It was entered below another root: here it is entered again, unless
         * that has happened. */
        c->root_again = true;
        v = ptw_enter(a, c, false, c->top, w->start_table, w->start_rights,
                      w->start_base);
        c->root_again = false;
        met_below = v != PTW_V_ALIAS;
    }
    switch (v) {
    case PTW_V_FULL:
        w->full = true;
        return false;
    case PTW_V_NO_TABLE:
        kind = PTW_SPACE_BAD;
        why = PTW_E_BUS;
        break;
    case PTW_V_ALIAS:
        kind = PTW_SPACE_SAME;
        break;
    case PTW_V_ENTERED:
    case PTW_V_LEAF:
    case PTW_V_ABSENT:
    case PTW_V_BAD:
    case PTW_V_REFUSED:
    case PTW_V_SELF:
    case PTW_V_PRUNED:
    case PTW_V_REMARK:
    case PTW_V_LIMIT:
        break;
    }
    if (w->roots > 0) {
        struct ptw_item *item = ptw_emit(w, out);

        item->kind = PTW_ITEM_SPACE;
        item->space = c->space;
        item->first = w->va_first;
        item->last = w->va_last;
        item->u.space_info.root = w->root[c->space];
        item->u.space_info.kind = kind;
        item->u.space_info.same_as = kind == PTW_SPACE_SAME ? c->seen_by : 0;
        item->u.space_info.number = c->number;
        item->u.space_info.why = why;
        item->u.space_info.met_below = met_below;
    }
    w->phase = PTW_PHASE_END;
    if (PTW_UNLIKELY(w->passes)) {
        c->tables = 0;
        w->phase = PTW_PHASE_PASS;
    } else if (kind == PTW_SPACE_WALKED) {
        w->phase = PTW_PHASE_WALK;
        if (w->gap == PTW_GAP_BEFORE) {
            ptw_emit_gap(a, w, out);
        }
        if (c->remarks != 0) {
            ptw_emit_remarks(a, w, out);
        }
        if (a->levels == 0 && c->first <= c->last &&
            (c->regime->rights & c->need_leaf) == c->need_leaf) {
            struct ptw_item *item = ptw_emit(w, out);

            ptw_span(w, item, PTW_ITEM_MAPPING, 0, c->regime->va_bits);

            memset(&item->u.mapping, 0, sizeof item->u.mapping);
            item->u.mapping.rights = (uint8_t)c->regime->rights;
            item->u.mapping.above = (uint8_t)c->regime->rights;
            item->u.mapping.size_log2 = (uint8_t)c->regime->va_bits;
        }
    }
    return true;
}

/* ptw_end_space ends the space that the walk is in; ptw_drain gives what is in
 * the queue, as far as there is room. */
void ptw_end_space(struct ptw_walk *w, struct ptw_sink *out);
void ptw_drain(struct ptw_walk *w, struct ptw_sink *out);

/* The same, and two functions more, as a call for any format: emit.c.  ptw_give
 * is ptw_emit_verdict, ptw_begin_space is ptw_begin, ptw_pass_on is ptw_pass,
 * ptw_give_gap is ptw_emit_gap, and ptw_go_on_in_table is ptw_keep_on. */
bool ptw_give(struct ptw_walk *w, struct ptw_sink *out, enum ptw_verdict v,
              const struct ptw_entry *e);
bool ptw_begin_space(struct ptw_walk *w, struct ptw_sink *out);
bool ptw_pass_on(struct ptw_walk *w, struct ptw_sink *out);
void ptw_give_gap(struct ptw_walk *w, struct ptw_sink *out);
bool ptw_go_on_in_table(struct ptw_cursor *c);

/* ptw_pass does a step of a part on its way to what is its own: entries that
 * begin where a part before it reaches belong to that part, and so do the
 * tables to which they lead, but for the rest of their entries.  Returns false
 * when no read is left. */
PTW_ENGINE bool ptw_pass(const struct ptw_format *a, struct ptw_walk *w,
                         struct ptw_sink *out)
{
    struct ptw_cursor *c = &w->c;
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
    unsigned level = (unsigned)c->level;
    enum ptw_verdict v;

    if (c->level < 0 || c->at[level].index > c->at[level].last ||
        ptw_entry_offset(a, &c->at[level], level, c->at[level].index) >
            w->before) {
        w->phase = PTW_PHASE_WALK;
        if (w->gap == PTW_GAP_BEFORE) {
            ptw_emit_gap(a, w, out);
        }
        return true;
    }
    v = ptw_descend_once(a, c, false, level, &w->window, &e);
    if (v == PTW_V_LIMIT) {
        return false;
    }
    if (v == PTW_V_ENTERED || v == PTW_V_REMARK) {
        c->tables = 0;
        return true;
    }
    c->at[level].index++;
    w->phase = PTW_PHASE_WALK;
    return true;
}

#endif
