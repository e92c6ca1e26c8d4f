/* SPDX-License-Identifier: Apache-2.0 */
/* THE descent.
 *
 * It stands in a table of a path, reads the entry that is next there, and goes
 * down as long as entries lead to tables; the level falls on every pass, so a
 * loop of tables cannot hold it.  Then it answers with a verdict.  Whoever
 * called it deals with the verdict, steps to the next entry, and calls again:
 * the path is kept, so the next descent starts at the lowest table that covers
 * both addresses.
 *
 * What happens at a table that was seen before is the one difference between
 * walk_va_spaces and virt_to_phys: with a memo it is a reference
 * (PTW_V_ALIAS), without one it is followed like any other. */
#ifndef PTW_DESCEND_H
#define PTW_DESCEND_H

#include "blocks.h"
#include "entry.h"
#include "memo.h"
#include "regime.h"
#include "remember.h"

enum ptw_verdict {
    PTW_V_ENTERED,  /* stands in a table; there is no answer so far */
    PTW_V_LEAF,     /* the entry maps a page */
    PTW_V_ABSENT,   /* the entry is not present */
    PTW_V_BAD,      /* hardware faults on the entry */
    PTW_V_REFUSED,  /* the entry could not be read */
    PTW_V_NO_TABLE, /* it leads to a table of which nothing can be read */
    PTW_V_ALIAS,    /* it leads to a table that was entered before */
    PTW_V_SELF,     /* it leads to the table that holds it (PTW_WALK_SELF) */
    PTW_V_PRUNED,   /* the path lacks a right that the walk needs */
    PTW_V_REMARK,   /* entered a table that there is something to say of */
    PTW_V_LIMIT,    /* no read is left */
    PTW_V_FULL,     /* the memo has no room for the table */
};

/* ptw_entry_offset returns the first offset that entry `index` covers, of a
 * table of that level on the path. */
PTW_ENGINE uint64_t ptw_entry_offset(const struct ptw_format *a,
                                     const struct ptw_path_table *t,
                                     unsigned level, unsigned index)
{
    return t->base + ((uint64_t)index << a->level[level].shift);
}

enum ptw_remark {
    PTW_REMARK_SELF = 1,
    PTW_REMARK_TWO_LEVELS = 2,
    PTW_REMARK_TABLE = 4,
};

/* ptw_verdict_status returns the status that a verdict amounts to for a descent
 * that follows every entry. */
PTW_ENGINE enum ptw_status ptw_verdict_status(enum ptw_verdict v)
{
    switch (v) {
    case PTW_V_ENTERED:
    case PTW_V_LEAF:
        return PTW_OK;
    case PTW_V_ABSENT:
        return PTW_NOT_MAPPED;
    case PTW_V_BAD:
        return PTW_BAD_ENTRY;
    case PTW_V_LIMIT:
        return PTW_E_LIMIT;
    case PTW_V_REFUSED:
    case PTW_V_NO_TABLE:
        return PTW_E_BUS;
    case PTW_V_ALIAS:
    case PTW_V_SELF:
    case PTW_V_PRUNED:
    case PTW_V_REMARK:
    case PTW_V_FULL:
        break;
    }
    assert(0 && "it has no memo and no needs, and asks for no remarks");
    return PTW_E_BUS;
}

/* ptw_slot returns where the window has entry `index` of the table of that
 * level. */
PTW_ENGINE uint64_t *ptw_slot(struct ptw_window *window, unsigned level,
                              unsigned index)
{
    return level == 0 ? &window->leaf[index % PTW_LEAF_WINDOW]
                      : &window->upper[level - 1][index % PTW_MAX_WINDOW];
}

/* Whether a table of the path, above `level`, is the table. */
PTW_ENGINE bool ptw_on_path(const struct ptw_format *a,
                            const struct ptw_cursor *c, unsigned level,
                            uint64_t table)
{
    for (unsigned i = level + 1; i < a->levels; i++) {
        if (i <= c->top && c->at[i].table == table) {
            return true;
        }
    }
    return false;
}

/* Converts an address to an offset.  An address in the gap becomes the first
 * offset above the gap. */
PTW_ENGINE uint64_t ptw_offset(const struct ptw_format *a,
                               const struct ptw_regime *r, uint64_t va)
{
    uint64_t first;
    uint64_t last;

    if (ptw_gap(a, r, &first, &last) && va >= first && va <= last) {
        return ptw_extension_of(a, r) == PTW_EXTEND_ONES ? 0 : first;
    }
    return va & ptw_low_mask(ptw_width(a, r));
}

