/* SPDX-License-Identifier: Apache-2.0 */
/* Iteration: what turns the verdicts of the descent into items.
 *
 * One loop serves virt_to_phys and walk_va_spaces.  For each space it enters
 * the root, and then: descend, settle the verdict, step to the next entry.  An
 * item that may still grow (a run, a hole) is kept open; whatever does not
 * continue it closes it.  One verdict gives up to three items, and the caller
 * may have room for one, so there is a short queue behind.
 *
 * Tables of leaves are swept a line of entries at a time, since they are nearly
 * all of the work: each entry is still loaded once and judged by the same
 * rules, but a line that only continues the open run, or has nothing present,
 * is settled as a whole. */
#ifndef PTW_ITERATE_H
#define PTW_ITERATE_H

#include "descend.h"

enum ptw_phase {
    PTW_PHASE_BEGIN, /* a space is about to begin */
    PTW_PHASE_WALK,
    PTW_PHASE_END, /* a space is about to end */
    PTW_PHASE_DONE,
};

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

PTW_ENGINE void ptw_settle_leaf(const struct ptw_format *a, struct ptw_walk *w,
                                struct ptw_sink *out, bool runs, unsigned level,
                                uint64_t first, uint64_t raw,
                                const struct ptw_entry *e)
{
    unsigned shift = a->level[level].shift;
    unsigned above = w->c.at[level].rights;

    if (runs && ptw_continues(out, PTW_ITEM_MAPPING, first)) {
        const struct ptw_mapping *m = &out->open->u.mapping;

        if (m->level == level && m->rights == e->rights &&
            m->pa.v + (first - out->open->first.v) == e->pa.v &&
            a->leaf_class(w->c.regime, m->above, m->raw, level) ==
                a->leaf_class(w->c.regime, above, raw, level) &&
            (!w->c.list || a->decode(w->c.regime, m->raw, level, 0).rights ==
                               a->decode(w->c.regime, raw, level, 0).rights)) {
            out->open->last.v = first + ptw_low_mask(shift);
            return;
        }
    }
    ptw_close(w, out);
    ptw_put_leaf(w, runs ? ptw_open(w, out) : ptw_emit(w, out), level, first,
                 shift, raw, above, e);
}

/* bytes_less_1 is of all entries that are settled at once. */
PTW_ENGINE void ptw_settle_absent(struct ptw_walk *w, struct ptw_sink *out,
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
PTW_ENGINE void ptw_settle_refused(struct ptw_walk *w, struct ptw_sink *out,
                                   unsigned level, uint64_t first,
                                   unsigned bits)
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
    unsigned half = 1u << (a->level[level].bits - 1);
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
    most =
        ptw_unreadable(w->c.mem, t->table + ((uint64_t)next << a->entry_log2),
                       1u << a->entry_log2, most);
    w->c.reads_left -= most;
    t->index = (uint16_t)(t->index + most);
    out->open->last.v += (uint64_t)most << a->level[level].shift;
}

/* What there is to say of the table just entered. */
PTW_ENGINE void ptw_settle_remarks(const struct ptw_format *a,
                                   struct ptw_walk *w, struct ptw_sink *out)
{
    unsigned level = (unsigned)w->c.level;
    unsigned bits = a->level[level].shift + a->level[level].bits;
    uint64_t base = w->c.at[level].base;
    uint64_t first = ptw_va_from(a, base);
    struct ptw_item *item;

    ptw_close(w, out);
    if ((w->c.remarks & PTW_REMARK_TABLE) != 0) {
        struct ptw_table *table =
            &ptw_span(w, ptw_emit(w, out), PTW_ITEM_TABLE, first, bits)
                 ->u.table;

        table->table.v = w->c.at[level].table;
        table->attributes = ptw_attribute_bits(a, w->c.regime, level + 1,
                                               w->c.at[level + 1].raw);
        table->rights = w->c.at[level].rights;
        table->number = w->c.number;
        table->level = (uint8_t)level;
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
        item->last.v = ptw_va_from(a, base + ptw_low_mask(bits));
    }
}

