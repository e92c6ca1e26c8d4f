/* SPDX-License-Identifier: Apache-2.0 */
/* This file splits large leaves.  A large leaf stays as it is, or becomes
 * smaller leaves where only parts of it are kept, one after the other. */
#include "split.h"

#include "blocks.h"
#include "marked.h"
#include "place.h"
#include "runs.h"

/* The new leaves that stand for parts of a large one.  The tables that hold
 * them are noted by level: where their span starts + 1, or 0. */
struct split_leaf {
    uint64_t at;  /* offset that comes next */
    uint64_t end; /* of the stretch that it is in, which is kept and whole: the
                     first offset behind it */
    uint64_t open[PTW_MAX_LEVELS];
};

/* The first stretch of [first, last] that is to be kept, if there is one. */
static bool kept_from(const struct ptw_rebuild *rb, uint64_t first,
                      uint64_t last, struct ptw_va_range *kept)
{
    struct ptw_va_range whole = {rb->o.first, rb->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_kept_from(whole, rb->o.leave_out, rb->o.leave_outs, part, kept);
}

/* --------------------------------------------------------------- new leaves */

/* Finds the next stretch of the leaf, from ps->at on, that is kept and that
 * memory has whole. */
static bool next_stretch(struct ptw_rebuild *rb, const struct ptw_item *item,
                         struct split_leaf *ps)
{
    uint64_t pa = item->u.mapping.pa.v;
    uint64_t last = ptw_low_mask(item->u.mapping.size_log2);
    uint64_t from;
    uint64_t to;

    while (ps->at <= last && ptw_runs_whole(&rb->state.runs, pa + ps->at,
                                            pa + last, &from, &to)) {
        struct ptw_va_range kept;

        rb->work++;
        from -= pa;
        to -= pa;
        if (!kept_from(rb, item->first.v + from, item->last.v, &kept)) {
            break;
        }
        ps->at = kept.first.v - item->first.v;
        ps->end = kept.last.v - item->first.v + 1;
        if (ps->at <= to) {
            ps->end = ps->end <= to ? ps->end : to + 1;
            return true;
        }
    }
    return false;
}

/* The highest level of which a new leaf may start at ps->at. */
static unsigned level_at(const struct ptw_rebuild *rb, unsigned level,
                         const struct split_leaf *ps)
{
    const struct ptw_format *a = rb->state.regime->arch->format;

    if ((rb->o.flags & PTW_REBUILD_SPLIT) != 0) {
        return 0;
    }
    for (; level > 0; level--) {
        uint64_t size = ptw_low_mask(a->level[level].shift);

        if (rb->state.regime->rule[level].leaf && (ps->at & size) == 0 &&
            ps->end - ps->at > size) {
            break;
        }
    }
    return level;
}

/* How many bytes from the page at pa on, which could not be read, could not be
 * read either, in its block. */
static uint64_t gone_from(struct ptw_rebuild *rb, uint64_t pa)
{
    const struct ptw_block *b = ptw_rb_block_at(rb, pa);
    uint64_t read = ~b->gone >> (pa >> rb->state.page_log2 & 63);

    return read == 0 ? (((pa >> ptw_rb_block_log2(rb)) + 1)
                        << ptw_rb_block_log2(rb)) -
                           pa
                     : (uint64_t)__builtin_ctzll(read) << rb->state.page_log2;
}

/* Writes the next new leaf of a large one; false at its end.  What is left out,
 * and what memory does not have, is passed over. */
static bool next_new_leaf(struct ptw_rebuild *rb, const struct ptw_item *item,
                          struct split_leaf *ps, struct new_leaf *p)
{
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_format *a = rb->state.regime->arch->format;
    enum ptw_cover read = PTW_COVER_ALL;

    if (ps->at >= ps->end && !next_stretch(rb, item, ps)) {
        return false;
    }
    rb->work++;
    p->at = ps->at;
    p->pa = m->pa.v + ps->at;
    p->level = level_at(rb, m->level, ps);
    for (;;) {
        if (rb->state.phase >= PTW_REBUILD_COPIED &&
            (p->level == 0 || rb->state.recount)) {
            read = ptw_rb_was_read(rb, p->pa, a->level[p->level].shift);
        }
        if (read != PTW_COVER_SOME) {
            break;
        }
        p->level--;
    }
    p->kept = read == PTW_COVER_ALL;
    p->bytes = (uint64_t)1 << a->level[p->level].shift;
    if (!p->kept && p->level == 0) {
        uint64_t gone = gone_from(rb, p->pa);
        uint64_t most = ps->end - ps->at;

        p->bytes = gone < most ? gone : most;
    }
    ps->at += p->bytes;
    return true;
}

/* --------------------------------------------------------------- new leaves */

uint64_t ptw_rb_leaf_bits(const struct ptw_rebuild *rb, unsigned level,
                          unsigned to, uint64_t raw)
{
    const struct ptw_regime *r = rb->state.regime;
    const struct ptw_format *a = r->arch->format;
    bool clear = (rb->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0 &&
                 ptw_is_copy_on_write(r, level, raw);

    raw = ptw_alone(a, ptw_attribute_bits(a, r, level, raw));
    for (; level > to; level--) {
        raw = a->leaf_split(r, level, raw);
    }
    return clear ? ptw_unmarked(a, raw) : raw;
}

/* The entry of a new leaf, without its address. */
static uint64_t new_leaf_bits(struct ptw_rebuild *rb,
                              const struct ptw_item *item,
                              const struct new_leaf *p)
{
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_format *a = rb->state.regime->arch->format;
    unsigned bits = a->level[p->level].shift;
    uint64_t raw = ptw_rb_leaf_bits(rb, m->level, p->level, m->raw);
    bool shared_too = (rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0;

    rb->counts.marked_before +=
        ptw_is_copy_on_write(rb->state.regime, m->level, m->raw);
    if ((rb->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
        ptw_rb_writes(rb, m->level, m->raw) == PTW_WRITES &&
        (shared_too || !ptw_rb_is_shared(rb, p->pa, bits))) {
        raw = a->leaf_copy_on_write(rb->state.regime, raw);
        rb->counts.copy_on_write++;
        /* Of pages that have several leaves each counts once, at the end. */
        rb->counts.copy_on_write_pages +=
            shared_too ? 0 : (uint64_t)1 << (bits - rb->state.page_log2);
    }
    return raw;
}

/* Opens the tables in which a new leaf of a leaf that was split stands. */
static enum ptw_status open_tables(struct ptw_rebuild *rb,
                                   const struct ptw_item *item,
                                   struct split_leaf *ps,
                                   const struct new_leaf *p)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    enum ptw_status st = PTW_OK;

    for (unsigned level = item->u.mapping.level;
         st == PTW_OK && level > p->level; level--) {
        unsigned below = level - 1;
        uint64_t start = p->at >> a->level[level].shift;

        if (ps->open[below] == start + 1) {
            continue;
        }
        ps->open[below] = start + 1;
        rb->counts.tables++;
        if (rb->state.phase != PTW_REBUILD_BUILDING) {
            rb->state.extra++;
            continue;
        }
        st = ptw_rb_take_extra(rb, &rb->state.at[below]);
        if (st == PTW_OK) {
            ptw_rb_stand_in(rb, below, rb->state.at[below]);
            st = ptw_rb_put_at(
                rb, level, item->first.v + p->at,
                ptw_table_entry(a, rb->state.regime, level,
                                a->table_bits(rb->state.regime, level,
                                              rb->state.regime->rights) |
                                    rb->state.path_flags[item->u.mapping.level],
                                rb->state.at[below]));
        }
    }
    return st;
}

enum ptw_status ptw_rb_put_leaf(struct ptw_rebuild *rb,
                                const struct ptw_item *item,
                                const struct new_leaf *p)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    const struct ptw_block *b = ptw_rb_block_at(rb, p->pa);
    uint64_t bits = new_leaf_bits(rb, item, p);
    ptw_pa now;

    /* A large leaf that the plan has not seen would map what lies behind. */
    if (b == NULL || (p->level > 0 && b->unit < a->level[p->level].shift) ||
        ptw_rebuild_page(rb, ptw_pa_of(p->pa), &now) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    if (!ptw_leaf_holds(a, rb->state.regime, p->level, bits, now.v)) {
        return PTW_E_WIDTH;
    }
    return ptw_rb_put_at(
        rb, p->level, item->first.v + p->at,
        ptw_leaf_entry(a, rb->state.regime, p->level, bits, now.v));
}

/* Counts a new leaf of a large one, before it is built. */
static enum ptw_status count_new_leaf(struct ptw_rebuild *rb)
{
    if (rb->state.phase == PTW_REBUILD_BUILDING) {
        return PTW_OK;
    }
    rb->state.split_reads++;
    return ptw_rb_reads_too_much(rb) ? PTW_E_LIMIT : ptw_rb_count_bytes(rb);
}

/* ------------------------------------------------------------- large leaves */

/* Counts what of a large leaf is kept, and memory, which has n of its pages,
 * does not have. */
static void count_outside(struct ptw_rebuild *rb, const struct ptw_item *item,
                          struct ptw_run_count n)
{
    struct ptw_va_range kept = {{0}, {0}};
    uint64_t at = item->first.v;
    uint64_t pa = item->u.mapping.pa.v;

    while (kept_from(rb, at, item->last.v, &kept)) {
        uint64_t first = kept.first.v - item->first.v;
        uint64_t last = kept.last.v - item->first.v;
        bool all = first == 0 && kept.last.v == item->last.v;

        if (!all) {
            n = ptw_runs_count(&rb->state.runs, pa + first, pa + last);
        }
        rb->work++;
        rb->counts.dropped[PTW_DROP_OUTSIDE] +=
            ((last - first) >> rb->state.page_log2) + 1 - n.touched;
        rb->counts.dropped[PTW_DROP_PARTIAL] += n.touched - n.whole;
        if (kept.last.v == item->last.v) {
            break;
        }
        at = kept.last.v + 1;
    }
}

/* Goes through the new leaves of a large one. */
static enum ptw_status cut_up(struct ptw_rebuild *rb,
                              const struct ptw_item *item,
                              struct ptw_run_count n)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    const struct ptw_mapping *m = &item->u.mapping;
    enum ptw_writes how = ptw_rb_writes(rb, m->level, m->raw);
    uint64_t flags = ptw_rb_flags_of(rb, m->level, m->raw);
    struct split_leaf ps = {0};
    struct new_leaf p;

    count_outside(rb, item, n);
    while (next_new_leaf(rb, item, &ps, &p)) {
        unsigned bits = a->level[p.level].shift;
        enum ptw_status st;

        if (!p.kept) {
            rb->counts.dropped[PTW_DROP_UNREADABLE] +=
                p.bytes >> rb->state.page_log2;
            continue;
        }
        rb->counts.leaves++;
        rb->counts.large += p.level > 0;
        st = open_tables(rb, item, &ps, &p);
        if (st == PTW_OK) {
            st = count_new_leaf(rb);
        }
        if (st != PTW_OK) {
            return st;
        }
        if (rb->state.phase == PTW_REBUILD_BUILDING) {
            st = ptw_rb_put_leaf(rb, item, &p);
        } else if (rb->state.phase != PTW_REBUILD_WALKING) {
            continue;
        } else if (p.level == 0) {
            (void)ptw_rb_keep(rb, p.pa, ptw_page_bit(rb->state.page_log2, p.pa),
                              0, flags, how);
        } else {
            ptw_rb_keep_unit(rb, p.pa, bits, flags, how);
        }
        if (st != PTW_OK) {
            return st;
        }
    }
    return PTW_OK;
}

/* Room for the pages that a large leaf keeps at most, and for its record. */
static enum ptw_status room_for(struct ptw_rebuild *rb, uint64_t pages,
                                unsigned size_log2)
{
    uint64_t blocks = ((ptw_low_mask(size_log2)) >> ptw_rb_block_log2(rb)) + 1;

    blocks = pages < blocks ? pages : blocks;
    if (blocks > 0 && !ptw_hash_room(&rb->state.kept, (size_t)blocks)) {
        return ptw_rb_ask(
            rb, PTW_REBUILD_BLOCKS,
            ptw_hash_wanted(&rb->state.kept, sizeof(struct ptw_block), blocks));
    }
    return ptw_hash_room(&rb->state.large, 1)
               ? PTW_OK
               : ptw_rb_ask(rb, PTW_REBUILD_LARGE,
                            ptw_hash_wanted(&rb->state.large,
                                            sizeof(struct large), 1));
}

/* The record of a large leaf nothing of which is left out, or NULL when there
 * is no room: only after the plan, and then it is gone through each time. */
static struct large *large_at(struct ptw_rebuild *rb,
                              const struct ptw_mapping *m)
{
    uint64_t key = ((m->pa.v >> rb->state.page_log2) + 1) | (uint64_t)m->level
                                                                << LARGE_AT;
    bool fresh;

    rb->work++;
    return ptw_hash_room(&rb->state.large, 1)
               ? ptw_hash_enter(&rb->state.large, sizeof(struct large), key,
                                &fresh)
               : ptw_hash_find(&rb->state.large, sizeof(struct large), key);
}

/* Goes through a large leaf and notes what became of it. */
static enum ptw_status find_out(struct ptw_rebuild *rb,
                                const struct ptw_item *item,
                                struct ptw_run_count n, struct large *l)
{
    struct ptw_rebuild_counts before = rb->counts;
    enum ptw_status st = cut_up(rb, item, n);

    for (unsigned i = 0; i <= PTW_DROP_UNREADABLE; i++) {
        l->dropped[i] = rb->counts.dropped[i] - before.dropped[i];
    }
    l->leaves = rb->counts.leaves - before.leaves;
    l->large = rb->counts.large - before.large;
    l->tables = rb->counts.tables - before.tables;
    l->phase = (uint16_t)rb->state.phase;
    return st;
}

/* Counts what becomes of a large leaf of which that is known. */
static void count_known(struct ptw_rebuild *rb, const struct large *l)
{
    for (unsigned i = 0; i <= PTW_DROP_UNREADABLE; i++) {
        rb->counts.dropped[i] += l->dropped[i];
    }
    rb->counts.leaves += l->leaves;
    rb->counts.large += l->large;
    rb->counts.tables += l->tables;
    rb->state.extra += l->tables;
}

enum ptw_status ptw_rb_large_leaf(struct ptw_rebuild *rb,
                                  const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t tables = rb->counts.tables;
    struct ptw_run_count n = ptw_runs_count(
        &rb->state.runs, m->pa.v, m->pa.v + ptw_low_mask(m->size_log2));
    enum ptw_writes how = ptw_rb_writes(rb, m->level, m->raw);
    uint64_t flags = ptw_rb_flags_of(rb, m->level, m->raw);
    struct large *l = NULL;
    enum ptw_status st = PTW_OK;

    if (n.whole == 0) {
        count_outside(rb, item, n);
        return PTW_OK;
    }
    if (rb->state.phase == PTW_REBUILD_WALKING) {
        st = room_for(rb, n.whole, m->size_log2);
        if (st != PTW_OK) {
            return st;
        }
    }
    /* One that stays as it is is a unit: see keep_unit. */
    if ((n.whole << rb->state.page_log2 >> m->size_log2 == 0 ||
         rb->state.recount || (rb->o.flags & PTW_REBUILD_SPLIT) != 0) &&
        ptw_rb_kept_of(rb, item->first.v, item->last.v) == PTW_COVER_ALL) {
        l = large_at(rb, m);
    }
    if (l == NULL) {
        st = cut_up(rb, item, n);
    } else if (l->phase != rb->state.phase ||
               (rb->state.phase == PTW_REBUILD_BUILDING && l->leaves > 0) ||
               (rb->state.phase == PTW_REBUILD_WALKING &&
                ptw_rb_unit_leaf(l->old, how, flags != l->flags) != 0)) {
        if (l->old == 0) {
            l->flags = flags;
        }
        l->old |= (uint16_t)ptw_rb_unit_leaf(l->old, how, flags != l->flags);
        st = find_out(rb, item, n, l);
    } else {
        count_known(rb, l);
    }
    rb->counts.split += rb->counts.tables > tables;
    return st;
}
