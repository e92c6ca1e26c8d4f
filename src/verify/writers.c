/* SPDX-License-Identifier: Apache-2.0 */
/* This file counts the leaves of old pages, and those through which the
 * guest writes.  It also finds out which old pages can be read. */
#include "writers.h"

/* Counts one leaf of the old page at pa. */
static void count_page(struct ptw_verify *v, uint64_t pa, bool written)
{
    struct leaves *l =
        ptw_vf_leaves_at(v, (pa >> (v->state.page_log2 + BLOCK)) + 1);
    uint64_t bit = (uint64_t)1 << (pa >> v->state.page_log2 & 63);

    l->twice |= l->once & bit;
    l->once |= bit;
    l->written |= written ? bit : 0;
}

/* Counts one large leaf that is wholly kept, and has pages.  Returns false when
 * that is nothing new to these: they were gone through for two leaves, and for
 * one that writes if this one does. */
static bool count_large(struct leaves *l, bool written)
{
    if (l->twice != 0 && (l->written != 0 || !written)) {
        return false;
    }
    l->twice = l->once;
    l->once = 1;
    l->written |= written;
    return true;
}

/* ----------------------------------------------------------- readable pages */

enum ptw_status ptw_vf_try_to_read(struct ptw_verify *v, uint64_t pa,
                                   struct leaves **block)
{
    struct ptw_verify_side *s = &v->state.side[OLD];
    uint64_t bit = (uint64_t)1 << (pa >> v->state.page_log2 & 63);
    enum ptw_status st = ptw_vf_room(v, PTW_VERIFY_LEAVES);

    if (st != PTW_OK) {
        return st;
    }
    *block = ptw_vf_leaves_at(v, ((pa >> (v->state.page_log2 + BLOCK)) + 1) |
                                     (uint64_t)1 << READS_AT);
    if ((((*block)->once | (*block)->twice) & bit) == 0) {
        if (ptw_runs_page(&s->runs, pa) == PTW_COVER_ALL &&
            ptw_page_bytes(s->mem, pa, ptw_vf_page_bytes(v), s->page) != NULL) {
            (*block)->once |= bit;
        } else {
            (*block)->twice |= bit;
        }
    }
    return PTW_OK;
}

uint64_t ptw_vf_no_page_from(struct ptw_verify *v, const struct ptw_item *o,
                             uint64_t from, uint64_t to, uint64_t *dropped)
{
    struct ptw_va_range whole = {v->o.first, v->o.last};
    struct ptw_va_range part = {{o->first.v + from}, {o->first.v + (to - 1)}};
    struct ptw_va_range kept;
    uint64_t pa = o->u.mapping.pa.v + from;
    uint64_t first;
    uint64_t last;
    uint64_t bytes;

    v->work++;
    *dropped = 0;
    if (!ptw_kept_from(whole, v->o.leave_out, v->o.leave_outs, part, &kept)) {
        return to - from;
    }
    if (kept.first.v > part.first.v) {
        return kept.first.v - part.first.v;
    }
    bytes = kept.last.v - kept.first.v + 1;
    if (ptw_runs_whole(&v->state.side[OLD].runs, pa, pa + (bytes - 1), &first,
                       &last)) {
        bytes = first - pa;
    }
    *dropped = bytes >> v->state.page_log2;
    return bytes;
}

enum ptw_status ptw_vf_all_readable(struct ptw_verify *v, uint64_t pa,
                                    unsigned bits, bool *all)
{
    uint64_t key = ptw_vf_large_key(v, pa, bits) | (uint64_t)1 << STAYS_AT;
    uint64_t rest =
        ((uint64_t)1 << (v->state.page_log2 + BLOCK)) - 1; /* of a block */
    uint64_t size = (uint64_t)1 << bits;
    struct leaves *block = ptw_hash_find(&v->state.leaves, sizeof *block, key);
    enum ptw_status st = PTW_OK;
    uint64_t at = 0;

    if (bits == v->state.page_log2) {
        st = ptw_vf_try_to_read(v, pa, &block);
        *all = st == PTW_OK &&
               (block->twice >> (pa >> v->state.page_log2 & 63) & 1) == 0;
        return st;
    }
    if (block != NULL) {
        *all = block->once != 0;
        return PTW_OK;
    }
    while (at < size) {
        st = ptw_vf_try_to_read(v, pa + at, &block);
        if (st != PTW_OK) {
            return st;
        }
        if ((block->twice >> ((pa + at) >> v->state.page_log2 & 63) & 1) != 0) {
            break;
        }
        at = block->once == UINT64_MAX ? (at | rest) + 1
                                       : at + ptw_vf_page_bytes(v);
    }
    *all = at >= size;
    st = ptw_vf_room(v, PTW_VERIFY_LEAVES);
    if (st == PTW_OK) {
        block = ptw_vf_leaves_at(v, key);
        block->once = *all;
        block->twice = !*all;
    }
    return st;
}

/* ------------------------------------------------------------------- leaves */

/* Counts one leaf's pages.  A large one that is wholly kept is gone through at
 * most three times, however often it is mapped, and what it has outside of
 * memory not at all: that is more than there can be inside. */