PTW_ENGINE void ptw_settle_alias(const struct ptw_format *a, struct ptw_walk *w,
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

/* ptw_settle turns a verdict into items and steps to the next entry.  Returns
 * false when the verdict stops the walk for now. */
PTW_ENGINE bool ptw_settle(const struct ptw_format *a, struct ptw_walk *w,
                           struct ptw_sink *out, enum ptw_verdict v,
                           const struct ptw_entry *e)
{
    unsigned level = (unsigned)w->c.level;
    struct ptw_path_table *t = &w->c.at[level];
    unsigned shift = a->level[level].shift;
    uint64_t first = ptw_va_from(a, t->base + ((uint64_t)t->index << shift));
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
        ptw_settle_remarks(a, w, out);
        return true;
    case PTW_V_LEAF:
        ptw_settle_leaf(a, w, out, runs, level, first, t->raw, e);
        break;
    case PTW_V_ABSENT:
        ptw_settle_absent(w, out, level, first, t->raw, ptw_low_mask(shift));
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
        ptw_settle_refused(w, out, level, first, shift);
        ptw_pass_refused(a, w, out, level);
        break;
    case PTW_V_NO_TABLE:
        ptw_close(w, out);
        ptw_put_finding(w, ptw_emit(w, out), PTW_FINDING_REFUSED, level - 1,
                        first, shift);
        break;
    case PTW_V_ALIAS:
        ptw_settle_alias(a, w, out, first, shift, t->raw, e);
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

/* ptw_look_ahead finds the table of leaves that will be read after t, so that
 * the sweep of t can fetch it into the cache: only a hint, out of entries that
 * were fetched anyway. */
PTW_ENGINE void ptw_look_ahead(const struct ptw_format *a, struct ptw_walk *w,
                               const struct ptw_path_table *t)
{
    const struct ptw_path_table *up = t + 1;

    if (w->ahead_of == t->table && w->ahead != NULL) {
        return;
    }
    w->ahead_of = t->table;
    w->ahead = NULL;
    if (a->levels < 2 || w->c.top == 0) {
        return;
    }
    for (unsigned i = up->index + 1u; i < up->fetched; i++) {
        struct ptw_entry e =
            a->decode(w->c.regime, w->window[1][i % PTW_MAX_WINDOW], 1, i);

        if (e.kind == PTW_ENTRY_TABLE) {
            const struct ptw_region *r =
                ptw_find_range(w->c.mem, e.pa.v, ptw_table_bytes(a, 0));

            if (r != NULL && r->host != NULL) {
                w->ahead = ptw_host(r, e.pa.v);
            }
            return;
        }
    }
}

/* Loads a line of entries, each once; returns all their bits together. */
PTW_ENGINE uint64_t ptw_load_line(const struct ptw_format *a,
                                  const unsigned char *from,
                                  uint64_t line[PTW_LINE])
{
    uint64_t any = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        line[i] = ptw_load_entry(a, from, i);
        any |= line[i];
    }
    return any;
}

/* What the next leaf of a table has to be to continue the open run: its entry,
 * but for bits that need not be alike, and its address, which must not carry
 * into bits that are not the address's: `last` is the last one before that. */
struct ptw_expected {
    bool any;
    uint64_t raw;
    uint64_t pa;
    uint64_t last;
};

/* Expects the leaf that follows raw, which maps pa, `pages` leaves further on.
 * Nothing is expected where an entry is no sum of the one before and a step. */
PTW_ENGINE void ptw_expect_after(const struct ptw_format *a,
                                 const struct ptw_regime *r,
                                 struct ptw_expected *x, uint64_t raw,
                                 uint64_t pa, uint64_t pages)
{
    const struct ptw_level *l = &a->level[0];

    x->any = (raw & a->irregular) == 0;
    x->raw = raw + pages * l->step;
    x->pa = pa + (pages << l->shift);
    x->last = ptw_run_last(r, pa);
}

PTW_ENGINE struct ptw_expected ptw_expect(const struct ptw_format *a,
                                          const struct ptw_regime *r,
                                          const struct ptw_sink *out,
                                          unsigned path_rights, uint64_t first)
{
    struct ptw_expected x = {false, 0, 0, 0};
    const struct ptw_mapping *m;

    if (!ptw_continues(out, PTW_ITEM_MAPPING, first)) {
        return x;
    }
    m = &out->open->u.mapping;
    if (m->level == 0 &&
        m->rights == (path_rights & a->decode(r, m->raw, 0, 0).rights) &&
        a->leaf_class(r, m->above, m->raw, 0) ==
            a->leaf_class(r, path_rights, m->raw, 0)) {
        ptw_expect_after(a, r, &x, m->raw, m->pa.v,
                         (first - out->open->first.v) >> a->level[0].shift);
    }
    return x;
}

/* Whether a line is just that, eight times. */
PTW_ENGINE bool ptw_expected_line(const struct ptw_expected *x, uint64_t step,
                                  uint64_t alike, const uint64_t line[PTW_LINE])
{
    uint64_t differ = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        differ |= line[i] ^ (x->raw + i * step);
    }
    return (differ & alike) == 0;
}