/* ptw_keep makes the first part of the range that has anything, from number
 * `from`, the one that is walked.  The parts are what lies before, between and
 * behind what is left out.  Returns false when there is none; then nothing has
 * changed. */
PTW_ENGINE bool ptw_keep(const struct ptw_format *a, struct ptw_cursor *c,
                         size_t from)
{
    for (size_t i = from; i <= c->leave_outs; i++) {
        uint64_t first = c->whole_first;
        uint64_t last = c->whole_last;

        if (i > 0) {
            uint64_t out = c->leave_out[i - 1].last.v;
            uint64_t next;

            if (out == UINT64_MAX) {
                return false;
            }
            next = ptw_offset(a, c->regime, out + 1);
            first = next > first ? next : first;
        }
        if (i < c->leave_outs) {
            uint64_t next = ptw_offset(a, c->regime, c->leave_out[i].first.v);

            if (next == 0) {
                continue;
            }
            last = next - 1 < last ? next - 1 : last;
        }
        if (first <= last) {
            c->left = i;
            c->first = first;
            c->last = last;
            return true;
        }
    }
    return false;
}

/* ptw_keep_on goes on, in a table of which the walk has seen what it keeps, to
 * what it keeps of it beyond the next gap; false when that is nothing. */
PTW_ENGINE bool ptw_keep_on(const struct ptw_format *a, struct ptw_cursor *c)
{
    unsigned level = (unsigned)c->level;
    const struct ptw_level *l = &a->level[level];
    struct ptw_path_table *t = &c->at[level];
    uint64_t end =
        t->base + ptw_low_mask(l->shift + ptw_index_bits(a, c->regime, level));

    for (;;) {
        uint64_t first = c->first > t->base ? c->first : t->base;
        uint64_t last = c->last < end ? c->last : end;

        if (first <= last) {
            uint64_t from = (first - t->base) >> l->shift;

            from = from > t->index ? from : t->index;
            if (from <= (last - t->base) >> l->shift) {
                t->index = (uint16_t)from;
                t->last = (uint16_t)((last - t->base) >> l->shift);
                if (t->fetched < t->index) {
                    t->fetched = t->index;
                }
                return true;
            }
        }
        if (c->last >= end || !ptw_keep(a, c, c->left + 1)) {
            return false;
        }
    }
}

/* ptw_saw makes a table that was entered before the one that an alias is of, as
 * its slot of the memo says. */
PTW_ENGINE void ptw_saw(struct ptw_cursor *c, const struct ptw_memo_slot *slot)
{
    c->seen_by = slot->owner_plus_1 - 1;
    c->seen_va = slot->va;
    c->number = slot->number;
}

/* ptw_told returns by what the memo tells a table apart from the same one under
 * another path. */
PTW_ENGINE unsigned ptw_told(const struct ptw_cursor *c, unsigned rights)
{
    return (rights & c->told_apart) | c->told_as;
}

/* ptw_root_by_itself returns by what the memo knows a root that is no table of
 * its level to it, since it is shorter, or since that one is a table below
 * another root: how long it is, and where it is mapped if a part is left out,
 * as of any table that is cut.  Where nothing is left out it is the same in the
 * other half: no table is mapped at that address. */
PTW_ENGINE uint64_t ptw_root_by_itself(uint64_t va, bool left_out,
                                       unsigned bits)
{
    return left_out ? va | bits : ~(uint64_t)bits;
}

/* ptw_enter makes the table of that level, whose span starts at offset base,
 * the one that is read next.  The level must be below that of the path so far.
 * The answer is PTW_V_ENTERED, or PTW_V_NO_TABLE, PTW_V_ALIAS or PTW_V_FULL:
 * then the path is as it was. */
