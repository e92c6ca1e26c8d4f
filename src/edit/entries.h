/* SPDX-License-Identifier: Apache-2.0 */
/* This file makes, splits, links and gives back tables: the entries above the
 * leaves. */
#ifndef PTW_EDIT_ENTRIES_H
#define PTW_EDIT_ENTRIES_H

#include "leaves.h"

/* How many tables it takes to reach every page of [first, last], which lie
 * below one entry of that level that leads to none: one for the entry itself,
 * and further down one for each entry that is covered in part, or that no leaf
 * may stand in. */
PTW_ENGINE uint64_t ptw_tables_needed(const struct ptw_format *a,
                                      unsigned widest, unsigned level,
                                      uint64_t first, uint64_t last)
{
    uint64_t needed = 1;

    for (unsigned l = level - 1; l > 0; l--) {
        unsigned shift = a->level[l].shift;
        uint64_t entries = (last >> shift) - (first >> shift) + 1;
        bool head_cut = (first & ptw_low_mask(shift)) != 0;
        bool tail_cut = ((last + 1) & ptw_low_mask(shift)) != 0;
        uint64_t cut = (uint64_t)head_cut + (uint64_t)tail_cut;

        needed += l > widest ? entries : cut < entries ? cut : entries;
    }
    return needed;
}

/* The same for an edit, and what follows in a list: a page needs no table that
 * the page before needs. */
PTW_ENGINE uint64_t ptw_edit_tables_needed(const struct ptw_format *a,
                                           struct ptw_edit *ed, unsigned level,
                                           uint64_t first, uint64_t last)
{
    uint64_t needed = ptw_tables_needed(a, ed->widest, level, first, last);

    if (ed->page == NULL) {
        return needed;
    }
    for (unsigned l = level; ed->counted && l > 0; l--) {
        unsigned shift = a->level[l].shift;

        needed -= ed->counted_at >> shift == first >> shift ? 1 : 0;
    }
    ed->counted = true;
    ed->counted_at = first;
    return needed;
}

/* Whether the leaves that a large one of that level is split into can hold their
 * addresses: the first one, and the last one, which may lie beyond the physical
 * width. */
PTW_ENGINE bool ptw_parts_fit(const struct ptw_format *a,
                              const struct ptw_regime *r, unsigned level,
                              uint64_t raw, uint64_t pa)
{
    uint64_t bits = a->leaf_split(r, level, raw);
    uint64_t last = pa + ptw_low_mask(a->level[level].shift) -
                    ptw_low_mask(a->level[level - 1].shift);

    return ptw_leaf_holds(a, r, level - 1, bits, pa) &&
           ptw_leaf_holds(a, r, level - 1, bits, last);
}

/* Puts a table in the place of an entry of that level.  `leaf` is what stood
 * there, if it has to be kept: then the table holds the same, in smaller
 * leaves. */
PTW_ENGINE enum ptw_status ptw_edit_deepen(const struct ptw_format *a,
                                           struct ptw_edit *ed, unsigned level,
                                           const struct ptw_entry *leaf,
                                           uint64_t raw)
{
    const struct ptw_regime *r = ed->t->root.regime;
    struct ptw_path_table *t = &ed->c.at[level];
    unsigned rights = ed->op == PTW_OP_UNMAP ? 0 : ed->rights;
    enum ptw_status st;
    ptw_pa table;

    st = ptw_spare_take(ed->t, level - 1, &table);
    if (st != PTW_OK) {
        return st;
    }
    if (leaf != NULL) {
        uint64_t bits = a->leaf_split(r, level, raw);

        for (unsigned i = 0; i < 1u << a->level[level - 1].bits; i++) {
            uint64_t pa =
                leaf->pa.v + ((uint64_t)i << a->level[level - 1].shift);

            st = ptw_write_entry(a, ed->t->mem, table.v, i,
                                 ptw_leaf_entry(a, r, level - 1, bits, pa));
            if (st != PTW_OK) {
                return st;
            }
        }
        rights = PTW_ALL_RIGHTS; /* the parts have the rights of the whole */
    }
    st = ptw_leave_runs(a, ed, level, t->index, t->index);
    if (st != PTW_OK) {
        return st;
    }
    ed->made = true;
    t->raw =
        ptw_table_entry(a, r, level,
                        a->table_bits(r, level, rights | ed->t->table_rights) |
                            ed->t->table_flags,
                        table.v);
    return ptw_set(a, ed, level, t->index, t->raw);
}

