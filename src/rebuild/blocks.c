/* SPDX-License-Identifier: Apache-2.0 */
/* This file keeps pages.  It also says how pages that are kept are mapped,
 * whether they could be read, and which address each has in the new image. */
#include "blocks.h"

struct ptw_block *ptw_rb_block_at(struct ptw_rebuild *rb, uint64_t pa)
{
    return ptw_rb_block_near(rb, rb->state.page_log2, pa);
}

void ptw_rb_note_flags(struct ptw_block *b, uint64_t pages, uint64_t flags)
{
    if (b->flags == 0) {
        b->flags = flags;
    }
    if (flags == b->flags) {
        b->mixed |= b->kept & b->other & pages;
        return;
    }
    if (b->other == 0) {
        b->second = flags;
    }
    /* Of a third kind of flag bits it is not known which pages had them. */
    b->mixed |= b->kept & pages & (flags == b->second ? ~b->other : UINT64_MAX);
    b->mixed |= flags == b->second ? 0 : pages;
    b->other |= pages;
}

struct ptw_block *ptw_rb_keep(struct ptw_rebuild *rb, uint64_t pa,
                              uint64_t pages, unsigned bits, uint64_t flags,
                              enum ptw_writes how)
{
    struct ptw_block *b = ptw_rb_block_for(rb, rb->state.page_log2, pa);

    ptw_rb_keep_of(rb, b, pages, bits, flags, how);
    return b;
}

void ptw_rb_keep_unit(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how)
{
    struct ptw_block *first = ptw_rb_block_at(rb, pa);

    if (first != NULL && first->unit == bits &&
        ptw_rb_unit_leaf(first->leaves, how, flags != first->flags) == 0) {
        return;
    }
    for (uint64_t at = 0; at >> bits == 0;
         at += (uint64_t)64 << rb->state.page_log2) {
        struct ptw_block *b;

        rb->work++;
        b = ptw_rb_keep(rb, pa + at, UINT64_MAX, bits, flags, how);

        if (at == 0) {
            first = b;
        }
    }
    if (first->unit == bits) {
        first->leaves |= (uint16_t)ptw_rb_unit_leaf(first->leaves, how,
                                                    flags != first->flags);
    }
}

enum ptw_status ptw_rb_blocks_room(struct ptw_rebuild *rb, unsigned bits)
{
    size_t blocks = bits > ptw_rb_block_log2(rb)
                        ? (size_t)1 << (bits - ptw_rb_block_log2(rb))
                        : 1;

    return ptw_hash_room(&rb->state.kept, blocks)
               ? PTW_OK
               : ptw_rb_ask(rb, PTW_REBUILD_BLOCKS,
                            ptw_hash_wanted(&rb->state.kept,
                                            sizeof(struct ptw_block), blocks));
}

void ptw_rb_keep_page(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how)
{
    if (bits == rb->state.page_log2) {
        (void)ptw_rb_keep(rb, pa, ptw_page_bit(rb->state.page_log2, pa), 0,
                          flags, how);
    } else {
        ptw_rb_keep_unit(rb, pa, bits, flags, how);
    }
}

bool ptw_rb_is_shared(struct ptw_rebuild *rb, uint64_t pa, unsigned bits)
{
    const struct ptw_block *b = ptw_rb_block_at(rb, pa);
    unsigned written = PTW_UNIT_WRITES | PTW_UNIT_FIXED;

    if (bits == rb->state.page_log2) {
        return b != NULL && (ptw_block_shared(b) &
                             ptw_page_bit(rb->state.page_log2, pa)) != 0;
    }
    if (b != NULL && b->unit == bits && (b->leaves & PTW_UNIT_AGAIN) != 0 &&
        (b->leaves & written) != 0) {
        return true;
    }
    for (uint64_t at = 0; at >> bits == 0;
         at += (uint64_t)64 << rb->state.page_log2) {
        rb->work++;
        b = ptw_rb_block_at(rb, pa + at);
        if (b != NULL && ptw_block_shared(b) != 0) {
            return true;
        }
    }
    return false;
}

struct ptw_block *ptw_rb_unit_of(struct ptw_rebuild *rb,
                                 const struct ptw_block *b)
{
    return ptw_rb_block_at(rb, ptw_block_base(rb->state.page_log2, b) &
                                   ~ptw_low_mask(b->unit));
}

