/* SPDX-License-Identifier: Apache-2.0 */
/* This file turns the verdicts of the descent into items. */
#ifndef PTW_ITEMS_H
#define PTW_ITEMS_H

#include "descend.h"

enum ptw_phase {
    PTW_PHASE_BEGIN, /* a space is about to begin */
    PTW_PHASE_PASS,  /* a part passes the entries of the part before it */
    PTW_PHASE_WALK,
    PTW_PHASE_END, /* a space is about to end */
    PTW_PHASE_DONE,
};

/* Whether the walk can be made a part, or be cut: it is over one space, was not
 * used, and is no part yet.  The tables of an outline can't be had in part. */
PTW_ENGINE bool ptw_has_parts(const struct ptw_walk *w)
{
    return w->roots == 0 && !w->part && w->phase == PTW_PHASE_BEGIN &&
           (w->flags & PTW_WALK_OUTLINE) == 0;
}

/* ptw_walk_in goes on in that regime: it sets what depends on how far addresses
 * reach, and on the level and size of the root. */
void ptw_walk_in(struct ptw_walk *w, const struct ptw_regime *r);

/* Where the non-canonical gap stands in the range, when holes are asked for. */
enum ptw_gap_place {
    PTW_GAP_NONE,
    PTW_GAP_BEFORE,
    PTW_GAP_MIDDLE,
    PTW_GAP_AFTER,
};

/* Where items go: the caller's array, then the queue.  The open item already
 * stands where it will be given, if there is room for it: to close it is to
 * count it. */
struct ptw_sink {
    struct ptw_item *item;
    size_t room;
    size_t count;
    struct ptw_item *open;
};

PTW_ENGINE struct ptw_item *ptw_emit(struct ptw_walk *w, struct ptw_sink *out)
{
    assert(out->open == NULL || out->open == &w->open);
    if (PTW_LIKELY(out->count < out->room)) {
        return &out->item[out->count++];
    }
    assert(w->queued < sizeof w->queue / sizeof w->queue[0]);
    return &w->queue[w->queued++];
}

PTW_ENGINE struct ptw_item *ptw_open(struct ptw_walk *w, struct ptw_sink *out)
{
    out->open = out->count < out->room ? &out->item[out->count] : &w->open;
    return out->open;
}

PTW_ENGINE void ptw_close(struct ptw_walk *w, struct ptw_sink *out)
{
    if (out->open == &w->open) {
        *ptw_emit(w, out) = w->open;
    } else if (out->open != NULL) {
        out->count++;
    }
    out->open = NULL;
}

/* Writes what all items have, for one that covers 1 << bits bytes. */
PTW_ENGINE struct ptw_item *ptw_span(const struct ptw_walk *w,
                                     struct ptw_item *item,
                                     enum ptw_item_kind kind, uint64_t first,
                                     unsigned bits)
{
    item->kind = kind;
    item->space = w->c.space;
    item->first.v = first;
    item->last.v = first + ptw_low_mask(bits);
    return item;
}

/* Whether `first` continues the open item, as far as the address goes. */
PTW_ENGINE bool ptw_continues(const struct ptw_sink *out,
                              enum ptw_item_kind kind, uint64_t first)
{
    return out->open != NULL && out->open->kind == kind &&
           out->open->last.v + 1 == first;
}

/* above: what the entries above the leaf grant. */
PTW_ENGINE void ptw_put_leaf(const struct ptw_walk *w, struct ptw_item *item,
                             unsigned level, uint64_t first, unsigned shift,
                             uint64_t raw, unsigned above,
                             const struct ptw_entry *e)
{
    struct ptw_mapping *m =
        &ptw_span(w, item, PTW_ITEM_MAPPING, first, shift)->u.mapping;

    m->pa = e->pa;
    m->raw = raw;
    m->rights = e->rights;
    m->level = (uint8_t)level;
    m->size_log2 = (uint8_t)shift;
    m->above = (uint8_t)above;
}

/* Whether a leaf behind the last one of a run belongs to it: the run's first
 * leaf is *m and maps `first`; the leaf maps at `next` what n says.  alone: they
 * have to be alike in what they grant by themselves, too. */
PTW_ENGINE bool ptw_is_run(const struct ptw_format *a,
                           const struct ptw_regime *r,
                           const struct ptw_mapping *m, uint64_t first,
                           const struct ptw_mapping *n, uint64_t next,
                           bool alone)
{
    return m->level == n->level && m->rights == n->rights &&
           m->pa.v + (next - first) == n->pa.v &&
           a->leaf_class(r, m->above, m->raw, m->level) ==
               a->leaf_class(r, n->above, n->raw, n->level) &&
           (!alone || a->decode(r, m->raw, m->level, 0).rights ==
                          a->decode(r, n->raw, n->level, 0).rights);
}