PTW_ENGINE enum ptw_verdict ptw_enter(const struct ptw_format *a,
                                      struct ptw_cursor *c, bool single,
                                      unsigned level, uint64_t table,
                                      unsigned rights, uint64_t base)
{
    const struct ptw_level *l = &a->level[level];
    unsigned bits = ptw_index_bits(a, c->regime, level);
    struct ptw_path_table *t = &c->at[level];

    t->table = table;
    t->rights = rights;
    t->base = base;
    if (single) {
        t->host = NULL;
        t->index = (uint16_t)(c->first >> l->shift & ptw_low_mask(bits));
        t->last = t->index;
    } else {
        uint64_t end = base + ptw_low_mask(l->shift + bits);
        uint64_t first = c->first > base ? c->first : base;
        uint64_t last = c->last < end ? c->last : end;

        t->host =
            ptw_direct(c->mem, table, ptw_table_bytes(a, c->regime, level));
        if (PTW_UNLIKELY(t->host == NULL) &&
            !ptw_touches(c->mem, table, ptw_table_bytes(a, c->regime, level))) {
            return PTW_V_NO_TABLE;
        }
        c->remarks = level < c->listed && level < c->top ? PTW_REMARK_TABLE : 0;
        if (c->memo != NULL) {
            bool left_out = first != base || last != end;
            bool by_itself =
                a->va_bits == 0 && (bits != l->bits || c->root_again);
            uint64_t va = ptw_va_from(a, c->regime, base);
            struct ptw_memo_slot *slot = NULL;
            bool two_levels;

            if (PTW_UNLIKELY(by_itself)) {
                va = ptw_root_by_itself(va, left_out, bits);
            }
            switch (ptw_memo_enter(c->memo, table, level, ptw_told(c, rights),
                                   left_out || by_itself, va, &slot,
                                   &two_levels)) {
            case PTW_MEMO_FULL:
                return PTW_V_FULL;
            case PTW_MEMO_SEEN:
                ptw_saw(c, slot);
                return PTW_V_ALIAS;
            case PTW_MEMO_NEW:
                slot->owner_plus_1 = c->space + 1;
                slot->number = (uint32_t)c->tables;
                break;
            }
            if (c->remark) {
                if (ptw_on_path(a, c, level, table)) {
                    c->remarks |= PTW_REMARK_SELF;
                }
                if (two_levels) {
                    c->remarks |= PTW_REMARK_TWO_LEVELS;
                }
            }
        }
        if (PTW_UNLIKELY(t->host == NULL) && c->remembered != NULL &&
            ptw_table_bytes(a, c->regime, level) ==
                c->remembered->table_bytes) {
            t->host = ptw_recall(c->remembered, table);
        }
        t->index = (uint16_t)((first - base) >> l->shift);
        t->last = (uint16_t)((last - base) >> l->shift);
        t->fetched = t->index;
        c->number = (uint32_t)c->tables;
        c->tables++;
    }
    c->level = (int)level;
    return PTW_V_ENTERED;
}

/* ptw_cursor_at sets up a cursor for one address, an offset, and enters the
 * root, if there are tables.  The cursor has what ptw_descend_to takes, and
 * nothing else. */
PTW_ENGINE void ptw_cursor_at(const struct ptw_format *a, struct ptw_cursor *c,
                              const struct ptw_mem *mem, struct ptw_root root,
                              uint64_t offset)
{
    c->regime = root.regime;
    c->mem = mem;
    c->cache = mem->cache;
    c->first = offset;
    c->level = -1;
    if (a->levels > 0) {
        (void)ptw_enter(a, c, true, ptw_top(a, root.regime), root.table.v,
                        ptw_start_rights(a, root.regime), 0);
    }
}

/* ptw_cursor_over sets up a cursor for a range of offsets that starts in a
 * table of the level `top`, which ptw_enter has to enter.  The cursor follows
 * every entry, whatever it grants, and has no limit.  What a walk leaves out,
 * the walk sets. */
PTW_ENGINE void ptw_cursor_over(struct ptw_cursor *c,
                                const struct ptw_regime *r,
                                const struct ptw_mem *mem, unsigned top,
                                uint64_t first, uint64_t last)
{
    c->regime = r;
    c->mem = mem;
    c->cache = mem->cache;
    c->memo = NULL;
    c->remembered = NULL;
    c->first = first;
    c->last = last;
    c->reads_left = UINT64_MAX;
    c->tables = 0;
    c->unread = 0;
    c->space = 0;
    c->need = 0;
    c->need_leaf = 0;
    c->level = -1;
    c->top = top;
    c->remark = false;
    c->list = false;
    c->listed = 0;
    c->self = false;
    c->root_again = false;
}

/* ptw_ascend leaves the table that the path ends in, and steps behind the entry
 * that led to it.  From the first table of the path it leaves the path. */