PTW_ENGINE void ptw_grow(const struct ptw_format *a, struct ptw_sink *out,
                         struct ptw_expected *x, unsigned leaves)
{
    uint64_t bytes = (uint64_t)leaves << a->level[0].shift;

    out->open->last.v += bytes;
    x->raw += leaves * a->level[0].step;
    x->pa += bytes;
}

/* ptw_sweep settles as much of a table of leaves as there is room for.  It
 * stops where anything but a leaf or an absent entry has to be settled, or
 * where the line is not whole, and the descent goes on from there. */
PTW_ENGINE void ptw_sweep(const struct ptw_format *a, struct ptw_walk *w,
                          struct ptw_sink *out, bool runs)
{
    const struct ptw_regime *r = w->c.regime;
    struct ptw_path_table *t = &w->c.at[0];
    const uint64_t step = (uint64_t)1 << a->level[0].shift;
    const uint64_t alike = r->rule[0].alike;
    uint64_t base = ptw_va_from(a, t->base);
    uint64_t *window = w->window[0];
    unsigned index = t->index;
    unsigned last = t->last;
    unsigned fetched = t->fetched;
    struct ptw_expected x = {false, 0, 0, 0};

    ptw_look_ahead(a, w, t);
    if (runs) {
        x = ptw_expect(a, r, out, t->rights, base + index * step);
    }
    while (index <= last && out->count < out->room) {
        struct ptw_entry e;
        uint64_t first;
        uint64_t raw;

        if (index >= fetched) {
            const unsigned char *from = (const unsigned char *)t->host +
                                        ((size_t)index << a->entry_log2);
            /* A line does not wrap in the window. */
            uint64_t *slot = &window[index % PTW_MAX_WINDOW];
            uint64_t any;

            if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > last ||
                w->c.reads_left < PTW_LINE) {
                break;
            }
            if (w->ahead != NULL) {
                __builtin_prefetch((const unsigned char *)w->ahead +
                                   ((size_t)index << a->entry_log2));
            }
            w->c.reads_left -= PTW_LINE;
            fetched = index + PTW_LINE;
            if (runs && x.any) {
                uint64_t line[PTW_LINE];

                any = ptw_load_line(a, from, line);
                if (ptw_expected_line(&x, a->level[0].step, alike, line) &&
                    x.pa + (PTW_LINE - 1) * step <= x.last) {
                    ptw_grow(a, out, &x, PTW_LINE);
                    index += PTW_LINE;
                    continue;
                }
                memcpy(slot, line, sizeof line);
            } else {
                any = ptw_load_line(a, from, slot);
            }
            if ((any & a->present) == 0) {
                ptw_settle_absent(w, out, 0, base + index * step, slot[0],
                                  PTW_LINE * step - 1);
                x.any = false;
                index += PTW_LINE;
                continue;
            }
        }
        raw = window[index % PTW_MAX_WINDOW];
        if (runs && x.any && ((raw ^ x.raw) & alike) == 0 && x.pa <= x.last) {
            ptw_grow(a, out, &x, 1);
            index++;
            continue;
        }
        e = a->decode(r, raw, 0, index);
        e.rights &= t->rights;
        first = base + index * step;
        if (e.kind == PTW_ENTRY_LEAF) {
            if ((e.rights & w->c.need_leaf) != w->c.need_leaf) {
                break;
            }
            if (!runs && out->open == NULL) {
                ptw_put_leaf(w, &out->item[out->count++], 0, first,
                             a->level[0].shift, raw, t->rights, &e);
            } else {
                ptw_settle_leaf(a, w, out, runs, 0, first, raw, &e);
            }
            if (runs) {
                ptw_expect_after(a, r, &x, raw, e.pa.v, 1);
            }
        } else if (e.kind == PTW_ENTRY_ABSENT) {
            ptw_settle_absent(w, out, 0, first, raw, step - 1);
            x.any = false;
        } else {
            break;
        }
        index++;
    }
    t->index = (uint16_t)index;
    t->fetched = (uint16_t)fetched;
}

