/* SPDX-License-Identifier: Apache-2.0 */
/* Editing: the descent, with a pen.
 *
 * An edit goes over its range two or three times with the same steps.  The plan
 * writes nothing: it refuses what is wrong and counts the tables that will be
 * needed.  Those are taken, all or none.  Where tables may move, the second
 * pass has those moved that will be written, which changes no contents.  The
 * commit writes.  All passes take the tables' word for nothing: every entry is
 * fetched anew, through the accessor, and a commit that comes upon something
 * that the plan did not see stops with PTW_E_CHANGED. */
#ifndef PTW_REWRITE_H
#define PTW_REWRITE_H

#include "descend.h"
#include "ptwalk/edit.h"
#include "shares.h"

enum ptw_op {
    PTW_OP_MAP,
    PTW_OP_UNMAP,
    PTW_OP_PROTECT,
    PTW_OP_ENTRY, /* entries of upper tables, as ptw_link says */
};

enum ptw_pass { PTW_PASS_PLAN, PTW_PASS_MOVE, PTW_PASS_COMMIT };

struct ptw_edit {
    struct ptw_tables *t;
    const struct ptw_move_ops *move; /* NULL: tables stay where they are */
    enum ptw_op op;
    unsigned flags;
    unsigned rights;
    bool copy_on_write;
    const struct ptw_attributes *attributes;
    uint64_t first; /* the range, as offsets */
    uint64_t last;
    uint64_t pa; /* map: of first */
    uint64_t max_reads;
    bool beyond;         /* map: to where pages may not reach */
    bool exact;          /* map: leaves have these bits and no others */
    uint64_t bits;       /* map: of a page; if exact, of a leaf of that level */
    int entry_level;     /* PTW_OP_ENTRY: of the table that holds it; else -1 */
    uint64_t entry_bits; /* without address */
    uint64_t entry_owner; /* link: the space that has the table */
    uint64_t entry_ahead; /* how much further on it has it: offsets */
    bool entry_self;      /* it is the one that is edited, and may move */
    bool entry_new;       /* a table of its own, unless there is one */
    bool entry_rights;    /* what the path has to grant */
    bool linked;          /* commit: some entry leads to a table now */
    unsigned widest;      /* leaves of up to this level may be written whole */
    uint64_t needed;      /* tables */
    bool root_needed;     /* one of them, the first, will be the root */
    uint64_t listed;      /* tables that shares has to list */
    void *pen[PTW_MAX_LEVELS];  /* of the path: the host's writable bytes */
    bool moved[PTW_MAX_LEVELS]; /* and whether the hook was asked */
    enum ptw_status fit[PTW_MAX_LEVELS]; /* plan: if not, why not to write */
    bool made;  /* commit: the table that comes next was just put in */
    int shared; /* level of the highest table of the path that is shared, or in
                   the commit was, or -1 */
    struct ptw_cursor c;
    uint64_t window[PTW_MAX_LEVELS][PTW_MAX_WINDOW];
};

/* ------------------------------------------------------------- one entry */

PTW_ENGINE void ptw_store_entry(const struct ptw_format *a, void *host,
                                unsigned index, uint64_t raw)
{
    void *p = (unsigned char *)host + ((size_t)index << a->entry_log2);

    if (a->entry_log2 == 3) {
        ptw_store64(p, raw);
    } else {
        ptw_store32(p, (uint32_t)raw);
    }
}

PTW_ENGINE enum ptw_status ptw_set(const struct ptw_format *a,
                                   struct ptw_edit *ed, unsigned level,
                                   unsigned index, uint64_t raw)
{
    uint64_t offset = (uint64_t)index << a->entry_log2;

    ed->window[level][index % PTW_MAX_WINDOW] = raw;
    if (PTW_LIKELY(ed->pen[level] != NULL)) {
        ptw_store_entry(a, ed->pen[level], index, raw);
        return PTW_OK;
    }
    return ptw_put_entry(ed->t->mem, ed->c.at[level].table + offset,
                         1u << a->entry_log2, raw);
}

/* The bytes of a table where they can be written directly, or NULL.  What a
 * callback lends is for reading only.  The cast takes away a const that the
 * host, by saying "writable", promised was never there. */
PTW_ENGINE void *ptw_pen(const struct ptw_mem *mem, uint64_t table,
                         uint64_t bytes)
{
    const struct ptw_region *r = ptw_find_range(mem, table, bytes);
    const void *p;

    if (r == NULL || !r->writable || r->host == NULL) {
        return NULL;
    }
    p = ptw_host(r, table);
    return ((uintptr_t)p & 7) == 0 ? (void *)(uintptr_t)p : NULL;
}

/* The entry that leads to the table of that level leads to `table` now, with
 * its own attribute bits; of the top level, the root does. */
