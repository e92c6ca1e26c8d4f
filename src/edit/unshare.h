/* SPDX-License-Identifier: Apache-2.0 */
/* This file gives an edit tables of its own: it copies a table that other paths
 * lead to, and says of each table that is entered whether it may be written. */
#ifndef PTW_EDIT_UNSHARE_H
#define PTW_EDIT_UNSHARE_H

#include "move.h"

/* ----------------------------------------------------------- one table */

/* Whether the table of that level belongs to this path alone. */
PTW_ENGINE bool ptw_is_shared(const struct ptw_edit *ed, unsigned level)
{
    return ed->t->shares != NULL &&
           ptw_shares_count(ed->t->shares, ed->c.at[level].table) > 1;
}

/* Reads an entry of a table that the edit copies: any entry, whatever the range
 * of the edit is, so that this is no read of the descent. */
PTW_ENGINE enum ptw_status ptw_read_to_copy(const struct ptw_format *a,
                                            const struct ptw_edit *ed,
                                            const struct ptw_path_table *t,
                                            unsigned index, uint64_t *raw)
{
    if (t->host != NULL) {
        *raw = ptw_load_entry(a, t->host, index);
        return PTW_OK;
    }
    return ptw_read_entry(a, ed->t->mem, t->table, index, raw);
}

/* Whether the table of that level, which is shared, can be copied: all of it
 * can be read.  What it leads to will be shared then, and has to be listed;
 * stays: since somebody else keeps the table, there will be one reference more
 * to each of those. */
PTW_ENGINE enum ptw_status ptw_copyable(const struct ptw_format *a,
                                        struct ptw_edit *ed, unsigned level,
                                        bool stays)
{
    const struct ptw_path_table *t = &ed->c.at[level];
    uint64_t raw = 0;

    if (t->host != NULL && level == 0) {
        return PTW_OK;
    }
    for (unsigned i = 0; i < 1u << ptw_index_bits(a, ed->t->root.regime, level);
         i++) {
        struct ptw_entry e;

        if (ptw_read_to_copy(a, ed, t, i, &raw) != PTW_OK) {
            return PTW_E_BUS;
        }
        e = a->decode(ed->t->root.regime, raw, level, i);
        if (e.kind != PTW_ENTRY_TABLE) {
            continue;
        }
        if (stays && !ptw_shares_come(ed->t->shares, e.pa.v)) {
            ed->unnoted = true; /* the plan will want room, not say more */
        }
        if (!ptw_shares_listed(ed->t->shares, e.pa.v)) {
            ed->listed++;
        }
    }
    return PTW_OK;
}

/* Gives this path a copy of its own of the table just entered.  What the copy
 * refers to is referred to once more, except when nobody else is left who
 * refers to the table: then the copy takes its place, and it is given back. */
PTW_ENGINE enum ptw_status ptw_unshare(const struct ptw_format *a,
                                       struct ptw_edit *ed, unsigned level,
                                       bool others)
{
    struct ptw_shares *shares = ed->t->shares;
    const struct ptw_path_table from = ed->c.at[level];
    unsigned entries = 1u << ptw_index_bits(a, ed->t->root.regime, level);
    enum ptw_status st;
    ptw_pa copy;

    st = ptw_spare_take(ed->t, level, &copy);
    if (st != PTW_OK) {
        return st;
    }
    for (unsigned i = 0; i < entries && st == PTW_OK; i++) {
        struct ptw_entry e;
        uint64_t raw = 0;

        st = ptw_read_to_copy(a, ed, &from, i, &raw);
        if (st == PTW_OK && raw != 0) {
            st = ptw_write_entry(a, ed->t->mem, copy.v, i, raw);
            e = a->decode(ed->t->root.regime, raw, level, i);
            if (st == PTW_OK && others && e.kind == PTW_ENTRY_TABLE) {
                st = ptw_shares_add(shares, e.pa.v, 1);
            }
        }
    }
    if (st == PTW_OK && others) {
        st = ptw_shares_add(shares, from.table, -1);
    }
    if (st == PTW_OK) {
        st = ptw_relink(a, ed, level, copy.v);
    }
    ed->moved[level] = true;
    if (st == PTW_OK && !others) {
        st = ptw_spare_give(ed->t, ptw_pa_of(from.table), level,
                            ed->move != NULL);
    }
    if (st == PTW_OK && level == ptw_top(a, ed->t->root.regime) &&
        ed->move != NULL && ed->move->root != NULL) {
        ed->move->root(ed->t->ctx, ed->t->root.table);
    }
    return st;
}