/* ptw_skip steps over entries of an upper table that are not present: most of
 * them are not. */
PTW_ENGINE void ptw_skip(const struct ptw_format *a, struct ptw_cursor *c,
                         struct ptw_path_table *t, uint64_t *window)
{
    unsigned index = t->index;

    while (index <= t->last) {
        uint64_t *slot = &window[index % PTW_MAX_WINDOW];

        if (index < t->fetched) {
            if ((*slot & a->present) != 0) {
                break;
            }
            index++;
            continue;
        }
        if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > t->last ||
            c->reads_left < PTW_LINE) {
            break;
        }
        c->reads_left -= PTW_LINE;
        t->fetched = (uint16_t)(index + PTW_LINE);
        if ((ptw_load_line(a,
                           (const unsigned char *)t->host +
                               ((size_t)index << a->entry_log2),
                           slot) &
             a->present) == 0) {
            index += PTW_LINE;
        }
    }
    t->index = (uint16_t)index;
}

/* Whether the walk has come to the gap in the middle and not given it yet. */
PTW_ENGINE bool ptw_at_gap(const struct ptw_format *a, const struct ptw_walk *w)
{
    unsigned top = w->c.top;

    return (unsigned)w->c.level == top && !w->gap_given &&
           w->c.at[top].index == 1u << (a->level[top].bits - 1);
}

/* ptw_settle_gap gives the hole that no table can map. */
PTW_ENGINE void ptw_settle_gap(const struct ptw_format *a, struct ptw_walk *w,
                               struct ptw_sink *out)
{
    struct ptw_item *item;
    uint64_t first;
    uint64_t last;

    ptw_close(w, out);
    item = ptw_emit(w, out);
    (void)ptw_gap(a, w->c.regime, &first, &last);
    item->kind = PTW_ITEM_HOLE;
    item->space = w->c.space;
    item->first.v = first;
    item->last.v = last;
    item->u.hole.raw = 0;
    item->u.hole.level = (uint8_t)a->levels;
    item->u.hole.canonical = false;
    w->gap_given = true;
}

/* ptw_begin enters the root of the space that is next.  Returns false when the
 * walk has to stop for now. */
PTW_ENGINE bool ptw_begin(const struct ptw_format *a, struct ptw_walk *w,
                          struct ptw_sink *out)
{
    struct ptw_cursor *c = &w->c;
    enum ptw_status why = PTW_OK;
    enum ptw_verdict v = PTW_V_ENTERED;
    enum ptw_space_kind kind = PTW_SPACE_WALKED;