/* PTW_OK when no entry of the table is present, PTW_E_IN_USE when one is. */
PTW_ENGINE enum ptw_status ptw_table_empty(const struct ptw_format *a,
                                           const struct ptw_mem *mem,
                                           uint64_t table, unsigned level)
{
    for (unsigned i = 0; i < 1u << a->level[level].bits; i++) {
        uint64_t raw = 0;

        if (ptw_read_entry(a, mem, table, i, &raw) != PTW_OK) {
            return PTW_E_BUS;
        }
        if ((raw & a->present) != 0) {
            return PTW_E_IN_USE;
        }
    }
    return PTW_OK;
}

/* The table that a space has at that level for an offset.  PTW_NOT_MAPPED: the
 * way ends before, at *level; PTW_E_LARGE: in a large leaf. */
PTW_ENGINE enum ptw_status ptw_table_at(const struct ptw_format *a,
                                        const struct ptw_tables *t,
                                        struct ptw_root root, uint64_t offset,
                                        unsigned to, uint64_t *table,
                                        unsigned *level)
{
    struct ptw_cursor c;

    ptw_cursor_at(a, &c, t->mem, root, offset);
    while (c.level > (int)to) {
        struct ptw_entry e;
        enum ptw_verdict v;

        *level = (unsigned)c.level;
        v = ptw_descend_once(a, &c, true, *level, NULL, &e);
        if (v != PTW_V_ENTERED) {
            return v == PTW_V_LEAF ? PTW_E_LARGE : ptw_verdict_status(v);
        }
    }
    *table = c.at[to].table;
    return PTW_OK;
}

/* PTW_OP_ENTRY: what the entry for that offset is to lead to; of a new table,
 * it does not matter where.  PTW_NOT_MAPPED: to nothing, nor do those up to
 * *end. */
PTW_ENGINE enum ptw_status ptw_entry_target(const struct ptw_format *a,
                                            const struct ptw_edit *ed,
                                            uint64_t offset, uint64_t *table,
                                            uint64_t *end)
{
    uint64_t theirs = offset + ed->entry_ahead;
    struct ptw_root root = ed->entry_self ? ed->t->root : ed->entry_owner;
    unsigned level = ptw_top(a, root.regime);
    enum ptw_status st;

    *table = 0;
    *end = offset | ptw_low_mask(a->level[ed->entry_level].shift);
    if (ed->entry_new) {
        return PTW_OK;
    }
    st = ptw_table_at(a, ed->t, root, theirs, (unsigned)ed->entry_level - 1,
                      table, &level);
    *end = offset + ((theirs | ptw_low_mask(a->level[level].shift)) - theirs);
    return st;
}

/* PTW_OP_ENTRY: a table that is linked is shared, and has to be listed. */
PTW_ENGINE void ptw_entry_listed(struct ptw_edit *ed, uint64_t table)
{
    if (!ed->entry_new && !ptw_shares_listed(ed->t->shares, table)) {
        ed->listed++;
    }
}

/* PTW_OP_ENTRY: what it takes where the entry of that level, for the offsets
 * from first to last, leads to no table: down to each table that holds an entry
 * that is to lead to something, and perhaps what that gets.  *any: there is
 * one; a commit asks for no more than that. */
PTW_ENGINE enum ptw_status ptw_entries_needed(const struct ptw_format *a,
                                              struct ptw_edit *ed, bool count,
                                              unsigned level, uint64_t first,
                                              uint64_t last, bool *any)
{
    uint64_t before = 0; /* the entry before that leads to something */
    uint64_t at = first;

    *any = false;
    for (;;) {
        uint64_t table;
        uint64_t end;
        enum ptw_status st = ptw_entry_target(a, ed, at, &table, &end);

        if (st == PTW_OK && !count) {
            *any = true;
            return PTW_OK;
        }
        if (st == PTW_OK) {
            for (unsigned l = (unsigned)ed->entry_level; l < level; l++) {
                unsigned span = a->level[l].shift + a->level[l].bits;

                ed->needed += !*any || before >> span != at >> span;
            }
            ed->needed += ed->entry_new ? 1 : 0;
            ptw_entry_listed(ed, table);
            before = at;
            *any = true;
        } else if (st != PTW_NOT_MAPPED) {
            return st;
        }
        if (end >= last) {
            return PTW_OK;
        }
        at = end + 1;
    }
}

/* PTW_OP_ENTRY, above the level that is meant: an entry that leads to no table
 * gets one, unless all entries below are to be not present anyway. */