enum ptw_cover ptw_rb_was_read(struct ptw_rebuild *rb, uint64_t pa,
                               unsigned bits)
{
    uint64_t pages = bits == rb->state.page_log2
                         ? ptw_page_bit(rb->state.page_log2, pa)
                         : UINT64_MAX;
    struct ptw_block *unit =
        bits > rb->state.page_log2 ? ptw_rb_block_at(rb, pa) : NULL;
    bool some = false;
    bool all = true;

    if (unit != NULL) {
        unit = unit->unit >= bits ? ptw_rb_unit_of(rb, unit) : NULL;
    }
    if (unit != NULL && unit->torn == PTW_TORN_NOWHERE) {
        return PTW_COVER_ALL;
    }
    if (unit != NULL && unit->torn == PTW_TORN_ALL) {
        return PTW_COVER_NONE;
    }
    if (unit != NULL && unit->unit == bits && unit->torn == PTW_TORN_IN_PART) {
        return PTW_COVER_SOME;
    }
    for (uint64_t at = 0; at >> bits == 0 && (all || !some);
         at += (uint64_t)64 << rb->state.page_log2) {
        const struct ptw_block *b = ptw_rb_block_at(rb, pa + at);
        uint64_t gone = b != NULL ? b->gone & pages : 0;

        rb->work++;
        some = some || gone != pages;
        all = all && gone == 0;
    }
    if (unit != NULL && unit->unit == bits) {
        unit->torn = some ? PTW_TORN_IN_PART : PTW_TORN_ALL;
    }
    return all ? PTW_COVER_ALL : some ? PTW_COVER_SOME : PTW_COVER_NONE;
}

enum ptw_status ptw_rebuild_page(struct ptw_rebuild *rb, ptw_pa old,
                                 ptw_pa *now)
{
    uint64_t pa = old.v & ~ptw_low_mask(rb->state.page_log2);
    uint64_t bit = ptw_page_bit(rb->state.page_log2, pa);
    const struct ptw_block *b = ptw_rb_block_at(rb, pa);

    if (rb->state.phase < PTW_REBUILD_PLANNED ||
        rb->state.phase == PTW_REBUILD_BROKEN || b == NULL) {
        return PTW_NOT_MAPPED;
    }
    if ((b->blank & bit) != 0) {
        pa = (rb->state.blank - 1) << rb->state.page_log2;
    } else if ((b->same & bit) != 0) {
        const struct contents *c = ptw_hash_find(
            &rb->state.contents, sizeof *c, (pa >> rb->state.page_log2) + 1);

        pa = c->frame << rb->state.page_log2;
    }
    bit = ptw_page_bit(rb->state.page_log2, pa);
    b = ptw_rb_block_at(rb, pa);
    if (b == NULL || (b->kept & ~b->gone & bit) == 0) {
        return PTW_NOT_MAPPED;
    }
    now->v = ptw_block_to(rb->state.page_log2, b, bit) |
             (old.v & ptw_low_mask(rb->state.page_log2));
    return PTW_OK;
}

/* -------------------------------------------------------------------- order */

/* The first block of that rank whose number is `number` or more: its place in
 * the order, or that of the next rank's first. */
static size_t rank_from(const struct ptw_rebuild *rb, uint64_t rank,
                        uint64_t number)
{
    const struct ptw_ordered *order = rb->state.store[PTW_REBUILD_ORDER].at;
    uint64_t key = rank << ORDER_RANK_AT | number;
    size_t low = 0;
    size_t high = rb->state.blocks;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (order[mid].key < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The block with the lowest address of those whose number is `number` or more,
 * of whatever rank; NULL: there is none. */
static struct ptw_block *block_from(const struct ptw_rebuild *rb,
                                    uint64_t number)
{
    struct ptw_block *first = NULL;
    unsigned ranks = ptw_rb_ranks(rb);

    if (number >> ORDER_RANK_AT != 0) {
        return NULL;
    }
    for (uint64_t rank = 0; rank < ranks; rank++) {
        size_t i = rank_from(rb, rank, number);
        struct ptw_block *b;

        if (i < rank_from(rb, rank + 1, 0)) {
            b = ptw_rb_ordered(rb, i);
            first = first == NULL || b->key < first->key ? b : first;
        }
    }
    return first;
}

enum ptw_status ptw_rebuild_pages(struct ptw_rebuild *rb, ptw_pa from,
                                  ptw_pa *old, ptw_pa *now, uint64_t *bytes)
{
    uint64_t at = from.v & ~ptw_low_mask(rb->state.page_log2);
    uint64_t number = at >> ptw_rb_block_log2(rb);
    const struct ptw_block *b;

    if (rb->state.phase < PTW_REBUILD_PLANNED ||
        rb->state.phase == PTW_REBUILD_BROKEN) {
        return PTW_NOT_MAPPED;
    }
    for (b = block_from(rb, number); b != NULL;
         b = block_from(rb, b->key)) { /* the number of the next one */
        uint64_t pages = (b->kept | b->blank | b->same) & ~b->gone;

        if (b->key - 1 == number) {
            pages &= ~(ptw_page_bit(rb->state.page_log2, at) - 1);
        }
        for (; pages != 0; pages &= pages - 1) {
            ptw_pa next;

            old->v = ptw_block_base(rb->state.page_log2, b) +
                     ((uint64_t)__builtin_ctzll(pages) << rb->state.page_log2);
            if (ptw_rebuild_page(rb, *old, now) != PTW_OK) {
                continue;
            }
            *bytes = ptw_rb_page_bytes(rb);
            while (ptw_rebuild_page(rb, ptw_pa_of(old->v + *bytes), &next) ==
                       PTW_OK &&
                   next.v == now->v + *bytes) {
                *bytes += ptw_rb_page_bytes(rb);
            }
            return PTW_OK;
        }
    }
    return PTW_END;
}
