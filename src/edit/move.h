/* SPDX-License-Identifier: Apache-2.0 */
/* This file moves a table of the path to another place, and mends the entry
 * that leads to it. */
#ifndef PTW_EDIT_MOVE_H
#define PTW_EDIT_MOVE_H

#include "shares.h"
#include "stock.h"
#include "write.h"

/* The entry that leads to the table of that level leads to `table` now, with
 * its own attribute bits; of the top level, the root does. */
PTW_ENGINE enum ptw_status ptw_relink(const struct ptw_format *a,
                                      struct ptw_edit *ed, unsigned level,
                                      uint64_t table)
{
    struct ptw_cursor *c = &ed->c;

    c->at[level].table = table;
    c->at[level].host = ptw_direct(
        ed->t->mem, table, ptw_table_bytes(a, ed->t->root.regime, level));
    ed->writable[level] = ptw_writable(
        ed->t->mem, table, ptw_table_bytes(a, ed->t->root.regime, level));
    if (level == ptw_top(a, ed->t->root.regime)) {
        ed->t->root.table.v = table;
        return PTW_OK;
    }
    c->at[level + 1].raw = ptw_table_entry(
        a, c->regime, level + 1,
        ptw_attribute_bits(a, c->regime, level + 1, c->at[level + 1].raw),
        table);
    return ptw_set(a, ed, level + 1, c->at[level + 1].index,
                   c->at[level + 1].raw);
}

/* Has the tables down to that of the level moved, if they want to.  From the
 * top: the entry that leads to a table can be written by then, so a table that
 * moved is referred to at once, whatever the hook says to the next. */
PTW_ENGINE enum ptw_status ptw_move(const struct ptw_format *a,
                                    struct ptw_edit *ed, unsigned level)
{
    for (unsigned l = ptw_top(a, ed->t->root.regime) + 1; l-- > level;) {
        ptw_pa here = ptw_pa_of(ed->c.at[l].table);
        ptw_pa now = here;
        enum ptw_status st;

        if (ed->moved[l]) {
            continue;
        }
        st = ed->move->move(ed->t->ctx, here, &now);
        if (st == PTW_OK) {
            st = ptw_new_table_check(ed->t, now, l);
        }
        if (st == PTW_OK && now.v != here.v) {
            st = ptw_relink(a, ed, l, now.v);
        }
        if (st != PTW_OK) {
            return st;
        }
        if (now.v != here.v && l == ptw_top(a, ed->t->root.regime) &&
            ed->move->root != NULL) {
            ed->move->root(ed->t->ctx, ed->t->root.table);
        }
        ed->moved[l] = true;
    }
    return PTW_OK;
}

#endif