PTW_ENGINE void ptw_emit_leaf(const struct ptw_format *a, struct ptw_walk *w,
                              struct ptw_sink *out, bool runs, unsigned level,
                              uint64_t first, uint64_t raw,
                              const struct ptw_entry *e)
{
    unsigned shift = a->level[level].shift;
    unsigned above = w->c.at[level].rights;

    if (runs && ptw_continues(out, PTW_ITEM_MAPPING, first)) {
        const struct ptw_mapping leaf = {
            .pa = e->pa,
            .raw = raw,
            .rights = e->rights,
            .level = (uint8_t)level,
            .above = (uint8_t)above,
        };

        if (ptw_is_run(a, w->c.regime, &out->open->u.mapping,
                       out->open->first.v, &leaf, first, w->c.list)) {
            out->open->last.v = first + ptw_low_mask(shift);
            return;
        }
    }
    ptw_close(w, out);
    ptw_put_leaf(w, runs ? ptw_open(w, out) : ptw_emit(w, out), level, first,
                 shift, raw, above, e);
}

/* bytes_less_1 is of all entries that are given at once. */
PTW_ENGINE void ptw_emit_absent(struct ptw_walk *w, struct ptw_sink *out,
                                unsigned level, uint64_t first, uint64_t raw,
                                uint64_t bytes_less_1)
{
    if ((w->flags & PTW_WALK_HOLES) == 0) {
        return;
    }
    if (!ptw_continues(out, PTW_ITEM_HOLE, first) ||
        out->open->u.hole.level != level) {
        struct ptw_hole *hole;

        ptw_close(w, out);
        hole = &ptw_span(w, ptw_open(w, out), PTW_ITEM_HOLE, first, 0)->u.hole;
        hole->raw = raw;
        hole->level = (uint8_t)level;
        hole->canonical = true;
    }
    out->open->last.v = first + bytes_less_1;
}

PTW_ENGINE struct ptw_finding *ptw_put_finding(const struct ptw_walk *w,
                                               struct ptw_item *item,
                                               enum ptw_finding_kind kind,
                                               unsigned level, uint64_t first,
                                               unsigned bits)
{
    struct ptw_finding *f =
        &ptw_span(w, item, PTW_ITEM_FINDING, first, bits)->u.finding;

    f->kind = kind;
    f->table.v = w->c.at[level].table;
    f->raw = 0;
    f->tables = 1;
    f->level = (uint8_t)level;
    f->why = 0;
    f->rights = w->c.at[level].rights;
    return f;
}

/* Entries of one table that are refused one after the other are one finding;
 * an index of 0 begins another visit, perhaps under other rights. */
PTW_ENGINE void ptw_emit_refused(struct ptw_walk *w, struct ptw_sink *out,
                                 unsigned level, uint64_t first, unsigned bits)
{
    if (!ptw_continues(out, PTW_ITEM_FINDING, first) ||
        w->c.at[level].index == 0 || out->open->u.finding.level != level ||
        out->open->u.finding.table.v != w->c.at[level].table) {
        ptw_close(w, out);
        ptw_put_finding(w, ptw_open(w, out), PTW_FINDING_REFUSED, level, first,
                        bits);
    }
    out->open->last.v = first + ptw_low_mask(bits);
}

/* The entry that is next was refused.  Those behind it that lie before the next
 * region are refused too, without an access; each counts as a read.  The path
 * comes to stand at the last of them.  They end where the upper half begins. */
PTW_ENGINE void ptw_pass_refused(const struct ptw_format *a, struct ptw_walk *w,
                                 struct ptw_sink *out, unsigned level)
{
    struct ptw_path_table *t = &w->c.at[level];
    unsigned half = 1u << (ptw_index_bits(a, w->c.regime, level) - 1);
    unsigned next = t->index + 1u;
    unsigned most = t->last + 1u - next;

    if (next <= half && next + most > half) {
        most = half - next;
    }
    if (most > w->c.reads_left) {
        most = (unsigned)w->c.reads_left;
    }
    if (most == 0) {
        return;
    }
    most = ptw_unreadable(w->c.mem, ptw_entry_at(a, t->table, next),
                          1u << a->entry_log2, most);
    w->c.reads_left -= most;
    t->index = (uint16_t)(t->index + most);
    out->open->last.v += (uint64_t)most << a->level[level].shift;
}

/* The table just entered. */
PTW_ENGINE void ptw_emit_table(const struct ptw_format *a, struct ptw_walk *w,
                               struct ptw_sink *out, uint64_t first,
                               unsigned bits)
{
    unsigned level = (unsigned)w->c.level;
    struct ptw_table *table =
        &ptw_span(w, ptw_emit(w, out), PTW_ITEM_TABLE, first, bits)->u.table;

    table->table.v = w->c.at[level].table;
    table->attributes =
        ptw_attribute_bits(a, w->c.regime, level + 1, w->c.at[level + 1].raw);
    table->rights = w->c.at[level].rights;
    table->number = w->c.number;
    table->level = (uint8_t)level;
}

/* What there is to say of the table just entered.  Where its contents follow
 * directly, they follow what is said of it. */