    c->level = -1;
    c->remarks = 0;
    w->gap_given = false;
    if (PTW_UNLIKELY(c->leave_outs > 0) && !ptw_keep(a, c, 0)) {
        c->first = 1;
        c->last = 0;
    }
    if (w->roots > 0) {
        w->start_table = w->root[c->space].v;
        why = ptw_root_check(c->regime, w->root[c->space]);
        kind = why == PTW_OK ? PTW_SPACE_WALKED : PTW_SPACE_BAD;
    }
    if (a->levels == 0) {
        c->seen_by = 0;
        v = c->space > 0 ? PTW_V_ALIAS : PTW_V_ENTERED;
    } else if (why == PTW_OK && c->first <= c->last) {
        v = ptw_enter(a, c, false, c->top, w->start_table, w->start_rights,
                      w->start_base);
    }
    switch (v) {
    case PTW_V_FULL:
        w->full = true;
        return false;
    case PTW_V_NO_TABLE:
        kind = PTW_SPACE_BAD;
        why = PTW_E_BUS;
        break;
    case PTW_V_ALIAS:
        kind = PTW_SPACE_SAME;
        break;
    case PTW_V_ENTERED:
    case PTW_V_LEAF:
    case PTW_V_ABSENT:
    case PTW_V_BAD:
    case PTW_V_REFUSED:
    case PTW_V_SELF:
    case PTW_V_PRUNED:
    case PTW_V_REMARK:
    case PTW_V_LIMIT:
        break;
    }
    if (w->roots > 0) {
        struct ptw_item *item = ptw_emit(w, out);

        item->kind = PTW_ITEM_SPACE;
        item->space = c->space;
        item->first = w->va_first;
        item->last = w->va_last;
        item->u.space_info.root.v = w->start_table;
        item->u.space_info.kind = kind;
        item->u.space_info.same_as = kind == PTW_SPACE_SAME ? c->seen_by : 0;
        item->u.space_info.number = c->number;
        item->u.space_info.why = why;
    }
    w->phase = PTW_PHASE_END;
    if (kind == PTW_SPACE_WALKED) {
        w->phase = PTW_PHASE_WALK;
        if (c->remarks != 0) {
            ptw_settle_remarks(a, w, out);
        }
        if (w->gap == PTW_GAP_BEFORE) {
            ptw_settle_gap(a, w, out);
        }
        if (a->levels == 0 && c->first <= c->last &&
            (c->regime->rights & c->need_leaf) == c->need_leaf) {
            struct ptw_item *item = ptw_emit(w, out);

            ptw_span(w, item, PTW_ITEM_MAPPING, 0, c->regime->va_bits);

            memset(&item->u.mapping, 0, sizeof item->u.mapping);
            item->u.mapping.rights = (uint8_t)c->regime->rights;
            item->u.mapping.above = (uint8_t)c->regime->rights;
            item->u.mapping.size_log2 = (uint8_t)c->regime->va_bits;
        }
    }
    return true;
}

/* ptw_step does one thing: drain the queue, begin a space, sweep, descend and
 * settle, or end a space.  Returns false when the walk stops for now or ever.
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
        return ptw_begin(a, w, out);
    case PTW_PHASE_DONE:
        return false;
    case PTW_PHASE_END:
        ptw_close(w, out);
        c->level = -1;
        c->space++;
        w->phase = c->space < w->roots ? PTW_PHASE_BEGIN : PTW_PHASE_DONE;
        return true;
    case PTW_PHASE_WALK:
        break;
    }
    if (c->level < 0) {
        w->phase = PTW_PHASE_END;
        if (w->gap == PTW_GAP_AFTER) {
            ptw_settle_gap(a, w, out);
        }
        return true;
    }
    if (w->gap == PTW_GAP_MIDDLE && ptw_at_gap(a, w)) {
        ptw_settle_gap(a, w, out);
        return true;
    }
    t = &c->at[c->level];
    if (t->index > t->last) {
        if (PTW_UNLIKELY(c->leave_outs > 0) && ptw_keep_on(a, c)) {
            return true;
        }
        if ((unsigned)c->level == c->top) {
            c->level = -1;
        } else {
            c->level++;
            c->at[c->level].index++;
        }
        return true;
    }
    if (c->level == 0 && t->host != NULL) {
        if ((w->flags & PTW_WALK_RUNS) != 0) {
            ptw_sweep(a, w, out, true);
        } else {
            ptw_sweep(a, w, out, false);
        }
        if (t->index > t->last || out->count == out->room) {
            return true;
        }
    }
    if (c->level > 0 && t->host != NULL && (w->flags & PTW_WALK_HOLES) == 0) {
        ptw_skip(a, c, t, w->window[c->level]);
        if (t->index > t->last) {
            return true;
        }
    }
    v = ptw_descend(a, c, w->window, &e);
    return ptw_settle(a, w, out, v, &e);
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
    while (w->queue_next < w->queued && out.count < out.room) {
        item[out.count++] = w->queue[w->queue_next++];
    }
    if (w->queue_next == w->queued) {
        w->queue_next = 0;
        w->queued = 0;
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