PTW_ENGINE enum ptw_status ptw_relink(const struct ptw_format *a,
                                      struct ptw_edit *ed, unsigned level,
                                      uint64_t table)
{
    struct ptw_cursor *c = &ed->c;

    c->at[level].table = table;
    c->at[level].host =
        ptw_direct(ed->t->mem, table, ptw_table_bytes(a, level));
    ed->pen[level] = ptw_pen(ed->t->mem, table, ptw_table_bytes(a, level));
    if (level == ptw_top(a)) {
        ed->t->root.v = table;
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
    for (unsigned l = a->levels; l-- > level;) {
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
        if (now.v != here.v && l == ptw_top(a) && ed->move->root != NULL) {
            ed->move->root(ed->t->ctx, ed->t->root);
        }
        ed->moved[l] = true;
    }
    return PTW_OK;
}

/* ----------------------------------------------------------- one table */

/* Whether the table of that level belongs to this path alone. */
PTW_ENGINE bool ptw_is_shared(const struct ptw_edit *ed, unsigned level)
{
    return ed->t->shares != NULL &&
           ptw_shares_count(ed->t->shares, ed->c.at[level].table) > 1;
}

/* Whether the table of that level, which is shared, can be copied: all of it
 * can be read.  What it leads to will be shared then, and has to be listed. */
PTW_ENGINE enum ptw_status ptw_copyable(const struct ptw_format *a,
                                        struct ptw_edit *ed, unsigned level)
{
    const struct ptw_path_table *t = &ed->c.at[level];
    uint64_t raw = 0;

    if (t->host != NULL && level == 0) {
        return PTW_OK;
    }
    for (unsigned i = 0; i < 1u << a->level[level].bits; i++) {
        struct ptw_entry e;

        if (t->host != NULL) {
            raw = ptw_load_entry(a, t->host, i);
        } else if (ptw_get(ed->t->mem,
                           t->table + ((uint64_t)i << a->entry_log2),
                           1u << a->entry_log2, &raw) != PTW_OK) {
            return PTW_E_BUS;
        }
        e = a->decode(ed->t->regime, raw, level, i);
        if (e.kind == PTW_ENTRY_TABLE &&
            !ptw_shares_listed(ed->t->shares, e.pa.v)) {
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
    uint64_t from = ed->c.at[level].table;
    const void *host = ed->c.at[level].host;
    unsigned entries = 1u << a->level[level].bits;
    enum ptw_status st;
    ptw_pa copy;

    st = ptw_spare_take(ed->t, level, &copy);
    if (st != PTW_OK) {
        return st;
    }
    for (unsigned i = 0; i < entries && st == PTW_OK; i++) {
        uint64_t at = (uint64_t)i << a->entry_log2;
        struct ptw_entry e;
        uint64_t raw = 0;

        /* As ptw_copyable has it. */
        if (host != NULL) {
            raw = ptw_load_entry(a, host, i);
        } else {
            st = ptw_get(ed->t->mem, from + at, 1u << a->entry_log2, &raw);
        }
        if (st == PTW_OK && raw != 0) {
            st = ptw_put_entry(ed->t->mem, copy.v + at, 1u << a->entry_log2,
                               raw);
            e = a->decode(ed->t->regime, raw, level, i);
            if (st == PTW_OK && others && e.kind == PTW_ENTRY_TABLE) {
                st = ptw_shares_add(shares, e.pa.v, 1);
            }
        }
    }
    if (st == PTW_OK && others) {
        st = ptw_shares_leave(shares, from);
    }
    if (st == PTW_OK) {
        st = ptw_relink(a, ed, level, copy.v);
    }
    if (st == PTW_OK && !others) {
        st = ptw_spare_give(ed->t, ptw_pa_of(from), level);
    }
    if (st == PTW_OK && level == ptw_top(a) && ed->move != NULL &&
        ed->move->root != NULL) {
        ed->move->root(ed->t->ctx, ed->t->root);
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

/* Whether the table of that level, which an edit will write to, can be written.
 * Of a table that will be copied, the copy can. */
PTW_ENGINE enum ptw_status ptw_fit(const struct ptw_edit *ed,
                                   enum ptw_pass pass, unsigned level)
{
    return pass == PTW_PASS_PLAN && ed->shared < 0 ? ed->fit[level] : PTW_OK;
}

/* What there is to do when a table has been entered. */
PTW_ENGINE enum ptw_status ptw_edit_entered(const struct ptw_format *a,
                                            struct ptw_edit *ed,
                                            enum ptw_pass pass, bool movable)
{
    unsigned level = (unsigned)ed->c.level;
    enum ptw_status st;

    ed->moved[level] = false;
    ed->pen[level] =
        ptw_pen(ed->t->mem, ed->c.at[level].table, ptw_table_bytes(a, level));
    if (pass == PTW_PASS_COMMIT) {
        return ptw_commit_entered(a, ed, movable);
    }
    if (ed->shared > (int)level || ptw_is_shared(ed, level)) {
        if ((ed->flags & PTW_EDIT_UNSHARE) == 0) {
            return PTW_E_SHARED;
        }
        st = ptw_copyable(a, ed, level);
        if (st != PTW_OK) {
            return st;
        }
        ed->needed++;
        ed->root_needed = ed->root_needed || level == ptw_top(a);
        if (ed->shared < 0 && level < ptw_top(a)) {
            /* The entry that leads to the copy will be written. */
            st = movable && pass == PTW_PASS_MOVE
                     ? ptw_move(a, ed, level + 1)
                     : ptw_fit(ed, pass, level + 1);
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

/* Whether a leaf of that level can hold pa, which is aligned to it.  Small
 * pages of 32-bit paging reach 4 GiB, large ones further. */
PTW_ENGINE bool ptw_leaf_fits(const struct ptw_format *a,
                              const struct ptw_regime *r, unsigned level,
                              uint64_t pa)
{
    static const struct ptw_attributes plain;
    struct ptw_entry e;
    uint64_t bits;

    if (!a->leaf_bits(r, level, a->some_rights, false, &plain, &bits)) {
        return false;
    }
    e = a->decode(r, ptw_leaf_entry(a, r, level, bits, pa), level, 0);
    return e.kind == PTW_ENTRY_LEAF && e.pa.v == pa;
}

/* The leaf of a mapping for that offset.  The plan has found that the regime
 * has one. */
PTW_ENGINE uint64_t ptw_leaf_at(const struct ptw_format *a,
                                const struct ptw_edit *ed, unsigned level,
                                uint64_t offset)
{
    uint64_t bits = ed->bits;

    if (level > 0 && !ed->exact) {
        (void)a->leaf_bits(ed->t->regime, level, ed->rights, ed->copy_on_write,
                           ed->attributes, &bits);
    }
    return ptw_leaf_entry(a, ed->t->regime, level, bits,
                          ed->pa + (offset - ed->first));
}

/* Whether the table of leaves that the path leads to can hold what is asked, up
 * to the leaf of that offset. */
PTW_ENGINE enum ptw_status ptw_leaves_check(const struct ptw_format *a,
                                            const struct ptw_edit *ed,
                                            uint64_t last)
{
    if (ed->exact && ed->widest > 0) {
        return PTW_E_IN_USE;
    }
    if (ed->op != PTW_OP_UNMAP &&
        (ed->c.at[0].rights & ed->rights) != ed->rights) {
        return PTW_E_RIGHTS;
    }
    if (ed->beyond &&
        !ptw_leaf_fits(a, ed->t->regime, 0, ed->pa + (last - ed->first))) {
        return PTW_E_WIDTH;
    }
    return PTW_OK;
}

/* Maps [first, last], offsets of pages of the table of leaves that the path
 * leads to. */
PTW_ENGINE enum ptw_status ptw_map_leaves(const struct ptw_format *a,
                                          struct ptw_edit *ed, uint64_t first,
                                          uint64_t last)
{
    unsigned shift = a->level[0].shift;
    unsigned index =
        (unsigned)(first >> shift) & (unsigned)ptw_low_mask(a->level[0].bits);
    unsigned end = index + (unsigned)((last - first) >> shift) + 1;
    enum ptw_status st = PTW_OK;

    do {
        uint64_t pa = ed->pa + (first - ed->first);
        uint64_t more =
            a->piecewise ? (pa | ed->t->regime->linear) - pa : UINT64_MAX;
        uint64_t raw = ptw_leaf_at(a, ed, 0, first);
        unsigned stop = more >> shift < end - index
                            ? index + (unsigned)(more >> shift) + 1
                            : end;

        first += (uint64_t)(stop - index) << shift;
        if (PTW_LIKELY(ed->pen[0] != NULL)) {
            for (; index < stop; index++) {
                ptw_store_entry(a, ed->pen[0], index, raw);
                raw += a->level[0].step;
            }
        }
        for (; index < stop && st == PTW_OK; index++) {
            st = ptw_set(a, ed, 0, index, raw);
            raw += a->level[0].step;
        }
    } while (st == PTW_OK && index < end);
    return st;
}

/* All entries of a table of leaves that are in the range.  op is the edit's: a
 * constant where the edit is near, so that a map which is near does not hand the
 * edit to map_leaves, and it needs no memory. */
PTW_ENGINE enum ptw_status ptw_edit_leaves(const struct ptw_format *a,
                                           struct ptw_edit *ed, enum ptw_op op,
                                           enum ptw_pass pass, bool movable)
{
    const struct ptw_regime *r = ed->t->regime;
    struct ptw_cursor *c = &ed->c;
    struct ptw_path_table *t = &c->at[0];
    unsigned entry_bytes = 1u << a->entry_log2;
    unsigned shift = a->level[0].shift;
    uint64_t first = t->base + ((uint64_t)t->index << shift);
    uint64_t last = t->base + ((uint64_t)t->last << shift);
    enum ptw_status st = ptw_leaves_check(a, ed, last);
    uint64_t raw = 0;

    if (st == PTW_OK && movable && pass == PTW_PASS_MOVE && ed->shared < 0) {
        st = ptw_move(a, ed, 0);
    }
    if (op == PTW_OP_MAP && pass == PTW_PASS_COMMIT && st == PTW_OK) {
        st = ed->t->regime->arch->map_leaves(ed, first, last);
        t->index = (uint16_t)(t->last + 1);
        return st;
    }
    for (unsigned i = t->index; i <= t->last && st == PTW_OK; i++) {
        if (op == PTW_OP_PROTECT && pass != PTW_PASS_MOVE) {
            if (c->reads_left == 0) {
                return pass == PTW_PASS_PLAN ? PTW_E_LIMIT : PTW_E_CHANGED;
            }
            c->reads_left--;
            st = ptw_get(ed->t->mem, t->table + ((uint64_t)i << a->entry_log2),
                         entry_bytes, &raw);
            if (st != PTW_OK) {
                return PTW_E_BUS;
            }
            switch (a->decode(r, raw, 0, i).kind) {
            case PTW_ENTRY_ABSENT:
                continue;
            case PTW_ENTRY_BAD:
                return PTW_BAD_ENTRY;
            case PTW_ENTRY_TABLE:
            case PTW_ENTRY_LEAF:
                break;
            }
            raw = a->leaf_with_rights(r, 0, raw, ed->rights);
        }
        if (pass != PTW_PASS_COMMIT) {
            st = ptw_fit(ed, pass, 0);
            if (op != PTW_OP_PROTECT) {
                break;
            }
            continue;
        }
        st = ptw_set(a, ed, 0, i, op == PTW_OP_UNMAP ? 0 : raw);
    }
    t->index = (uint16_t)(t->last + 1);
    return st;
}

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

/* Puts a table in the place of an entry of that level.  `leaf` is what stood
 * there, if it has to be kept: then the table holds the same, in pieces. */
PTW_ENGINE enum ptw_status ptw_edit_deepen(const struct ptw_format *a,
                                           struct ptw_edit *ed, unsigned level,
                                           const struct ptw_entry *leaf,
                                           uint64_t raw)
{
    const struct ptw_regime *r = ed->t->regime;
    struct ptw_path_table *t = &ed->c.at[level];
    unsigned rights = ed->op == PTW_OP_UNMAP ? 0 : ed->rights;
    unsigned entry_bytes = 1u << a->entry_log2;
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

            st = ptw_put_entry(
                ed->t->mem, table.v + ((uint64_t)i << a->entry_log2),
                entry_bytes, ptw_leaf_entry(a, r, level - 1, bits, pa));
            if (st != PTW_OK) {
                return st;
            }
        }
        rights = PTW_ALL_RIGHTS; /* the pieces have the rights of the whole */
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

        if (ptw_get(mem, table + ((uint64_t)i << a->entry_log2),
                    1u << a->entry_log2, &raw) != PTW_OK) {
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
                                        uint64_t root, uint64_t offset,
                                        unsigned to, uint64_t *table,
                                        unsigned *level)
{
    struct ptw_cursor c;

    c.regime = t->regime;
    c.mem = t->mem;
    c.memo = NULL;
    c.near = t->mem->near;
    c.first = offset;
    c.last = offset;
    (void)ptw_enter(a, &c, true, ptw_top(a), root, a->rights, 0);
    while (c.level > (int)to) {
        struct ptw_entry e;

        *level = (unsigned)c.level;
        switch (ptw_descend_once(a, &c, true, (unsigned)c.level, NULL, &e)) {
        case PTW_V_ENTERED:
            break;
        case PTW_V_LEAF:
            return PTW_E_LARGE;
        case PTW_V_BAD:
            return PTW_BAD_ENTRY;
        case PTW_V_ABSENT:
            return PTW_NOT_MAPPED;
        case PTW_V_REFUSED:
        case PTW_V_NO_TABLE:
        case PTW_V_ALIAS:
        case PTW_V_SELF:
        case PTW_V_PRUNED:
        case PTW_V_REMARK:
        case PTW_V_LIMIT:
        case PTW_V_FULL:
            return PTW_E_BUS;
        }
    }
    *table = c.at[to].table;
    return PTW_OK;
}

/* PTW_OP_ENTRY: what the entry for that offset is to lead to; of a new table, it
 * does not matter where.  PTW_NOT_MAPPED: to nothing, nor do those up to *end. */
PTW_ENGINE enum ptw_status ptw_entry_target(const struct ptw_format *a,
                                            const struct ptw_edit *ed,
                                            uint64_t offset, uint64_t *table,
                                            uint64_t *end)
{
    uint64_t theirs = offset + ed->entry_ahead;
    unsigned level = ptw_top(a);
    uint64_t root = ed->entry_self ? ed->t->root.v : ed->entry_owner;
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
    struct ptw_cursor *c = &ed->c;
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    uint64_t base = t->base + ((uint64_t)t->index << a->level[level].shift);
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
    st = ptw_fit(ed, pass, level);
    if (movable && pass == PTW_PASS_MOVE && ed->shared < 0) {
        st = ptw_move(a, ed, level);
    }
    t->index++;
    return st;
}

/* PTW_OP_ENTRY: the entry that is meant.  A table that it leads to is let go if
 * somebody else refers to it, or given back if nothing is in it. */
PTW_ENGINE enum ptw_status ptw_edit_entry(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable)
{
    struct ptw_cursor *c = &ed->c;
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    uint64_t raw = 0;
    struct ptw_entry old;
    ptw_pa table;
    enum ptw_status st;
    enum ptw_status target;
    uint64_t end;
    bool same;

    switch (ptw_entry(a, c, false, level, ed->window[level], &raw)) {
    case PTW_V_ENTERED:
        break;
    case PTW_V_LIMIT:
        return pass == PTW_PASS_PLAN ? PTW_E_LIMIT : PTW_E_CHANGED;
    case PTW_V_LEAF:
    case PTW_V_ABSENT:
    case PTW_V_BAD:
    case PTW_V_REFUSED:
    case PTW_V_NO_TABLE:
    case PTW_V_ALIAS:
    case PTW_V_SELF:
    case PTW_V_PRUNED:
    case PTW_V_REMARK:
    case PTW_V_FULL:
        return PTW_E_BUS;
    }
    old = a->decode(c->regime, raw, level, t->index);
    if (old.kind == PTW_ENTRY_LEAF) {
        return PTW_E_LARGE;
    }
    target = ptw_entry_target(
        a, ed, t->base + ((uint64_t)t->index << a->level[level].shift),
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
    /* Of a table that will be copied, the original keeps what it leads to. */
    if (old.kind == PTW_ENTRY_TABLE && !same && pass == PTW_PASS_PLAN &&
        ed->shared < 0 &&
        (ed->t->shares == NULL ||
         ptw_shares_count(ed->t->shares, old.pa.v) == 1)) {
        st = ptw_table_empty(a, ed->t->mem, old.pa.v, level - 1);
        if (st != PTW_OK) {
            return st;
        }
    }
    st = ptw_fit(ed, pass, level);
    if (movable && pass == PTW_PASS_MOVE && ed->shared < 0) {
        st = ptw_move(a, ed, level);
    }
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
    st = ptw_set(a, ed, level, t->index - 1u,
                 target == PTW_OK ? ptw_table_entry(a, c->regime, level,
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
            st = ptw_spare_give(ed->t, old.pa, level - 1);
        }
    }
    return st;
}

/* Whether the pieces can hold the leaf's address: under 32-bit paging a page of
 * 4 MiB reaches farther than one of 4 KiB. */
PTW_ENGINE bool ptw_splittable(const struct ptw_format *a,
                               const struct ptw_edit *ed, unsigned level,
                               const struct ptw_entry *leaf, uint64_t raw)
{
    const struct ptw_regime *r = ed->t->regime;

    return a->decode(r,
                     ptw_leaf_entry(a, r, level - 1,
                                    a->leaf_split(r, level, raw), leaf->pa.v),
                     level - 1, 0)
               .pa.v == leaf->pa.v;
}

/* Whether what is mapped to [first, last], below one entry of that level that
 * leads to no table, can be: as one leaf if that covers it, else the last page
 * of it by a small one. */
PTW_ENGINE bool ptw_site_fits(const struct ptw_format *a,
                              const struct ptw_edit *ed, unsigned level,
                              uint64_t first, uint64_t last)
{
    bool whole = level <= ed->widest &&
                 last - first == ptw_low_mask(a->level[level].shift);
    uint64_t leaf = whole ? first : last & ~ptw_low_mask(a->level[0].shift);

    return ed->op != PTW_OP_MAP ||
           ptw_leaf_fits(a, ed->t->regime, whole ? level : 0,
                         ed->pa + (leaf - ed->first));
}

/* An entry of an upper table that leads to no table. */
PTW_ENGINE enum ptw_status ptw_edit_site(const struct ptw_format *a,
                                         struct ptw_edit *ed,
                                         enum ptw_pass pass, bool movable,
                                         const struct ptw_entry *e)
{
    struct ptw_cursor *c = &ed->c;
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    unsigned shift = a->level[level].shift;
    uint64_t base = t->base + ((uint64_t)t->index << shift);
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
    if (pass == PTW_PASS_PLAN && !ptw_site_fits(a, ed, level, first, last)) {
        return PTW_E_WIDTH;
    }
    if (kept && !ptw_splittable(a, ed, level, e, t->raw)) {
        return PTW_E_WIDTH;
    }
    st = ptw_fit(ed, pass, level);
    if (movable && pass == PTW_PASS_MOVE && ed->shared < 0) {
        st = ptw_move(a, ed, level);
    }
    if (pass != PTW_PASS_COMMIT) {
        if (!whole) {
            ed->needed += ptw_tables_needed(a, ed->widest, level, first, last);
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
        raw = a->leaf_with_rights(ed->t->regime, level, t->raw, ed->rights);
        break;
    }
    st = ptw_set(a, ed, level, t->index, raw);
    t->index++;
    return st;
}

/* Leaves a table that is done; gives it back if that is wanted and nothing is
 * in it. */
PTW_ENGINE enum ptw_status ptw_edit_leave(const struct ptw_format *a,
                                          struct ptw_edit *ed,
                                          enum ptw_pass pass, bool movable)
{
    struct ptw_cursor *c = &ed->c;
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    enum ptw_status st;

    if (ed->shared == (int)level) {
        ed->shared = -1;
    }
    if (level == ptw_top(a)) {
        c->level = -1;
        return PTW_OK;
    }
    if (ed->op == PTW_OP_UNMAP && (ed->flags & PTW_EDIT_RECLAIM) != 0) {
        /* To give a table back is to write the one above it. */
        st = movable && pass == PTW_PASS_MOVE && ed->shared < 0
                 ? ptw_move(a, ed, level + 1)
                 : ptw_fit(ed, pass, level + 1);
        if (st != PTW_OK) {
            return st;
        }
    }
    c->level++;
    c->at[c->level].index++;
    if (pass != PTW_PASS_COMMIT || (ed->flags & PTW_EDIT_RECLAIM) == 0 ||
        ed->op != PTW_OP_UNMAP) {
        return PTW_OK;
    }
    /* A table that can't be read may not be empty. */
    if (ptw_table_empty(a, ed->t->mem, t->table, level) != PTW_OK) {
        return PTW_OK;
    }
    st = ptw_set(a, ed, level + 1, c->at[level + 1].index - 1u, 0);
    return st == PTW_OK ? ptw_spare_give(ed->t, ptw_pa_of(t->table), level)
                        : st;
}

/* -------------------------------------------------------------- the passes */

PTW_ENGINE enum ptw_status ptw_edit_pass(const struct ptw_format *a,
                                         struct ptw_edit *ed,
                                         enum ptw_pass pass, bool movable)
{
    struct ptw_cursor *c = &ed->c;
    enum ptw_status st = PTW_OK;

    c->regime = ed->t->regime;
    c->mem = ed->t->mem;
    c->near = c->mem->near;
    c->memo = NULL;
    c->first = ed->first;
    c->last = ed->last;
    /* The commit also goes down into the tables that it makes.  The plan kept
     * to the limit, so what goes beyond is not what the plan has seen. */
    c->reads_left = ed->max_reads;
    if (pass != PTW_PASS_PLAN) {
        uint64_t more = ed->needed << a->level[0].bits;

        c->reads_left = more > UINT64_MAX - c->reads_left
                            ? UINT64_MAX
                            : c->reads_left + more;
    }
    c->tables = 0;
    c->space = 0;
    c->need = 0;
    c->remembered = NULL; /* an edit changes tables */
    c->need_leaf = 0;
    c->top = ptw_top(a);
    c->remark = false;
    c->list = false;
    c->self = false;
    ed->shared = -1;
    ed->made = false;
    ed->needed = 0;
    ed->root_needed = false;
    ed->listed = 0;
    if (ptw_enter(a, c, false, c->top, ed->t->root.v, a->rights, 0) !=
        PTW_V_ENTERED) {
        return PTW_E_BUS;
    }
    st = ptw_edit_entered(a, ed, pass, movable);
    while (st == PTW_OK && c->level >= 0) {
        unsigned level = (unsigned)c->level;
        struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};

        if (c->at[level].index > c->at[level].last) {
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
        switch (ptw_descend_once(a, c, false, level, ed->window[level], &e)) {
        case PTW_V_ENTERED:
            st = ptw_edit_entered(a, ed, pass, movable);
            break;
        case PTW_V_LEAF:
        case PTW_V_ABSENT:
        case PTW_V_BAD:
            st = ptw_edit_site(a, ed, pass, movable, &e);
            break;
        case PTW_V_LIMIT:
            st = pass == PTW_PASS_PLAN ? PTW_E_LIMIT : PTW_E_CHANGED;
            break;
        case PTW_V_REFUSED:
        case PTW_V_NO_TABLE:
        case PTW_V_ALIAS:
        case PTW_V_SELF:
        case PTW_V_PRUNED:
        case PTW_V_REMARK:
        case PTW_V_FULL:
            st = PTW_E_BUS;
            break;
        }
    }
    return st;
}

/* Whether the table of that level of a path, if it has one, is its alone. */
PTW_ENGINE bool ptw_own_at(const struct ptw_format *a,
                           const struct ptw_shares *shares,
                           const struct ptw_cursor *c, unsigned level)
{
    return level >= a->levels ||
           ptw_shares_count(shares, c->at[level].table) <= 1;
}

/* Whether the way to a table of leaves is there already and private: then an
 * edit inside it needs no tables, and one descent to one address will do.
 * Leaves the cursor in it. */
PTW_ENGINE bool ptw_edit_is_near(const struct ptw_format *a,
                                 struct ptw_edit *ed)
{
    unsigned bits = a->level[0].shift + a->level[0].bits;
    struct ptw_path_table *t = &ed->c.at[0];
    struct ptw_cursor c; /* apart, so that the way needs no memory */
    struct ptw_entry e;

    if (ed->first >> bits != ed->last >> bits || ed->op == PTW_OP_ENTRY ||
        (ed->flags & PTW_EDIT_RECLAIM) != 0 || ed->max_reads < ptw_top(a)) {
        return false;
    }
    c.regime = ed->t->regime;
    c.mem = ed->t->mem;
    c.near = c.mem->near;
    c.memo = NULL;
    c.first = ed->first;
    c.reads_left = ed->max_reads - ptw_top(a); /* the way down */
    (void)ptw_enter(a, &c, true, ptw_top(a), ed->t->root.v, a->rights, 0);
    /* What the leaf is does not matter, and to read it is to wait for it. */
    if (ptw_descend_to(a, &c, 1, &e) != PTW_V_ENTERED) {
        return false;
    }
    if (PTW_UNLIKELY(ed->t->shares != NULL) &&
        !(ptw_own_at(a, ed->t->shares, &c, 0) &&
          ptw_own_at(a, ed->t->shares, &c, 1) &&
          ptw_own_at(a, ed->t->shares, &c, 2) &&
          ptw_own_at(a, ed->t->shares, &c, 3) &&
          ptw_own_at(a, ed->t->shares, &c, 4))) {
        return false;
    }
    ed->c.reads_left = c.reads_left;
    *t = c.at[0];
    t->last =
        (uint16_t)(t->index + ((ed->last - ed->first) >> a->level[0].shift));
    ed->pen[0] = ptw_pen_near(c.mem, &c.near, t->table, ptw_table_bytes(a, 0));
    return ed->pen[0] != NULL;
}

/* What the plan has ruled out, a commit meets only in tables that changed; or a
 * callback failed.  Either way half an edit may be there. */
PTW_ENGINE enum ptw_status ptw_committed(enum ptw_status st)
{
    return st == PTW_OK ? PTW_OK : PTW_E_CHANGED;
}

/* An edit of leaves that is near: planned and committed where the cursor is. */
PTW_ENGINE enum ptw_status ptw_edit_near(const struct ptw_format *a,
                                         struct ptw_edit *ed)
{
    struct ptw_path_table *t = &ed->c.at[0];
    uint16_t index = t->index;
    enum ptw_status st;

    if (ed->op == PTW_OP_MAP) {
        uint64_t last = ed->last & ~ptw_low_mask(a->level[0].shift);

        st = ptw_leaves_check(a, ed, last);
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

/* ptw_edit_try_near does a well-formed edit if it is near; *near says whether
 * it is. */
PTW_ENGINE enum ptw_status ptw_edit_try_near(const struct ptw_format *a,
                                             struct ptw_edit *ed, bool *near)
{
    *near = ptw_edit_is_near(a, ed);
    return *near ? ptw_edit_near(a, ed) : PTW_OK;
}

/* ptw_edit_far does a well-formed edit that is not near: pass by pass. */
PTW_ENGINE enum ptw_status ptw_edit_far(const struct ptw_format *a,
                                        struct ptw_edit *ed, bool movable)
{
    enum ptw_status st;

    if ((ed->t->table_flags & ~ed->t->regime->flag_bits) != 0) {
        return PTW_E_ARG;
    }
    if (ed->t->shares != NULL) {
        ed->t->shares->edit++;
        ed->t->shares->wanted = 0;
    }
    st = ptw_edit_pass(a, ed, PTW_PASS_PLAN, movable);
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

/* ------------------------------------------------------- what is asked */

/* The part that all requests share. */
PTW_ENGINE enum ptw_status ptw_edit_begin(const struct ptw_format *a,
                                          struct ptw_edit *ed, enum ptw_op op,
                                          struct ptw_tables *t, ptw_va first,
                                          ptw_va last, unsigned flags,
                                          uint64_t max_reads)
{
    const struct ptw_regime *r = t->regime;
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
    ed->widest = ptw_top(a);
    ed->beyond = false;
    ed->exact = false;
    ed->bits = 0;
    ed->entry_level = -1;
    ed->entry_bits = 0;
    ed->entry_owner = 0;
    ed->entry_ahead = 0;
    ed->entry_self = false;
    ed->entry_new = false;
    ed->entry_rights = false;
    ed->linked = false;
    return PTW_LIKELY(ptw_root_fits(r, t->root)) ? PTW_OK
                                                 : ptw_root_check(r, t->root);
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

/* The highest level at which leaves can stand: PS is looked at there, address
 * and offset are aligned alike, and the caller allows it. */
PTW_ENGINE unsigned ptw_widest_leaf(const struct ptw_format *a,
                                    const struct ptw_edit *ed, bool large)
{
    const struct ptw_regime *r = ed->t->regime;
    unsigned widest = 0;

    for (unsigned level = 1; large && level < a->levels; level++) {
        if (r->rule[level].leaf &&
            ((ed->pa ^ ed->first) & ptw_low_mask(a->level[level].shift)) == 0) {
            widest = level;
        }
    }
    return widest;
}

/* What is mapped there. */
PTW_ENGINE enum ptw_status ptw_edit_target(const struct ptw_format *a,
                                           struct ptw_edit *ed,
                                           const struct ptw_map_request *q)
{
    const struct ptw_regime *r = ed->t->regime;
    uint64_t span = q->last.v - q->first.v;

    if ((q->pa.v & ptw_low_mask(a->level[0].shift)) != 0) {
        return PTW_E_ALIGN;
    }
    if (q->pa.v > UINT64_MAX - span) {
        return PTW_E_RANGE;
    }
    ed->pa = q->pa.v;
    ed->rights = ptw_rights_asked(r, q->rights, q->flags) &
                 ~(q->copy_on_write ? (unsigned)PTW_WRITE : 0u);
    ed->copy_on_write = q->copy_on_write;
    ed->attributes = &q->attributes;
    ed->widest = ptw_widest_leaf(a, ed, (q->flags & PTW_EDIT_LARGE) != 0);
    if (!a->leaf_bits(r, 0, ed->rights, ed->copy_on_write, ed->attributes,
                      &ed->bits)) {
        return PTW_E_RIGHTS;
    }
    /* Large leaves may reach further than pages; whether there will be any, the
     * plan finds out.  A first address that is beyond has a flag bit. */
    ed->beyond = ((q->pa.v | (q->pa.v + span)) &
                  ~(r->rule[0].leaf_pa | ptw_low_mask(a->level[0].shift))) != 0;
    if (PTW_UNLIKELY(ed->beyond) && ptw_flags_between(r, q->pa.v, span)) {
        return PTW_E_WIDTH;
    }
    if (PTW_UNLIKELY(ed->beyond) &&
        (ed->widest == 0 ||
         !ptw_leaf_fits(a, r, ed->widest,
                        (q->pa.v + span) &
                            ~ptw_low_mask(a->level[ed->widest].shift)))) {
        return PTW_E_WIDTH;
    }
    return PTW_OK;
}

PTW_ENGINE enum ptw_status ptw_edit_map(const struct ptw_format *a,
                                        struct ptw_edit *ed,
                                        struct ptw_tables *t,
                                        const struct ptw_map_request *q)
{
    enum ptw_status st = ptw_edit_begin(a, ed, PTW_OP_MAP, t, q->first, q->last,
                                        q->flags, q->max_reads);

    if (st == PTW_OK) {
        st = ptw_edit_target(a, ed, q);
    }
    /* In a table of leaves the ends tell.  Far apart, neither may have a bit. */
    return st == PTW_OK &&
                   ptw_flags_between(t->regime, q->pa.v, q->last.v - q->first.v)
               ? PTW_E_WIDTH
               : st;
}

/* ptw_map_far maps what is not near; see ptw_map_now. */
enum ptw_status ptw_map_far(struct ptw_tables *t,
                            const struct ptw_map_request *q);

/* ptw_map: single pages come by the million, so what is near is specialised
 * whole, and apart, that it may need no memory. */
PTW_ENGINE enum ptw_status ptw_map_now(const struct ptw_format *a,
                                       struct ptw_tables *t,
                                       const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_begin(a, &ed, PTW_OP_MAP, t, q->first,
                                        q->last, q->flags, q->max_reads);

    if (PTW_UNLIKELY(st != PTW_OK)) {
        return st;
    }
    if (PTW_UNLIKELY(!ptw_edit_is_near(a, &ed))) {
        return ptw_map_far(t, q);
    }
    st = ptw_edit_target(a, &ed, q);
    return PTW_LIKELY(st == PTW_OK) ? ptw_edit_near(a, &ed) : st;
}

#endif