PTW_ENGINE void ptw_emit_remarks(const struct ptw_format *a, struct ptw_walk *w,
                                 struct ptw_sink *out)
{
    unsigned level = (unsigned)w->c.level;
    unsigned bits =
        a->level[level].shift + ptw_index_bits(a, w->c.regime, level);
    uint64_t base = w->c.at[level].base;
    uint64_t first = ptw_va_from(a, w->c.regime, base);
    bool outline = (w->flags & PTW_WALK_OUTLINE) != 0;
    struct ptw_item *item;

    ptw_close(w, out);
    if ((w->c.remarks & PTW_REMARK_TABLE) != 0 && !outline) {
        ptw_emit_table(a, w, out, first, bits);
    }
    for (unsigned remark = PTW_REMARK_SELF; remark <= PTW_REMARK_TWO_LEVELS;
         remark <<= 1) {
        if ((w->c.remarks & remark) == 0) {
            continue;
        }
        item = ptw_emit(w, out);
        ptw_put_finding(w, item,
                        remark == PTW_REMARK_SELF ? PTW_FINDING_SELF
                                                  : PTW_FINDING_TWO_LEVELS,
                        level, first, bits);
        /* A root covers both halves, and its last address is canonical. */
        item->last.v = ptw_va_from(a, w->c.regime, base + ptw_low_mask(bits));
    }
    if ((w->c.remarks & PTW_REMARK_TABLE) != 0 && outline) {
        ptw_emit_table(a, w, out, first, bits);
    }
}

PTW_ENGINE void ptw_emit_alias(const struct ptw_format *a, struct ptw_walk *w,
                               struct ptw_sink *out, uint64_t first,
                               unsigned bits, uint64_t raw,
                               const struct ptw_entry *e)
{
    struct ptw_item *item;
    struct ptw_alias_ref ref;

    ptw_close(w, out);
    item = ptw_span(w, ptw_emit(w, out), PTW_ITEM_ALIAS, first, bits);
    ref.our_va = item->first;
    ref.their_va.v = w->c.seen_va;
    ref.table = e->pa;
    ref.attributes =
        ptw_attribute_bits(a, w->c.regime, (unsigned)w->c.level, raw);
    ref.owner = w->c.seen_by;
    ref.number = w->c.number;
    ref.rights = e->rights;
    a->alias_put(&item->u.alias, &ref, (unsigned)w->c.level - 1);
}

/* ptw_emit_verdict turns a verdict into items and steps to the next entry.
 * Returns false when the verdict stops the walk for now. */
PTW_ENGINE bool ptw_emit_verdict(const struct ptw_format *a, struct ptw_walk *w,
                                 struct ptw_sink *out, enum ptw_verdict v,
                                 const struct ptw_entry *e)
{
    unsigned level = (unsigned)w->c.level;
    struct ptw_path_table *t = &w->c.at[level];
    unsigned shift = a->level[level].shift;
    uint64_t first =
        ptw_va_from(a, w->c.regime, ptw_entry_offset(a, t, level, t->index));
    bool runs = (w->flags & PTW_WALK_RUNS) != 0;
    struct ptw_finding *f;

    switch (v) {
    case PTW_V_FULL:
        w->full = true;
        return false;
    case PTW_V_LIMIT:
        return false;
    case PTW_V_ENTERED:
        return true;
    case PTW_V_REMARK:
        ptw_emit_remarks(a, w, out);
        if ((w->flags & PTW_WALK_OUTLINE) != 0 && w->c.level == 0) {
            ptw_ascend(&w->c);
        }
        return true;
    case PTW_V_LEAF:
        ptw_emit_leaf(a, w, out, runs, level, first, t->raw, e);
        break;
    case PTW_V_ABSENT:
        ptw_emit_absent(w, out, level, first, t->raw, ptw_low_mask(shift));
        break;
    case PTW_V_BAD:
        ptw_close(w, out);
        f = ptw_put_finding(w, ptw_emit(w, out), PTW_FINDING_BAD_ENTRY, level,
                            first, shift);
        f->raw = t->raw;
        f->why = (uint8_t)w->c.regime->arch
                     ->bad(w->c.regime, level, t->index, t->raw)
                     .why;
        break;
    case PTW_V_REFUSED:
        ptw_emit_refused(w, out, level, first, shift);
        ptw_pass_refused(a, w, out, level);
        break;
    case PTW_V_NO_TABLE:
        ptw_close(w, out);
        ptw_put_finding(w, ptw_emit(w, out), PTW_FINDING_REFUSED, level - 1,
                        first, shift);
        break;
    case PTW_V_ALIAS:
        ptw_emit_alias(a, w, out, first, shift, t->raw, e);
        break;
    case PTW_V_SELF:
        ptw_close(w, out);
        f = ptw_put_finding(w, ptw_emit(w, out), PTW_FINDING_SELF, level, first,
                            shift);
        f->level = (uint8_t)(level - 1);
        f->raw = t->raw;
        f->rights = e->rights;
        break;
    case PTW_V_PRUNED:
        break;
    }
    t->index++;
    return true;
}

#endif
