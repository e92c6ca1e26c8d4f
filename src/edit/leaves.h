/* SPDX-License-Identifier: Apache-2.0 */
/* This file maps, unmaps and protects the leaves of one table. */
#ifndef PTW_EDIT_LEAVES_H
#define PTW_EDIT_LEAVES_H

#include "list.h"
#include "unshare.h"

/* Whether a leaf of that level, whatever it grants, can hold pa, which is
 * aligned to it.  Small pages of 32-bit paging reach 4 GiB, large ones
 * further. */
PTW_ENGINE bool ptw_leaf_fits(const struct ptw_regime *r, unsigned level,
                              uint64_t pa)
{
    const struct ptw_level_rule *rule = &r->rule[level];

    return (level == 0 || rule->leaf) && (pa & ~rule->leaf_pa) == 0;
}

/* Whether the last leaf of [first, last], offsets of a map that meet no table and
 * stand below one entry of that level, can hold its address.  Those in front of
 * it lie lower.  It is as large as it may be: one that starts at 0 may reach
 * beyond all memory. */
PTW_ENGINE bool ptw_last_leaf_fits(const struct ptw_format *a,
                                   const struct ptw_edit *ed, unsigned level,
                                   uint64_t first, uint64_t last)
{
    unsigned at = level < ed->widest ? level : ed->widest;

    while (at > 0 && (((last + 1) & ptw_low_mask(a->level[at].shift)) != 0 ||
                      last - first < ptw_low_mask(a->level[at].shift))) {
        at--;
    }
    return ptw_leaf_fits(
        ed->t->root.regime, at,
        ed->pa + ((last & ~ptw_low_mask(a->level[at].shift)) - ed->first));
}

/* The leaf of a mapping for that offset.  The plan has found that the regime
 * has one. */
PTW_ENGINE uint64_t ptw_leaf_at(const struct ptw_format *a,
                                const struct ptw_edit *ed, unsigned level,
                                uint64_t offset)
{
    uint64_t bits = ed->bits;

    if (level > 0 && !ed->exact) {
        (void)a->leaf_bits(ed->t->root.regime, level, ed->rights,
                           ed->copy_on_write, ed->attributes, &bits);
    }
    return ptw_leaf_entry(a, ed->t->root.regime, level, bits,
                          ed->pa + (offset - ed->first));
}

/* Whether the table of leaves that the path leads to can hold what is asked, up
 * to the leaf of that offset. */
PTW_ENGINE enum ptw_status ptw_leaves_check(const struct ptw_edit *ed,
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
        !ptw_leaf_fits(ed->t->root.regime, 0, ed->pa + (last - ed->first))) {
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
    enum ptw_status st = ptw_leave_runs(a, ed, 0, index, end - 1);

    if (PTW_UNLIKELY(st != PTW_OK)) {
        return st;
    }

    do {
        uint64_t pa = ed->pa + (first - ed->first);
        uint64_t more =
            a->piecewise ? (pa | ed->t->root.regime->linear) - pa : UINT64_MAX;
        uint64_t raw = ptw_leaf_at(a, ed, 0, first);
        unsigned stop = more >> shift < end - index
                            ? index + (unsigned)(more >> shift) + 1
                            : end;

        first += (uint64_t)(stop - index) << shift;
        if (PTW_LIKELY(ed->writable[0] != NULL)) {
            for (; index < stop; index++) {
                ptw_store_entry(a, ed->writable[0], index, raw);
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
 * constant on the quick path, so that a map which takes it does not hand the
 * edit to map_leaves, and it needs no memory. */
PTW_ENGINE enum ptw_status ptw_edit_leaves(const struct ptw_format *a,
                                           struct ptw_edit *ed, enum ptw_op op,
                                           enum ptw_pass pass, bool movable)
{
    const struct ptw_regime *r = ed->t->root.regime;
    struct ptw_cursor *c = &ed->c;
    struct ptw_path_table *t = &c->at[0];
    uint64_t first = ptw_entry_offset(a, t, 0, t->index);
    uint64_t last = ptw_entry_offset(a, t, 0, t->last);
    enum ptw_status st = ptw_leaves_check(ed, last);
    unsigned alone = t->index; /* those before are in no run any more */
    struct ptw_entry e;
    uint64_t raw = 0;

    if (st == PTW_OK && pass != PTW_PASS_PLAN) {
        st = ptw_will_write(a, ed, pass, movable, 0);
    }
    if (op == PTW_OP_MAP && pass == PTW_PASS_COMMIT && st == PTW_OK) {
        st = ed->t->root.regime->arch->map_leaves(ed, first, last);
        t->index = (uint16_t)(t->last + 1);
        return st;
    }
    for (unsigned i = t->index; i <= t->last && st == PTW_OK; i++) {
        if (op == PTW_OP_PROTECT && pass != PTW_PASS_MOVE) {
            if (c->reads_left == 0) {
                return ptw_edit_stopped(pass, PTW_V_LIMIT);
            }
            c->reads_left--;
            st = ptw_read_entry(a, ed->t->mem, t->table, i, &raw);
            if (st != PTW_OK) {
                return PTW_E_BUS;
            }
            e = a->decode(r, raw, 0, i);
            switch (e.kind) {
            case PTW_ENTRY_ABSENT:
                continue;
            case PTW_ENTRY_BAD:
                return PTW_BAD_ENTRY;
            case PTW_ENTRY_TABLE:
            case PTW_ENTRY_LEAF:
                break;
            }
            raw = ptw_leaf_entry(a, r, 0, ptw_attribute_bits(a, r, 0, raw),
                                 e.pa.v);
            raw = ptw_alone(a, a->leaf_with_rights(r, 0, raw, ed->rights));
        }
        if (pass != PTW_PASS_COMMIT) {
            st = pass == PTW_PASS_PLAN ? ptw_will_write(a, ed, pass, movable, 0)
                                       : PTW_OK;
            if (op != PTW_OP_PROTECT) {
                break;
            }
            continue;
        }
        /* What is written leaves its run; a hole that is protected is not. */
        if (i >= alone) {
            unsigned end = i | (unsigned)ptw_low_mask(a->level[0].run);

            end = end < t->last ? end : t->last;
            st = ptw_leave_runs(a, ed, 0, i, end);
            alone = end + 1;
        }
        if (st == PTW_OK) {
            st = ptw_set(a, ed, 0, i, op == PTW_OP_UNMAP ? 0 : raw);
        }
    }
    t->index = (uint16_t)(t->last + 1);
    return st;
}

#endif
