/* SPDX-License-Identifier: Apache-2.0 */
/* Iteration: what turns the verdicts of the descent into items.
 *
 * One loop serves virt_to_phys and walk_va_spaces.  For each space it enters
 * the root, and then: descend, emit the items of the verdict, step to the next
 * entry.  An item that may still grow (a run, a hole) is kept open; whatever
 * does not continue it closes it.  One verdict gives up to three items, and the
 * caller may have room for one, so there is a short queue behind. */
#ifndef PTW_ITERATE_H
#define PTW_ITERATE_H

#include "begin.h"
#include "sweep.h"

/* Whether the walk has come to the gap in the middle and not given it yet. */
PTW_ENGINE bool ptw_at_gap(const struct ptw_format *a, const struct ptw_walk *w)
{
    unsigned top = w->c.top;

    return (unsigned)w->c.level == top && !w->gap_given &&
           w->c.at[top].index ==
               1u << (ptw_index_bits(a, w->c.regime, top) - 1);
}

/* ptw_pass_aliases goes on behind an alias: spaces that share tables share many
 * of one upper table.  It gives the entries that follow, in direct memory line
 * by line and elsewhere as far as they were fetched, as long as each leads to a
 * table that was entered before, whole: the range may end in it, but begins
 * before it.  Such a table is inside memory; it is an alias, whatever else there
 * is to say of it. */
PTW_ENGINE void ptw_pass_aliases(const struct ptw_format *a, struct ptw_walk *w,
                                 struct ptw_sink *out)
{
    struct ptw_cursor *c = &w->c;
    const struct ptw_memo memo = *c->memo; /* which no store can change */
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    unsigned shift = a->level[level].shift;
    unsigned index = t->index;
    unsigned fetched = t->fetched;

    if ((w->gap == PTW_GAP_MIDDLE && level == c->top) ||
        ptw_index_bits(a, c->regime, level - 1) != a->level[level - 1].bits) {
        return;
    }
    while (out->count < out->room) {
        const struct ptw_memo_slot *slot;
        struct ptw_entry e;
        uint64_t raw;
        uint64_t base;

        if (index == fetched) {
            uint64_t any;

            if (t->host == NULL ||
                !ptw_fetch_line(a, c, level, &w->window, index, &any)) {
                break;
            }
            fetched += PTW_LINE;
        }
        raw = *ptw_slot(&w->window, level, index);
        base = ptw_entry_offset(a, t, level, index);
        e = a->decode(c->regime, raw, level, index);
        e.rights &= t->rights;
        if (e.kind != PTW_ENTRY_TABLE || c->last - base < ptw_low_mask(shift) ||
            ptw_leads(a, c, level, &e) != PTW_V_ENTERED) {
            break;
        }
        slot = ptw_memo_find(&memo, e.pa.v, level - 1, ptw_told(c, e.rights));
        if (slot == NULL) {
            break;
        }
        ptw_saw(c, slot);
        ptw_emit_alias(a, w, out, ptw_va_from(a, c->regime, base), shift, raw,
                       &e);
        index++;
    }
    t->index = (uint16_t)index;
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
        return ptw_begin_space(w, out);
    case PTW_PHASE_PASS:
        return ptw_pass_on(w, out);
    case PTW_PHASE_DONE:
        return false;
    case PTW_PHASE_END:
        ptw_end_space(w, out);
        return true;
    case PTW_PHASE_WALK:
        break;
    }
    if (c->level < 0) {
        w->phase = PTW_PHASE_END;
        if (w->gap == PTW_GAP_AFTER) {
            ptw_give_gap(w, out);
        }
        return true;
    }
    if (w->gap == PTW_GAP_MIDDLE && ptw_at_gap(a, w)) {
        ptw_give_gap(w, out);
        return true;
    }
    t = &c->at[c->level];
    if (t->index > t->last) {
        if (PTW_UNLIKELY(c->leave_outs > 0) && ptw_go_on_in_table(c)) {
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
    if (v != PTW_V_ALIAS) {
        return ptw_give(w, out, v, &e);
    }
    (void)ptw_give(w, out, v, &e);
    ptw_pass_aliases(a, w, out);
    return true;
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
    if (PTW_UNLIKELY(w->queued > 0)) {
        ptw_drain(w, &out);
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
