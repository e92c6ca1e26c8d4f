/* SPDX-License-Identifier: Apache-2.0 */
/* This file drives an edit: pass by pass, or at once where the table of leaves
 * is there and private. */
#ifndef PTW_EDIT_PASSES_H
#define PTW_EDIT_PASSES_H

#include "entries.h"
#include "page.h"

/* -------------------------------------------------------------- the passes */

PTW_ENGINE enum ptw_status ptw_edit_pass(const struct ptw_format *a,
                                         struct ptw_edit *ed,
                                         enum ptw_pass pass, bool movable)
{
    struct ptw_cursor *c = &ed->c;
    enum ptw_status st = PTW_OK;

    if (ed->page != NULL) {
        ptw_edit_at_page(a, ed, ed->head);
    }
    ptw_cursor_over(c, ed->t->root.regime, ed->t->mem,
                    ptw_top(a, ed->t->root.regime), ed->first, ed->last);
    /* The commit also goes down into the tables that it makes.  The plan kept
     * to the limit, so what goes beyond is not what the plan has seen. */
    c->reads_left = ed->max_reads;
    if (pass != PTW_PASS_PLAN) {
        uint64_t more = ed->needed << a->level[0].bits;

        c->reads_left = more > UINT64_MAX - c->reads_left
                            ? UINT64_MAX
                            : c->reads_left + more;
    }
    ed->shared = -1;
    ed->kept = -1;
    ed->made = false;
    ed->needed = 0;
    ed->root_needed = false;
    ed->listed = 0;
    ed->unnoted = false;
    ed->counted = false;
    if (ptw_enter(a, c, false, c->top, ed->t->root.table.v,
                  ptw_start_rights(a, ed->t->root.regime),
                  0) != PTW_V_ENTERED) {
        return PTW_E_BUS;
    }
    st = ptw_edit_entered(a, ed, pass, movable);
    while (st == PTW_OK && c->level >= 0) {
        unsigned level = (unsigned)c->level;
        struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
        enum ptw_verdict v;

        if (c->at[level].index > c->at[level].last) {
            if (ptw_edit_next_page(a, ed, level)) {
                continue;
            }
            st = ptw_edit_leave(a, ed, pass, movable);
            continue;
        }
        if (level == 0) {
            st = ptw_edit_leaves(a, ed, ed->op, pass, movable);
            continue;
        }
        if (ed->op == PTW_OP_ENTRY && (int)level == ed->entry_level) {
            st = ptw_edit_entry(a, ed, pass, movable);
            continue;
        }
        v = ptw_descend_once(a, c, false, level, &ed->window, &e);
        if (v == PTW_V_ENTERED) {
            st = ptw_edit_entered(a, ed, pass, movable);
        } else if (v == PTW_V_LEAF || v == PTW_V_ABSENT || v == PTW_V_BAD) {
            st = ptw_edit_site(a, ed, pass, movable, &e);
        } else {
            st = ptw_edit_stopped(pass, v);
        }
    }
    return st;
}

/* Whether the way to a table of leaves is there already and private: then an
 * edit inside it needs no tables, and one descent to one address will do.
 * Leaves the cursor in it. */
PTW_ENGINE bool ptw_edit_is_quick(const struct ptw_format *a,
                                  struct ptw_edit *ed)
{
    unsigned bits = a->level[0].shift + a->level[0].bits;
    struct ptw_path_table *t = &ed->c.at[0];
    struct ptw_cursor c; /* apart, so that the way needs no memory */
    struct ptw_entry e;