PTW_ENGINE enum ptw_status ptw_edit_above(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable,
                                          const struct ptw_entry *e)
{
    unsigned level = (unsigned)ed->c.level;
    struct ptw_path_table *t = &ed->c.at[level];
    uint64_t base = ptw_entry_offset(a, t, level, t->index);
    uint64_t end = base + ptw_low_mask(a->level[level].shift);
    enum ptw_status st;
    bool any;

    if (e->kind == PTW_ENTRY_LEAF) {
        return PTW_E_LARGE;
    }
    if (e->kind == PTW_ENTRY_BAD) {
        return PTW_BAD_ENTRY;
    }
    st = ptw_entries_needed(a, ed, pass != PTW_PASS_COMMIT, level,
                            ed->first > base ? ed->first : base,
                            ed->last < end ? ed->last : end, &any);
    if (st != PTW_OK || !any) {
        t->index++;
        return st;
    }
    if (ed->entry_rights && (t->rights & ed->rights) != ed->rights) {
        return PTW_E_RIGHTS;
    }
    if (pass == PTW_PASS_COMMIT) {
        return ptw_edit_deepen(a, ed, level, NULL, 0);
    }
    st = ptw_will_write(a, ed, pass, movable, level);
    t->index++;
    return st;
}

/* PTW_OP_ENTRY: the entry that is meant.  A table that it leads to is let go if
 * somebody else refers to it, or given back if nothing is in it. */
PTW_ENGINE enum ptw_status ptw_edit_entry(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable)
{
    unsigned level = (unsigned)ed->c.level;
    struct ptw_path_table *t = &ed->c.at[level];
    uint64_t raw = 0;
    enum ptw_verdict v;
    struct ptw_entry old;
    ptw_pa table;
    enum ptw_status st;
    enum ptw_status target;
    uint64_t end;
    bool same;

    v = ptw_entry(a, &ed->c, false, level, &ed->window, &raw);
    if (v != PTW_V_ENTERED) {
        return ptw_edit_stopped(pass, v);
    }
    old = a->decode(ed->t->root.regime, raw, level, t->index);
    if (old.kind == PTW_ENTRY_LEAF) {
        return PTW_E_LARGE;
    }
    target = ptw_entry_target(a, ed, ptw_entry_offset(a, t, level, t->index),
                              &table.v, &end);
    if (target != PTW_OK && target != PTW_NOT_MAPPED) {
        return target;
    }
    if (target == PTW_OK && ed->entry_rights &&
        (t->rights & ed->rights) != ed->rights) {
        return PTW_E_RIGHTS;
    }
    same = old.kind == PTW_ENTRY_TABLE && target == PTW_OK &&
           (ed->entry_new || old.pa.v == table.v);
    if (same) {
        table = old.pa;
    }
    /* Of a table that is copied and that somebody still refers to afterwards,
     * the original keeps what it leads to. */
    if (old.kind == PTW_ENTRY_TABLE && !same && pass == PTW_PASS_PLAN &&
        (ed->t->shares == NULL || ptw_shares_leave(ed->t->shares, old.pa.v)) &&
        ed->kept < 0 && !ed->unnoted) {
        st = ptw_table_empty(a, ed->t->mem, old.pa.v, level - 1);
        if (st != PTW_OK) {
            return st;
        }
    }
    st = ptw_will_write(a, ed, pass, movable, level);
    if (st != PTW_OK) {
        return st;
    }
    t->index++;
    if (pass != PTW_PASS_COMMIT) {
        if (!same && target == PTW_OK) {
            ed->needed += ed->entry_new ? 1 : 0;
            ptw_entry_listed(ed, table.v);
        }
        return PTW_OK;
    }
    if (ed->entry_new && !same) {
        st = ptw_spare_take(ed->t, level - 1, &table);
        if (st != PTW_OK) {
            return st;
        }
    }
    st = ptw_leave_runs(a, ed, level, t->index - 1u, t->index - 1u);
    if (st != PTW_OK) {
        return st;
    }
    st =
        ptw_set(a, ed, level, t->index - 1u,
                target == PTW_OK ? ptw_table_entry(a, ed->t->root.regime, level,
                                                   ed->entry_bits, table.v)
                                 : 0);
    ed->linked = ed->linked || target == PTW_OK;
    if (st == PTW_OK && !same && !ed->entry_new && target == PTW_OK) {
        st = ptw_shares_add(ed->t->shares, table.v, 1);
    }
    if (st == PTW_OK && old.kind == PTW_ENTRY_TABLE && !same) {
        if (ed->t->shares != NULL &&
            ptw_shares_count(ed->t->shares, old.pa.v) > 1) {
            st = ptw_shares_add(ed->t->shares, old.pa.v, -1);
        } else {
            st = ptw_spare_give(ed->t, old.pa, level - 1, ed->move != NULL);
        }
    }
    return st;
}

