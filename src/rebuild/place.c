/* SPDX-License-Identifier: Apache-2.0 */
/* This file gives every new page and table its address.  It puts the blocks
 * in order first, and checks last that the image fits. */
#include "place.h"

#include "sort.h"

enum ptw_status ptw_rb_take_extra(struct ptw_rebuild *rb, uint64_t *table)
{
    unsigned log2 = rb->state.regime->arch->format->entry_log2;
    uint64_t bytes = (uint64_t)1 << rb->state.table_log2;
    enum ptw_status st = PTW_OK;
    void *host;

    if (rb->state.taken >= rb->state.extra + rb->state.mapped) {
        return PTW_E_CHANGED;
    }
    *table = ptw_rb_table_at(rb, rb->state.walked + rb->state.taken);
    rb->state.taken++;
    host = ptw_writable(rb->state.to, *table, bytes);
    if (host != NULL) {
        memset(host, 0, (size_t)bytes);
        return PTW_OK;
    }
    for (unsigned i = 0; st == PTW_OK && i < bytes >> log2; i++) {
        st = ptw_rb_put(rb, *table, i, 0);
    }
    return st;
}

/* -------------------------------------------------------------------- order */

/* The higher the level of a unit, the earlier it comes. */
static uint64_t rank_of(const struct ptw_rebuild *rb, const struct ptw_block *b)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    unsigned ranks = ptw_rb_ranks(rb);
    unsigned level = 0;

    while (b->unit > a->level[level].shift && level + 1 < ranks) {
        level++;
    }
    return ranks - 1 - level;
}

enum ptw_status ptw_rb_put_in_order(struct ptw_rebuild *rb)
{
    size_t slots = (size_t)1 << rb->state.kept.slots_log2;
    struct ptw_ordered *order = rb->state.store[PTW_REBUILD_ORDER].at;
    size_t wanted = (rb->state.kept.used + 1) * sizeof *order;

    if (rb->state.kept.record == NULL) {
        rb->state.blocks = 0;
        return PTW_OK;
    }
    if (rb->state.store[PTW_REBUILD_ORDER].bytes < wanted) {
        return ptw_rb_ask(rb, PTW_REBUILD_ORDER, wanted);
    }
    rb->state.blocks = 0;
    rb->work += slots;
    for (size_t i = 0; i < slots; i++) {
        const struct ptw_block *b =
            (const void *)(rb->state.kept.record + i * sizeof *b);

        if (b->key != 0) {
            order[rb->state.blocks].key =
                rank_of(rb, b) << ORDER_RANK_AT | (b->key - 1);
            order[rb->state.blocks].slot = i;
            rb->state.blocks++;
        }
    }
    ptw_sort(order, rb->state.blocks, sizeof *order);
    rb->state.block = 0;
    return PTW_OK;
}

enum ptw_status ptw_rb_room_for_units(struct ptw_rebuild *rb)
{
    size_t units = 0;

    for (size_t i = 0; rb->state.mem->ops != NULL && i < rb->state.blocks;
         i++) {
        const struct ptw_block *b = ptw_rb_ordered(rb, i);

        if (b->unit == 0) {
            break;
        }
        units += (ptw_block_base(rb->state.page_log2, b) &
                  ptw_low_mask(b->unit)) == 0;
    }
    return units == 0 || ptw_hash_room(&rb->state.large, 2 * units)
               ? PTW_OK
               : ptw_rb_ask(rb, PTW_REBUILD_LARGE,
                            ptw_hash_wanted(&rb->state.large,
                                            sizeof(struct large), 2 * units));
}

enum ptw_status ptw_rb_place(struct ptw_rebuild *rb)
{
    uint64_t next = rb->o.base.v;
    uint64_t end = ptw_low_mask(rb->state.regime->pa_bits);