    if (ed->first >> bits != ed->last >> bits || ed->op == PTW_OP_ENTRY ||
        (ed->flags & PTW_EDIT_RECLAIM) != 0 ||
        ed->max_reads < ptw_top(a, ed->t->root.regime)) {
        return false;
    }
    ptw_cursor_at(a, &c, ed->t->mem, ed->t->root, ed->first);
    /* What the leaf is does not matter, and to read it is to wait for it. */
    if (ptw_descend_to(a, &c, 1, &e) != PTW_V_ENTERED) {
        return false;
    }
    if (!ptw_own_path(a, ed->t->shares, &c)) {
        return false;
    }
    ed->c.reads_left =
        ed->max_reads - ptw_top(a, ed->t->root.regime); /* the way down */
    *t = c.at[0];
    t->last =
        (uint16_t)(t->index + ((ed->last - ed->first) >> a->level[0].shift));
    ed->writable[0] = ptw_writable_cached(
        c.mem, &c.cache, t->table, ptw_table_bytes(a, ed->t->root.regime, 0));
    return ed->writable[0] != NULL;
}

/* What the plan has ruled out, a commit meets only in tables that changed; or a
 * callback failed.  Either way half an edit may be there. */
PTW_ENGINE enum ptw_status ptw_committed(enum ptw_status st)
{
    return st == PTW_OK ? PTW_OK : PTW_E_CHANGED;
}

/* An edit of leaves by the quick path: planned and committed where the cursor
 * is. */
PTW_ENGINE enum ptw_status ptw_edit_quick(const struct ptw_format *a,
                                          struct ptw_edit *ed)
{
    struct ptw_path_table *t = &ed->c.at[0];
    uint16_t index = t->index;
    enum ptw_status st;

    if (ed->op == PTW_OP_MAP) {
        uint64_t last = ed->last & ~ptw_low_mask(a->level[0].shift);

        st = ptw_leaves_check(ed, last);
        return st == PTW_OK ? ptw_map_leaves(a, ed, ed->first, last) : st;
    }
    ed->shared = -1;
    if (ed->op == PTW_OP_PROTECT) {
        /* Only here does a plan look at entries: a bad one refuses it all. */
        ed->fit[0] = PTW_OK;
        st = ptw_edit_leaves(a, ed, PTW_OP_PROTECT, PTW_PASS_PLAN, false);
        if (st != PTW_OK) {
            return st;
        }
        t->index = index;
        /* The plan kept to the limit; this reads the same again. */
        ed->c.reads_left = UINT64_MAX;
        return ptw_committed(
            ptw_edit_leaves(a, ed, PTW_OP_PROTECT, PTW_PASS_COMMIT, false));
    }
    return ptw_edit_leaves(a, ed, PTW_OP_UNMAP, PTW_PASS_COMMIT, false);
}

/* ptw_edit_try_quick does a well-formed edit if there is a quick path; *quick
 * says whether it is. */
PTW_ENGINE enum ptw_status ptw_edit_try_quick(const struct ptw_format *a,
                                              struct ptw_edit *ed, bool *quick)
{
    *quick = ptw_edit_is_quick(a, ed);
    return *quick ? ptw_edit_quick(a, ed) : PTW_OK;
}

/* ptw_edit_by_passes does a well-formed edit pass by pass. */
PTW_ENGINE enum ptw_status ptw_edit_by_passes(const struct ptw_format *a,
                                              struct ptw_edit *ed, bool movable)
{
    enum ptw_status st;

    if ((ed->t->table_flags & ~ed->t->root.regime->flag_bits) != 0) {
        return PTW_E_ARG;
    }
    if (ed->t->shares != NULL) {
        ptw_shares_begin(ed->t->shares);
    }
    st = ptw_edit_pass(a, ed, PTW_PASS_PLAN, movable);
    ed->planned = st == PTW_OK;
    if (st == PTW_OK && ed->listed > 0 && ed->t->shares != NULL) {
        st = ptw_shares_room(ed->t->shares, ed->listed);
    }
    if (st == PTW_OK) {
        st = ptw_spare_reserve(ed->t, ed->needed, ed->root_needed);
    }
    if (st == PTW_OK && movable) {
        st = ptw_edit_pass(a, ed, PTW_PASS_MOVE, movable);
    }
    if (st == PTW_OK) {
        st = ptw_committed(ptw_edit_pass(a, ed, PTW_PASS_COMMIT, movable));
    }
    return ptw_spare_release(ed->t, st);
}

#endif
