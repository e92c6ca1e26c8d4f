/* SPDX-License-Identifier: Apache-2.0 */
/* This file compares the bytes of pages, in the order of the new image: in
 * the order of the spaces every page would lie somewhere else. */
#include "bytes.h"

#include "answer.h"
#include "pages.h"
#include "sort.h"
#include "tables.h"

/* The new pages, in blocks of 64, are put in the order of their addresses: by
 * the block's number. */
enum ptw_status ptw_vf_put_in_order(struct ptw_verify *v)
{
    const struct ptw_store *store = &v->state.store[PTW_VERIFY_ORDER];
    struct ptw_ordered *order = store->at;
    size_t wanted = (v->state.taken.used + 1) * sizeof *order;

    v->state.blocks = 0;
    if (v->state.taken.record == NULL) {
        return PTW_OK;
    }
    if (store->bytes < wanted) {
        return ptw_vf_ask(v, PTW_VERIFY_ORDER, wanted);
    }
    for (size_t i = 0; i >> v->state.taken.slots_log2 == 0; i++) {
        uint64_t key =
            ptw_hash_key(v->state.taken.record + i * sizeof(struct taken));

        if (key != 0) {
            order[v->state.blocks].key = key - 1;
            order[v->state.blocks].slot = i;
            v->state.blocks++;
        }
    }
    ptw_sort(order, v->state.blocks, sizeof *order);
    return PTW_OK;
}

static struct taken *ordered(const struct ptw_verify *v, size_t i)
{
    const struct ptw_ordered *order = v->state.store[PTW_VERIFY_ORDER].at;

    return (void *)(v->state.taken.record +
                    (size_t)order[i].slot * sizeof(struct taken));
}

void ptw_vf_compare_bytes(struct ptw_verify *v, bool *same)
{
    struct ptw_ordered *order = v->state.store[PTW_VERIFY_ORDER].at;
    size_t differ = 0;

    ptw_vf_find_overlaps(v);
    for (size_t i = 0; i < v->state.blocks; i++) {
        struct taken *t = ordered(v, i);

        for (uint64_t left = t->taken; left != 0; left &= left - 1) {
            unsigned k = (unsigned)__builtin_ctzll(left);
            uint64_t new_pa = ((t->key - 1) << (v->state.page_log2 + BLOCK)) |
                              (uint64_t)k << v->state.page_log2;

            v->work++;
            if (ptw_vf_compare_page(v, t->old[k] << v->state.page_log2, new_pa,
                                    t->sequence[k]) != PTW_DIFFERS_NOT) {
                t->differ |= (uint64_t)1 << k;
            }
        }
        if (t->differ != 0) {
            order[differ++] = order[i];
        }
    }
    v->state.blocks = differ;
    *same = differ == 0;
}

/* -------------------------------------------------------- where they differ */

/* Finds the first page at pa or behind it, and not behind `last`, that differs:
 * the block, and which page of it.  NULL: none does. */
static struct taken *differs_from(struct ptw_verify *v, uint64_t pa,
                                  uint64_t last, unsigned *page)
{
    uint64_t block = pa >> (v->state.page_log2 + BLOCK);
    size_t low = 0;
    size_t high = v->state.blocks;

    v->work++;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (ordered(v, mid)->key - 1 < block) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    for (; low < v->state.blocks; low++) {
        struct taken *t = ordered(v, low);
        uint64_t differ = t->differ;

        if (t->key - 1 == block) {
            differ &= ~ptw_low_mask(
                (unsigned)(pa >> v->state.page_log2 & (PAGES - 1)));
        }
        if (differ != 0) {
            *page = (unsigned)__builtin_ctzll(differ);
            return ((t->key - 1) << BLOCK) + *page <= last >> v->state.page_log2
                       ? t
                       : NULL;
        }
    }
    return NULL;
}

/* Says of the first page of a new leaf that differs, if one does, where it is.
 */