/* The commit has entered a table.  One that was shared when this edit began has
 * neither been moved nor found to be writable, and nor has what is below it:
 * the plan supposes that all of that is copied.  Mostly it is found to be
 * shared, as the copy above it refers to it, too; but not where the last path
 * to a table comes to it at another level, at which its entries are others. */
PTW_ENGINE enum ptw_status ptw_commit_entered(const struct ptw_format *a,
                                              struct ptw_edit *ed, bool movable)
{
    unsigned level = (unsigned)ed->c.level;
    uint64_t table = ed->c.at[level].table;
    bool made = ed->made;
    enum ptw_status st;

    ed->made = false;
    if (ed->t->shares == NULL || made) {
        return PTW_OK;
    }
    if (ptw_is_shared(ed, level)) {
        return ptw_unshare(a, ed, level, true);
    }
    if (ed->shared < 0) {
        if (!ptw_shares_left(ed->t->shares, table)) {
            return PTW_OK;
        }
        ed->shared = (int)level;
    }
    st = ptw_table_check(ed->t, ptw_pa_of(table), level);
    return movable || st != PTW_OK ? ptw_unshare(a, ed, level, false) : PTW_OK;
}

/* This edit will write to the table of that level: whether it can be written,
 * and has moved by then.  Of a table that will be copied, the copy can. */
PTW_ENGINE enum ptw_status ptw_will_write(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable,
                                          unsigned level)
{
    switch (pass) {
    case PTW_PASS_PLAN:
        return ed->shared < 0 ? ed->fit[level] : PTW_OK;
    case PTW_PASS_MOVE:
        return movable && ed->shared < 0 ? ptw_move(a, ed, level) : PTW_OK;
    case PTW_PASS_COMMIT:
        ed->moved[level] = true;
        break;
    }
    return PTW_OK;
}

/* What there is to do when a table has been entered. */
PTW_ENGINE enum ptw_status ptw_edit_entered(const struct ptw_format *a,
                                            struct ptw_edit *ed,
                                            enum ptw_pass pass, bool movable)
{
    unsigned level = (unsigned)ed->c.level;
    enum ptw_status st;

    ed->moved[level] = pass == PTW_PASS_COMMIT && ed->made;
    ed->writable[level] =
        ptw_writable(ed->t->mem, ed->c.at[level].table,
                     ptw_table_bytes(a, ed->t->root.regime, level));
    if (pass == PTW_PASS_COMMIT) {
        return ptw_commit_entered(a, ed, movable);
    }
    if (ed->shared > (int)level || ptw_is_shared(ed, level)) {
        if ((ed->flags & PTW_EDIT_UNSHARE) == 0) {
            return PTW_E_SHARED;
        }
        if (pass == PTW_PASS_PLAN &&
            !ptw_shares_leave(ed->t->shares, ed->c.at[level].table) &&
            ed->kept < 0) {
            ed->kept = (int)level;
        }
        st = ptw_copyable(a, ed, level, pass == PTW_PASS_PLAN && ed->kept >= 0);
        if (st != PTW_OK) {
            return st;
        }
        ed->needed++;
        ed->root_needed =
            ed->root_needed || level == ptw_top(a, ed->t->root.regime);
        if (ed->shared < 0 && level < ptw_top(a, ed->t->root.regime)) {
            /* The entry that leads to the copy will be written. */
            st = ptw_will_write(a, ed, pass, movable, level + 1);
        }
        if (ed->shared < 0) {
            ed->shared = (int)level;
        }
        return st;
    }
    if (pass == PTW_PASS_PLAN) {
        st = ptw_table_check(ed->t, ptw_pa_of(ed->c.at[level].table), level);
        ed->fit[level] = movable ? PTW_OK : st;
        /* All of a path moves, and what may move is written elsewhere. */
        if (movable && st != PTW_E_READONLY) {
            return st;
        }
    }
    return PTW_OK;
}

#endif
