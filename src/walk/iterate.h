/* SPDX-License-Identifier: Apache-2.0 */
/* Iteration: what turns the verdicts of the descent into items.
 *
 * One loop serves virt_to_phys and walk_va_spaces.  For each space it enters
 * the root, and then: descend, emit the items of the verdict, step to the next entry.  An
 * item that may still grow (a run, a hole) is kept open; whatever does not
 * continue it closes it.  One verdict gives up to three items, and the caller
 * may have room for one, so there is a short queue behind. */
#ifndef PTW_ITERATE_H
#define PTW_ITERATE_H

#include "sweep.h"

/* Whether the walk has come to the gap in the middle and not given it yet. */
PTW_ENGINE bool ptw_at_gap(const struct ptw_format *a, const struct ptw_walk *w)
{
    unsigned top = w->c.top;

    return (unsigned)w->c.level == top && !w->gap_given &&
           w->c.at[top].index ==
               1u << (ptw_index_bits(a, w->c.regime, top) - 1);
}

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
        /* It was entered below another root: here it is entered again. */
        struct ptw_memo *memo = c->memo;

        c->memo = NULL;
        v = ptw_enter(a, c, false, c->top, w->start_table, w->start_rights,
                      w->start_base);
        c->memo = memo;
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
    }
    w->phase = PTW_PHASE_END;
    if (kind == PTW_SPACE_WALKED) {
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

/* ptw_step does one thing: drain the queue, begin a space, sweep, descend and
 * emit, or end a space.  Returns false when the walk stops for now or ever.
 */
PTW_ENGINE bool ptw_step_on(const struct ptw_format *a, struct ptw_walk *w,
                            struct ptw_sink *out)
{
    struct ptw_cursor *c = &w->c;
    struct ptw_path_table *t;
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
    enum ptw_verdict v;

    switch ((enum ptw_phase)w->phase) {
    case PTW_PHASE_BEGIN:
        return ptw_begin(a, w, out);
    case PTW_PHASE_DONE:
        return false;
    case PTW_PHASE_END:
        ptw_close(w, out);
        c->level = -1;
        c->space++;
        w->phase = c->space < w->roots ? PTW_PHASE_BEGIN : PTW_PHASE_DONE;
        return true;
    case PTW_PHASE_WALK:
        break;
    }
    if (c->level < 0) {
        w->phase = PTW_PHASE_END;
        if (w->gap == PTW_GAP_AFTER) {
            ptw_emit_gap(a, w, out);
        }
        return true;
    }
    if (w->gap == PTW_GAP_MIDDLE && ptw_at_gap(a, w)) {
        ptw_emit_gap(a, w, out);
        return true;
    }
    t = &c->at[c->level];
    if (t->index > t->last) {
        if (PTW_UNLIKELY(c->leave_outs > 0) && ptw_keep_on(a, c)) {
            return true;
        }
        ptw_ascend(c);
        return true;
    }
    if (c->level == 0 && t->host != NULL) {
        ptw_sweep(w, out);
        if (t->index > t->last || out->count == out->room) {
            return true;
        }
    }
    if (c->level > 0 && t->host != NULL && (w->flags & PTW_WALK_HOLES) == 0) {
        ptw_skip(a, c, &w->window);
        if (t->index > t->last) {
            return true;
        }
    }
    v = ptw_descend(a, c, &w->window, &e);
    return ptw_emit_verdict(a, w, out, v, &e);
}

PTW_ENGINE enum ptw_status ptw_iterate(const struct ptw_format *a,
                                       struct ptw_walk *w,
                                       struct ptw_item *item, size_t room,
                                       size_t *items)
{
    struct ptw_sink out = {item, room, 0, w->has_open ? &w->open : NULL};
    uint64_t allowed = w->max_items - w->items;
    bool going = true;

    *items = 0;
    w->full = false;
    if (room == 0) {
        return PTW_E_ARG;
    }
    if (allowed < room) {
        out.room = (size_t)allowed;
    }
    while (w->queue_next < w->queued && out.count < out.room) {
        item[out.count++] = w->queue[w->queue_next++];
    }
    if (w->queue_next == w->queued) {
        w->queue_next = 0;
        w->queued = 0;
    }
    while (going && out.count < out.room) {
        going = ptw_step_on(a, w, &out);
    }
    if (out.open != NULL && out.open != &w->open) {
        w->open = *out.open;
    }
    w->has_open = out.open != NULL;
    w->items += out.count;
    *items = out.count;
    if (out.count > 0) {
        return PTW_OK; /* what stopped it here stops the next call again */
    }
    if (w->phase == PTW_PHASE_DONE) {
        return PTW_END;
    }
    return w->full ? PTW_E_SPACE : PTW_E_LIMIT;
}

#endif