/* An entry of an upper table that leads to no table. */
PTW_ENGINE enum ptw_status ptw_edit_site(const struct ptw_format *a,
                                         struct ptw_edit *ed,
                                         enum ptw_pass pass, bool movable,
                                         const struct ptw_entry *e)
{
    unsigned level = (unsigned)ed->c.level;
    struct ptw_path_table *t = &ed->c.at[level];
    unsigned shift = a->level[level].shift;
    uint64_t base = ptw_entry_offset(a, t, level, t->index);
    uint64_t end = base + ptw_low_mask(shift);
    uint64_t first = ed->first > base ? ed->first : base;
    uint64_t last = ed->last < end ? ed->last : end;
    bool whole = first == base && last == end && level <= ed->widest;
    bool leaf = e->kind == PTW_ENTRY_LEAF;
    bool kept = leaf && (first != base || last != end); /* in part */
    uint64_t raw = 0;
    enum ptw_status st;

    if (ed->op == PTW_OP_ENTRY) {
        return ptw_edit_above(a, ed, pass, movable, e);
    }
    if (ed->exact && level < ed->widest) {
        return PTW_E_IN_USE;
    }
    if (ed->op != PTW_OP_MAP && e->kind == PTW_ENTRY_ABSENT) {
        t->index++;
        return PTW_OK;
    }
    if (e->kind == PTW_ENTRY_BAD && (!whole || ed->op == PTW_OP_PROTECT)) {
        return PTW_BAD_ENTRY;
    }
    if (ed->op != PTW_OP_UNMAP && (t->rights & ed->rights) != ed->rights) {
        return PTW_E_RIGHTS;
    }
    if (leaf && !whole && (ed->flags & PTW_EDIT_SPLIT) == 0) {
        return PTW_E_LARGE;
    }
    if (pass == PTW_PASS_PLAN && ed->op == PTW_OP_MAP &&
        !ptw_last_leaf_fits(a, ed, level, first, last)) {
        return PTW_E_WIDTH;
    }
    if (kept && !ptw_parts_fit(a, ed->t->root.regime, level, t->raw, e->pa.v)) {
        return PTW_E_WIDTH;
    }
    st = ptw_will_write(a, ed, pass, movable, level);
    if (pass != PTW_PASS_COMMIT) {
        if (!whole) {
            ed->needed += ptw_edit_tables_needed(a, ed, level, first, last);
        }
        t->index++;
        return st;
    }
    if (!whole) {
        /* The descent comes to the new table next. */
        return ptw_edit_deepen(a, ed, level, kept ? e : NULL, t->raw);
    }
    switch (ed->op) {
    case PTW_OP_MAP:
        raw = ptw_leaf_at(a, ed, level, base);
        break;
    case PTW_OP_UNMAP:
    case PTW_OP_ENTRY:
        break;
    case PTW_OP_PROTECT:
        raw = ptw_alone(a, a->leaf_with_rights(ed->t->root.regime, level,
                                               t->raw, ed->rights));
        break;
    }
    st = ptw_leave_runs(a, ed, level, t->index, t->index);
    if (st == PTW_OK) {
        st = ptw_set(a, ed, level, t->index, raw);
    }
    t->index++;
    return st;
}

/* Leaves a table that is done; gives it back if that is wanted and nothing is
 * in it. */
PTW_ENGINE enum ptw_status ptw_edit_leave(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable)
{
    unsigned level = (unsigned)ed->c.level;
    struct ptw_path_table *t = &ed->c.at[level];
    enum ptw_status st;

    if (ed->shared == (int)level) {
        ed->shared = -1;
    }
    if (ed->kept == (int)level) {
        ed->kept = -1;
    }
    if (level < ptw_top(a, ed->t->root.regime) && ed->op == PTW_OP_UNMAP &&
        (ed->flags & PTW_EDIT_RECLAIM) != 0) {
        /* To give a table back is to write the one above it. */
        st = ptw_will_write(a, ed, pass, movable, level + 1);
        if (st != PTW_OK) {
            return st;
        }
    }
    ptw_ascend(&ed->c);
    if (ed->c.level < 0 || pass != PTW_PASS_COMMIT ||
        (ed->flags & PTW_EDIT_RECLAIM) == 0 || ed->op != PTW_OP_UNMAP) {
        return PTW_OK;
    }
    /* A table that can't be read may not be empty. */
    if (ptw_table_empty(a, ed->t->mem, t->table, level) != PTW_OK) {
        return PTW_OK;
    }
    st = ptw_set(a, ed, level + 1, ed->c.at[level + 1].index - 1u, 0);
    return st == PTW_OK ? ptw_spare_give(ed->t, ptw_pa_of(t->table), level,
                                         movable && !ed->moved[level])
                        : st;
}

#endif
