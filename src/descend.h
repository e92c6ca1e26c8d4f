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

#include "mem.h"
#include "memo.h"
#include "regime.h"

enum ptw_verdict {
    PTW_V_ENTERED,  /* stands in a table; there is no answer so far */
    PTW_V_LEAF,     /* the entry maps a page */
    PTW_V_ABSENT,   /* the entry is not present */
    PTW_V_BAD,      /* the entry has reserved bits set */
    PTW_V_REFUSED,  /* the entry could not be read */
    PTW_V_NO_TABLE, /* it leads to a table of which nothing can be read */
    PTW_V_ALIAS,    /* it leads to a table that was entered before */
    PTW_V_PRUNED,   /* the path lacks a right that the walk needs */
    PTW_V_REMARK,   /* entered a table that there is something to say of */
    PTW_V_LIMIT,    /* no read is left */
    PTW_V_FULL,     /* the memo has no room for the table */
};

enum ptw_remark { PTW_REMARK_SELF = 1, PTW_REMARK_TWO_LEVELS = 2 };

/* Entries come in lines of 8, one cache line of 64-bit entries. */
enum { PTW_LINE = 8 };

PTW_ENGINE uint64_t ptw_table_bytes(const struct ptw_format *a, unsigned level)
{
    return (uint64_t)1 << (a->level[level].bits + a->entry_log2);
}

PTW_ENGINE uint64_t ptw_load_entry(const struct ptw_format *a, const void *host,
                                   unsigned index)
{
    const unsigned char *p =
        (const unsigned char *)host + ((size_t)index << a->entry_log2);

    return a->entry_log2 == 3 ? ptw_load64(p) : ptw_load32(p);
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
    struct ptw_path_table *t = &c->at[level];

    t->table = table;
    t->rights = rights;
    t->base = base;
    if (single) {
        t->host = NULL;
        t->index = (uint16_t)(c->first >> l->shift & ptw_low_mask(l->bits));
        t->last = t->index;
    } else {
        uint64_t end = base + ptw_low_mask(l->shift + l->bits);
        uint64_t first = c->first > base ? c->first : base;
        uint64_t last = c->last < end ? c->last : end;

        t->host = ptw_direct(c->mem, table, ptw_table_bytes(a, level));
        if (PTW_UNLIKELY(t->host == NULL) &&
            !ptw_touches(c->mem, table, ptw_table_bytes(a, level))) {
            return PTW_V_NO_TABLE;
        }
        c->remarks = 0;
        if (c->memo != NULL) {
            unsigned part = (first != base ? PTW_PART_HEAD_CUT : 0) |
                            (last != end ? PTW_PART_TAIL_CUT : 0);
            struct ptw_memo_slot *slot = NULL;
            bool two_levels;

            switch (ptw_memo_enter(c->memo, table, level, part, &slot,
                                   &two_levels)) {
            case PTW_MEMO_FULL:
                return PTW_V_FULL;
            case PTW_MEMO_SEEN:
                c->seen_by = slot->owner_plus_1 - 1;
                c->seen_va = slot->va;
                return PTW_V_ALIAS;
            case PTW_MEMO_NEW:
                slot->owner_plus_1 = c->space + 1;
                slot->va = ptw_va_from(a, c->regime, base);
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
        t->index = (uint16_t)((first - base) >> l->shift);
        t->last = (uint16_t)((last - base) >> l->shift);
        t->fetched = t->index;
        c->tables++;
    }
    c->level = (int)level;
    return PTW_V_ENTERED;
}

/* Fetches entries of table t, which is direct memory, until `end` are fetched
 * or no read is left.  Each is loaded once, into the window. */
PTW_ENGINE void ptw_fill(const struct ptw_format *a, struct ptw_cursor *c,
                         struct ptw_path_table *t, uint64_t *window,
                         unsigned end)
{
    while (t->fetched < end && c->reads_left > 0) {
        window[t->fetched % PTW_MAX_WINDOW] =
            ptw_load_entry(a, t->host, t->fetched);
        t->fetched++;
        c->reads_left--;
    }
}

/* ptw_entry gets the entry that is next: out of the window, or by a read.  In
 * direct memory a walk fetches a line or two ahead, so that it knows which
 * tables come next; elsewhere a read may be dear, and it fetches one.  The
 * answer is PTW_V_ENTERED (got it), PTW_V_REFUSED or PTW_V_LIMIT. */
PTW_ENGINE enum ptw_verdict ptw_entry(const struct ptw_format *a,
                                      struct ptw_cursor *c, bool single,
                                      uint64_t *window, uint64_t *raw)
{
    struct ptw_path_table *t = &c->at[c->level];
    unsigned index = t->index;

    if (!single) {
        if (t->host != NULL) {
            unsigned line = index & ~(PTW_LINE - 1u);
            unsigned ahead = line + (c->level == 0 ? PTW_LINE : 2 * PTW_LINE);

            if (t->fetched < ahead && t->fetched <= t->last) {
                ptw_fill(a, c, t, window,
                         ahead <= t->last ? ahead : t->last + 1u);
            }
        }
        if (index < t->fetched) {
            *raw = window[index % PTW_MAX_WINDOW];
            return PTW_V_ENTERED;
        }
    }
    if (c->reads_left == 0) {
        return PTW_V_LIMIT;
    }
    c->reads_left--;
    if (ptw_get(c->mem, t->table + ((uint64_t)index << a->entry_log2),
                1u << a->entry_log2, raw) != PTW_OK) {
        return PTW_V_REFUSED;
    }
    if (!single) {
        window[index % PTW_MAX_WINDOW] = *raw;
        t->fetched = (uint16_t)(index + 1);
    }
    return PTW_V_ENTERED;
}

/* ptw_descend goes down from the table that the cursor stands in.  The verdict
 * is about the entry at the cursor's level, which *e has decoded when it could
 * be read; *e is not written on PTW_V_LIMIT and PTW_V_REFUSED. */
PTW_ENGINE enum ptw_verdict ptw_descend(const struct ptw_format *a,
                                        struct ptw_cursor *c, bool single,
                                        uint64_t (*window)[PTW_MAX_WINDOW],
                                        struct ptw_entry *e)
{
    for (;;) {
        struct ptw_path_table *t = &c->at[c->level];
        unsigned level = (unsigned)c->level;
        enum ptw_verdict v;
        uint64_t raw = 0;

        v = ptw_entry(a, c, single, single ? NULL : window[level], &raw);
        if (v != PTW_V_ENTERED) {
            return v;
        }
        t->raw = raw;
        *e = a->decode(c->regime, raw, level);
        if (e->kind == PTW_ENTRY_ABSENT) {
            return PTW_V_ABSENT;
        }
        if (e->kind == PTW_ENTRY_BAD) {
            return PTW_V_BAD;
        }
        e->rights &= t->rights;
        if (!single && (e->rights & c->need) != c->need) {
            return PTW_V_PRUNED;
        }
        if (e->kind == PTW_ENTRY_LEAF) {
            return PTW_V_LEAF;
        }
        assert(level > 0);
        v = ptw_enter(a, c, single, level - 1, e->pa.v, e->rights,
                      t->base + ((uint64_t)t->index << a->level[level].shift));
        if (v != PTW_V_ENTERED) {
            return v;
        }
        if (!single && c->remarks != 0) {
            return PTW_V_REMARK;
        }
    }
}

#endif