static enum ptw_status count_leaf(struct ptw_verify *v,
                                  const struct ptw_item *item, bool written)
{
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t size = (uint64_t)1 << m->size_log2;

    if (m->size_log2 == v->state.page_log2) {
        if (ptw_vf_room(v, PTW_VERIFY_LEAVES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        if (ptw_runs_page(&v->state.side[OLD].runs, m->pa.v) == PTW_COVER_ALL) {
            count_page(v, m->pa.v, written);
        }
        return PTW_OK;
    }
    while (v->state.done < size) {
        uint64_t pa = m->pa.v + v->state.done;
        uint64_t nothing;
        uint64_t dropped;

        if (ptw_vf_room(v, PTW_VERIFY_LEAVES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        if (v->state.done == 0 && !v->state.counted &&
            ptw_vf_kept_of(v, item->first.v, item->last.v) == PTW_COVER_ALL &&
            ptw_runs_whole(&v->state.side[OLD].runs, pa, pa + (size - 1),
                           &(uint64_t){0}, &(uint64_t){0})) {
            if (!count_large(ptw_vf_leaves_at(
                                 v, ptw_vf_large_key(v, m->pa.v, m->size_log2)),
                             written)) {
                break;
            }
            v->state.counted = true; /* there may be no room for its pages */
            continue;
        }
        nothing = ptw_vf_no_page_from(v, item, v->state.done, size, &dropped);
        if (nothing == 0) {
            count_page(v, pa, written);
            nothing = ptw_vf_page_bytes(v);
        }
        v->state.done += nothing;
    }
    v->state.done = 0;
    v->state.counted = false;
    return PTW_OK;
}

bool ptw_vf_is_shared(struct ptw_verify *v, uint64_t pa, unsigned size_log2)
{
    uint64_t rest =
        ((uint64_t)1 << (v->state.page_log2 + BLOCK)) - 1; /* of a block */
    uint64_t last = pa + (((uint64_t)1 << size_log2) - 1);
    const struct leaves *l;
    uint64_t to;

    if (size_log2 == v->state.page_log2) {
        l = ptw_hash_find(&v->state.leaves, sizeof *l,
                          (pa >> (v->state.page_log2 + BLOCK)) + 1);
        return l != NULL &&
               (l->twice & l->written) >> (pa >> v->state.page_log2 & 63) & 1;
    }
    l = ptw_hash_find(&v->state.leaves, sizeof *l,
                      ptw_vf_large_key(v, pa, size_log2));
    if (l != NULL && (l->twice & l->written) != 0) {
        return true;
    }
    while (ptw_runs_whole(&v->state.side[OLD].runs, pa, last, &pa, &to)) {
        v->work++;
        l = ptw_hash_find(&v->state.leaves, sizeof *l,
                          (pa >> (v->state.page_log2 + BLOCK)) + 1);
        if (l != NULL && (l->twice & l->written) != 0) {
            return true;
        }
        if ((pa | rest) >= last) {
            break;
        }
        pa = (pa | rest) + 1;
    }
    return false;
}

/* -------------------------------------------------------------- not present */

enum ptw_absent_kind ptw_vf_named(const struct ptw_verify *v,
                                  const struct ptw_item *table, unsigned level,
                                  uint64_t va, uint64_t raw,
                                  struct ptw_item *item)
{
    struct ptw_absent_entry e =
        ptw_absent_read(&v->o.absent, v->state.regime, level, raw);
    uint64_t size = (uint64_t)1 << e.size_log2;

    if (e.kind != PTW_ABSENT_FRAME) {
        return e.kind;
    }
    if (ptw_vf_kept_of(v, va, va + (size - 1)) != PTW_COVER_ALL ||
        !ptw_runs_all(&v->state.side[OLD].runs, e.pa.v, e.size_log2)) {
        return PTW_ABSENT_UNKNOWN;
    }
    memset(item, 0, sizeof *item);
    item->kind = PTW_ITEM_MAPPING;
    item->space = table->space;
    item->first.v = va;
    item->last.v = va + (size - 1);
    item->u.mapping.pa = e.pa;
    item->u.mapping.raw = raw;
    item->u.mapping.level = (uint8_t)level;
    item->u.mapping.size_log2 = (uint8_t)e.size_log2;
    return PTW_ABSENT_FRAME;
}

/* Counts the pages that entries of an old table name; those too that turn out
 * to be unreadable, and so are not followed: they keep leaves of the same page
 * from becoming copy-on-write.  Goes on at v->state.entry when there was no
 * room. */
static enum ptw_status count_named(struct ptw_verify *v,
                                   const struct ptw_item *item)
{
    unsigned level;
    ptw_pa table;

    if (!ptw_vf_follows(v) || !ptw_vf_table_of(v, item, &level, &table)) {
        return PTW_OK;
    }
    for (; v->state.entry >> ptw_vf_index_bits(v, item, level) == 0;
         v->state.entry++) {
        struct ptw_item page;
        enum ptw_status st;
        uint64_t raw;
        uint64_t va;

        if (!ptw_vf_read_absent(v, OLD, item, level, table, &v->state.entry,
                                &raw) ||
            raw == 0 ||
            !ptw_vf_entry_kept(v, item, level, v->state.entry, &va) ||
            ptw_vf_named(v, item, level, va, raw, &page) != PTW_ABSENT_FRAME) {
            continue;
        }
        st = count_leaf(v, &page, true);
        if (st != PTW_OK) {
            return st;
        }
    }
    v->state.entry = 0;
    return PTW_OK;
}

enum ptw_status ptw_vf_count_leaves(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *item;
        enum ptw_status st = ptw_vf_peek(v, OLD, &item);

        if (item == NULL) {
            return st == PTW_END ? PTW_OK : st;
        }
        st = count_named(v, item);
        if (st == PTW_OK && item->kind == PTW_ITEM_MAPPING) {
            st = count_leaf(v, item, ptw_vf_lets_write(v, &item->u.mapping));
        }
        if (st != PTW_OK) {
            return st;
        }
        ptw_vf_advance(v, OLD);
    }
}