PTW_ENGINE void ptw_ascend(struct ptw_cursor *c)
{
    if ((unsigned)c->level == c->top) {
        c->level = -1;
    } else {
        c->level++;
        c->at[c->level].index++;
    }
}

/* Fetches entries of table t, which is direct memory, until `end` are fetched
 * or no read is left.  Each is loaded once, into the window. */
PTW_ENGINE void ptw_fill(const struct ptw_format *a, struct ptw_cursor *c,
                         unsigned level, struct ptw_window *window,
                         unsigned end)
{
    struct ptw_path_table *t = &c->at[level];

    while (t->fetched < end && c->reads_left > 0) {
        *ptw_slot(window, level, t->fetched) =
            ptw_load_entry(a, t->host, t->fetched);
        t->fetched++;
        c->reads_left--;
    }
}

/* Fetches as many entries at once as callbacks give and the window holds, from
 * the one that is next on; false: none. */
PTW_ENGINE bool ptw_fetch_many(const struct ptw_format *a, struct ptw_cursor *c,
                               unsigned level, struct ptw_window *window)
{
    struct ptw_path_table *t = &c->at[level];
    uint64_t raw[PTW_MAX_WINDOW];
    unsigned n = t->last - t->index + 1u;

    n = n < PTW_MAX_WINDOW ? n : PTW_MAX_WINDOW;
    n = n < c->reads_left ? n : (unsigned)c->reads_left;
    n = ptw_get_many(c->mem, ptw_entry_at(a, t->table, t->index),
                     1u << a->entry_log2, n, raw);
    for (unsigned i = 0; i < n; i++) {
        *ptw_slot(window, level, t->index + i) = raw[i];
    }
    t->fetched = (uint16_t)(t->index + n);
    c->reads_left -= n;
    return n > 0;
}

/* ptw_entry gets the entry that is next: out of the window, or by a read.  In
 * direct memory a walk fetches a line or two ahead, so that it knows which
 * tables come next; elsewhere a read may be dear, and it fetches one, or of
 * memory that is stopped as many as it gets in one call.  The
 * answer is PTW_V_ENTERED (got it), PTW_V_REFUSED or PTW_V_LIMIT. */
PTW_ENGINE enum ptw_verdict ptw_entry(const struct ptw_format *a,
                                      struct ptw_cursor *c, bool single,
                                      unsigned level, struct ptw_window *window,
                                      uint64_t *raw)
{
    struct ptw_path_table *t = &c->at[level];
    unsigned index = t->index;
    unsigned bytes = 1u << a->entry_log2;
    uint64_t pa;

    if (!single) {
        if (t->host != NULL) {
            unsigned line = index & ~(PTW_LINE - 1u);
            unsigned ahead = line + (level == 0 ? PTW_LINE : 2 * PTW_LINE);

            if (t->fetched < ahead && t->fetched <= t->last) {
                ptw_fill(a, c, level, window,
                         ahead <= t->last ? ahead : t->last + 1u);
            }
        }
        if (index < t->fetched) {
            *raw = *ptw_slot(window, level, index);
            return PTW_V_ENTERED;
        }
    }
    pa = ptw_entry_at(a, t->table, index);
    if (single) {
        return ptw_get_cached(c->mem, &c->cache, pa, bytes, raw) == PTW_OK
                   ? PTW_V_ENTERED
                   : PTW_V_REFUSED;
    }
    if (c->reads_left == 0) {
        return PTW_V_LIMIT;
    }
    if (PTW_UNLIKELY(c->mem->stopped) && ptw_fetch_many(a, c, level, window)) {
        *raw = *ptw_slot(window, level, index);
        return PTW_V_ENTERED;
    }
    c->reads_left--;
    if (ptw_get_cached(c->mem, &c->cache, pa, bytes, raw) != PTW_OK) {
        return PTW_V_REFUSED;
    }
    *ptw_slot(window, level, index) = *raw;
    t->fetched = (uint16_t)(index + 1);
    return PTW_V_ENTERED;
}

/* ptw_leads judges an entry that leads to a table, of a table of that level,
 * without a look at where it leads: PTW_V_PRUNED and PTW_V_SELF, or
 * PTW_V_ENTERED if a walk goes there.  *e is what the path grants. */