    rb->counts.pages = 0;
    rb->counts.shared_writable = 0;
    rb->counts.flags_differ = 0;
    for (size_t i = 0; i < rb->state.blocks; i++) {
        struct ptw_block *b = ptw_rb_ordered(rb, i);
        unsigned pages = ptw_count_bits(b->kept);

        if (b->unit > 0 && (ptw_block_base(rb->state.page_log2, b) &
                            ptw_low_mask(b->unit)) == 0) {
            next = (next + ptw_low_mask(b->unit)) & ~ptw_low_mask(b->unit);
        }
        b->to = next;
        next += (uint64_t)pages << rb->state.page_log2;
        rb->counts.pages += pages;
        rb->counts.shared_writable += ptw_count_bits(ptw_block_shared(b));
        rb->counts.flags_differ += ptw_count_bits(ptw_block_flags_differ(b));
        if (next > end + 1) {
            return PTW_E_WIDTH;
        }
    }
    if ((rb->o.flags & PTW_REBUILD_TABLES_APART) == 0) {
        next = (next + ptw_low_mask(rb->state.table_log2)) &
               ~ptw_low_mask(rb->state.table_log2);
    }
    rb->counts.page_bytes = next - rb->o.base.v;
    return PTW_OK;
}

/* --------------------------------------------------------------------- size */

/* How many tables the maps may need in one space, of whichever root. */
static uint64_t tables_for_maps(const struct ptw_rebuild *rb)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    unsigned top = 0;
    uint64_t tables = 0;

    for (uint32_t i = 0; i < rb->state.roots; i++) {
        unsigned its = ptw_top(a, rb->state.root[i].regime);

        top = its > top ? its : top;
    }

    for (size_t i = 0; i < rb->o.maps; i++) {
        for (unsigned level = 0; level < top; level++) {
            unsigned span = a->level[level].shift + a->level[level].bits;

            tables += (rb->o.map[i].last.v >> span) -
                      (rb->o.map[i].first.v >> span) + 1;
        }
    }
    return tables;
}

/* Whether the new pages and tables have addresses that entries can hold, and
 * none in common. */
static enum ptw_status fits(const struct ptw_rebuild *rb)
{
    const struct ptw_regime *r = rb->state.regime;
    uint64_t page = ptw_low_mask(rb->state.page_log2);
    /* Tables that are smaller than entries can say are all roots. */
    uint64_t table =
        ptw_low_mask(rb->state.table_log2) | ((r->table_pa & -r->table_pa) - 1);
    uint64_t entry = r->rule[0].leaf_pa | page;
    uint64_t pages = rb->counts.page_bytes;
    uint64_t base = rb->o.base.v;
    uint64_t tables = ptw_rb_tables_at(rb);
    uint64_t last = tables + ((rb->counts.tables << rb->state.table_log2) - 1);

    if (last > ptw_low_mask(r->pa_bits) ||
        ptw_flags_between(r->arch->format, r, tables, last - tables) ||
        (pages > 0 && ptw_flags_between(r->arch->format, r, base, pages - 1)) ||
        (last & ~(r->table_pa | table)) != 0 ||
        (rb->counts.spaces > 0 &&
         (ptw_rb_table_at(rb, rb->state.last_root) & ~r->root_pa) != 0) ||
        ((rb->o.flags & PTW_REBUILD_TABLES_APART) == 0 &&
         (last & ~(entry | table)) != 0)) {
        return PTW_E_WIDTH;
    }
    if (pages == 0) {
        return PTW_OK;
    }
    if (((base + (pages - 1)) & ~entry) != 0) {
        return PTW_E_WIDTH;
    }
    return tables < base + pages && last >= base ? PTW_E_OVERLAP : PTW_OK;
}

enum ptw_status ptw_rb_measure(struct ptw_rebuild *rb)
{
    uint64_t most = (uint64_t)1 << 40; /* their bytes can be added up */
    uint64_t maps = tables_for_maps(rb);

    if (maps > most || maps > most / (rb->counts.spaces + 1)) {
        return PTW_E_LIMIT;
    }
    rb->state.mapped = maps * rb->counts.spaces;
    rb->counts.tables += rb->state.mapped;
    if (rb->counts.tables > most) {
        return PTW_E_LIMIT;
    }
    if (ptw_rb_count_bytes(rb) != PTW_OK) {
        return PTW_E_LIMIT;
    }
    return fits(rb);
}