static bool locate_in(struct ptw_verify *v, const struct ptw_item *n)
{
    const struct ptw_mapping *m = &n->u.mapping;
    struct ptw_difference *d = &v->difference;
    struct ptw_translation old = {0};
    unsigned k = 0;
    const struct taken *t =
        differs_from(v, m->pa.v, m->pa.v + ptw_low_mask(m->size_log2), &k);
    uint64_t pa;
    uint64_t va;

    if (t == NULL) {
        return false;
    }
    pa = (((t->key - 1) << BLOCK) + k) << v->state.page_log2;
    va = n->first.v + (pa - m->pa.v);
    (void)ptw_vf_differ(
        v,
        (t->overlaps >> k & 1) != 0
            ? PTW_DIFFERS_OVERLAP
            : ptw_vf_compare_page(v, t->old[k] << v->state.page_log2, pa,
                                  t->sequence[k]),
        n->space, va);
    ptw_vf_note_leaf(v, NEW, n, va);
    d->old_pa.v = t->old[k] << v->state.page_log2;
    if (ptw_lookup(v->state.side[OLD].mem, v->state.side[OLD].root[n->space],
                   ptw_va_of(va), &old) == PTW_OK) {
        d->old_raw = old.raw;
        d->old_rights = old.rights;
    }
    return true;
}

/* Whether that new page is in the place of the old page at old_pa. */
static bool is_page(const struct ptw_verify *v, uint64_t old_pa,
                    uint64_t new_pa)
{
    const struct taken *t =
        ptw_hash_find(&v->state.taken, sizeof *t,
                      (new_pa >> (v->state.page_log2 + BLOCK)) + 1);
    unsigned k = (unsigned)(new_pa >> v->state.page_log2 & (PAGES - 1));

    return t != NULL && (t->taken >> k & 1) != 0 &&
           t->old[k] == old_pa >> v->state.page_log2;
}

/* The same of the pages that entries of a new table name, which are looked at
 * before what its other entries map. */
static bool locate_named(struct ptw_verify *v, const struct ptw_item *n)
{
    unsigned level;
    ptw_pa table;

    if (!ptw_vf_follows(v) || !ptw_vf_table_of(v, n, &level, &table)) {
        return false;
    }
    for (unsigned i = 0; i >> ptw_vf_index_bits(v, n, level) == 0; i++) {
        struct ptw_translation old = {0};
        struct ptw_absent_entry was;
        struct ptw_absent_entry e;
        struct ptw_item page = *n;
        uint64_t is;
        uint64_t va;

        if (!ptw_vf_read_absent(v, NEW, n, level, table, &i, &is) || is == 0 ||
            !ptw_vf_entry_kept(v, n, level, i, &va)) {
            continue;
        }
        e = ptw_absent_read(&v->o.absent, v->state.regime, level, is);
        if (e.kind != PTW_ABSENT_FRAME ||
            ptw_lookup(v->state.side[OLD].mem,
                       v->state.side[OLD].root[n->space], ptw_va_of(va),
                       &old) != PTW_NOT_MAPPED ||
            old.level != level) {
            continue;
        }
        was = ptw_absent_read(&v->o.absent, v->state.regime, level, old.raw);
        if (was.kind != PTW_ABSENT_FRAME || !is_page(v, was.pa.v, e.pa.v)) {
            continue;
        }
        page.first.v = va;
        page.u.mapping = (struct ptw_mapping){
            .pa = e.pa,
            .raw = is,
            .level = (uint8_t)level,
            .size_log2 = (uint8_t)e.size_log2,
        };
        if (locate_in(v, &page)) {
            v->difference.old_raw = old.raw;
            return true;
        }
    }
    return false;
}

enum ptw_status ptw_vf_locate(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *n;
        enum ptw_status st = ptw_vf_peek(v, NEW, &n);

        if (n == NULL) {
            return st == PTW_END ? PTW_E_CHANGED : st;
        }
        if (n->kind == PTW_ITEM_MAPPING ? locate_in(v, n)
                                        : locate_named(v, n)) {
            return PTW_DIFFERENT;
        }
        ptw_vf_advance(v, NEW);
    }
}