PTW_ENGINE enum ptw_verdict ptw_leads(const struct ptw_format *a,
                                      const struct ptw_cursor *c,
                                      unsigned level, const struct ptw_entry *e)
{
    if ((e->rights & c->need) != c->need) {
        return PTW_V_PRUNED;
    }
    /* A table that is larger than this one is another one, wherever it
     * starts. */
    if (PTW_UNLIKELY(c->self) && e->pa.v == c->at[level].table &&
        ptw_table_bytes(a, c->regime, level) ==
            ptw_table_bytes(a, c->regime, level - 1)) {
        return PTW_V_SELF;
    }
    return PTW_V_ENTERED;
}

/* ptw_descend_once judges the entry that is next in the table of that level,
 * the cursor's.  PTW_V_ENTERED and PTW_V_REMARK: the level has fallen by one.
 * Any other verdict is about this entry, which *e has decoded when it could be
 * read; *e is not written on PTW_V_LIMIT and PTW_V_REFUSED. */
PTW_ENGINE enum ptw_verdict
ptw_descend_once(const struct ptw_format *a, struct ptw_cursor *c, bool single,
                 unsigned level, struct ptw_window *window, struct ptw_entry *e)
{
    struct ptw_path_table *t = &c->at[level];
    enum ptw_verdict v;
    uint64_t raw = 0;

    v = ptw_entry(a, c, single, level, window, &raw);
    t->raw = raw;
    if (PTW_UNLIKELY(v != PTW_V_ENTERED)) {
        return v;
    }
    *e = a->decode(c->regime, raw, level, t->index);
    if (e->kind == PTW_ENTRY_ABSENT) {
        return PTW_V_ABSENT;
    }
    if (PTW_UNLIKELY(e->kind == PTW_ENTRY_BAD)) {
        return PTW_V_BAD;
    }
    e->rights &= t->rights;
    if (e->kind == PTW_ENTRY_LEAF || level == 0) {
        return !single && (e->rights & c->need_leaf) != c->need_leaf
                   ? PTW_V_PRUNED
                   : PTW_V_LEAF;
    }
    if (!single) {
        v = ptw_leads(a, c, level, e);
        if (v != PTW_V_ENTERED) {
            return v;
        }
    }
    v = ptw_enter(a, c, single, level - 1, e->pa.v, e->rights,
                  ptw_entry_offset(a, t, level, t->index));
    return v == PTW_V_ENTERED && !single && c->remarks != 0 ? PTW_V_REMARK : v;
}

/* ptw_descend goes down until there is a verdict on an entry, or as far as a
 * table of leaves in direct memory, which is swept (PTW_V_ENTERED). */
PTW_ENGINE enum ptw_verdict ptw_descend(const struct ptw_format *a,
                                        struct ptw_cursor *c,
                                        struct ptw_window *window,
                                        struct ptw_entry *e)
{
    enum ptw_verdict v;

    do {
        unsigned level = (unsigned)c->level;

        v = ptw_descend_once(a, c, false, level, window, e);
    } while (v == PTW_V_ENTERED && (c->level > 0 || c->at[0].host == NULL));
    return v;
}

/* One level of ptw_descend_to, if it comes to it. */
PTW_ENGINE enum ptw_verdict
ptw_descend_at(const struct ptw_format *a, struct ptw_cursor *c, unsigned to,
               unsigned depth, enum ptw_verdict so_far, struct ptw_entry *e)
{
    if (depth + to > ptw_top(a, c->regime) || so_far != PTW_V_ENTERED) {
        return so_far;
    }
    return ptw_descend_once(a, c, true, ptw_top(a, c->regime) - depth, NULL, e);
}

_Static_assert(PTW_MAX_LEVELS == 5, "ptw_descend_to goes down five levels");

/* ptw_descend_to is the same for one address, from the root, and as far as the
 * entry of level `to`, a constant.  Written without a loop, the level is a
 * constant at each step, and so the path needs no memory.  PTW_V_ENTERED: it
 * stands in the table of level to - 1. */
PTW_ENGINE enum ptw_verdict ptw_descend_to(const struct ptw_format *a,
                                           struct ptw_cursor *c, unsigned to,
                                           struct ptw_entry *e)
{
    enum ptw_verdict v = PTW_V_ENTERED;

    v = ptw_descend_at(a, c, to, 0, v, e);
    v = ptw_descend_at(a, c, to, 1, v, e);
    v = ptw_descend_at(a, c, to, 2, v, e);
    v = ptw_descend_at(a, c, to, 3, v, e);
    v = ptw_descend_at(a, c, to, 4, v, e);
    return v;
}

#endif
