/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of old pages: which pages the rebuild keeps, and who writes them. */
#ifndef PTW_RB_BLOCKS_H
#define PTW_RB_BLOCKS_H

#include "state.h"

/* ptw_rb_writes says how the guest writes through that leaf, by whatever
 * path: tables are shared under different rights, and the leaf is one. */
static inline enum ptw_writes ptw_rb_writes(const struct ptw_rebuild *rb,
                                            unsigned level, uint64_t raw)
{
    const struct ptw_regime *r = rb->state.regime;

    if (!ptw_guest_writes(r, PTW_ALL_RIGHTS, level, raw)) {
        return PTW_WRITES_NOT;
    }
    raw = r->arch->format->leaf_copy_on_write(r, raw);
    return ptw_guest_writes(r, PTW_ALL_RIGHTS, level, raw) ? PTW_WRITES_STILL
                                                           : PTW_WRITES;
}

/* ptw_rb_flags_of returns the flag bits of a leaf, with PTW_FLAGS_KNOWN.  It
 * returns 0 when the regime has none.  An entry that is not present and names
 * a page has the flag bits 0 as well. */
static inline uint64_t ptw_rb_flags_of(const struct ptw_rebuild *rb,
                                       unsigned level, uint64_t raw)
{
    return rb->state.regime->flag_bits == 0
               ? 0
               : ptw_attributes_of(rb->state.regime, level, raw).flag_bits |
                     PTW_FLAGS_KNOWN;
}

/* ptw_rb_unit_leaf returns what such a leaf of a whole unit adds to the
 * leaves that the unit has.  others says that its flag bits are not those of
 * the first leaf. */
static inline unsigned ptw_rb_unit_leaf(unsigned leaves, enum ptw_writes how,
                                        bool others)
{
    unsigned adds =
        (leaves & PTW_UNIT_FIRST) != 0 ? PTW_UNIT_AGAIN : PTW_UNIT_FIRST;

    adds |= how == PTW_WRITES ? PTW_UNIT_WRITES : 0u;
    adds |= how == PTW_WRITES_STILL ? PTW_UNIT_FIXED : 0u;
    adds |= others ? PTW_UNIT_FLAGS : 0u;
    return adds & ~leaves;
}

/* ptw_rb_block_near returns the block that has the page at pa, of
 * 2^page_log2 bytes, or NULL.  It remembers the last block that it found. */
PTW_ENGINE struct ptw_block *ptw_rb_block_near(struct ptw_rebuild *rb,
                                               unsigned page_log2, uint64_t pa)
{
    uint64_t number = pa >> (page_log2 + PTW_BLOCK_PAGES_LOG2);

    if (rb->state.last_block == NULL || rb->state.last_number != number) {
        struct ptw_block *b = ptw_block_at(&rb->state.kept, page_log2, pa);

        if (b == NULL) {
            return NULL;
        }
        rb->state.last_block = b;
        rb->state.last_number = number;
    }
    return rb->state.last_block;
}

/* ptw_rb_block_at is the same out of line. */
struct ptw_block *ptw_rb_block_at(struct ptw_rebuild *rb, uint64_t pa);

/* ptw_rb_block_for is ptw_rb_block_near for a block that is made when there is
 * none.  There is room. */
PTW_ENGINE struct ptw_block *ptw_rb_block_for(struct ptw_rebuild *rb,
                                              unsigned page_log2, uint64_t pa)
{
    uint64_t number = pa >> (page_log2 + PTW_BLOCK_PAGES_LOG2);
    bool fresh;

    if (rb->state.last_block == NULL || rb->state.last_number != number) {
        rb->state.last_block = ptw_hash_enter(
            &rb->state.kept, sizeof(struct ptw_block), number + 1, &fresh);
        rb->state.last_number = number;
    }
    return rb->state.last_block;
}

/* ptw_rb_note_flags notes the flag bits, which are known, that a leaf maps
 * these pages of a block with, before they are kept. */
void ptw_rb_note_flags(struct ptw_block *b, uint64_t pages, uint64_t flags);

/* ptw_rb_certain returns a lower bound on the pages that keeping these pages of
 * a block adds to the image; small pages may still be merged. */
PTW_ENGINE uint64_t ptw_rb_certain(const struct ptw_rebuild *rb,
                                   const struct ptw_block *b, uint64_t pages,
                                   unsigned bits)
{
    if ((rb->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) == 0) {
        pages &= ~b->kept;
    } else if (bits == 0 || b->unit > 0) {
        return 0;
    }
    return bits > 0 ? ptw_count_bits(pages) : pages != 0;
}

/* ptw_rb_keep_of keeps pages of a block for one leaf: one page, where bits is
 * 0, or all 64 of a unit of 1 << bits bytes. */
PTW_ENGINE void ptw_rb_keep_of(struct ptw_rebuild *rb, struct ptw_block *b,
                               uint64_t pages, unsigned bits, uint64_t flags,
                               enum ptw_writes how)
{
    rb->counts.page_bytes += ptw_rb_certain(rb, b, pages, bits)
                             << rb->state.page_log2;
    if (flags != 0) {
        ptw_rb_note_flags(b, pages, flags);
    }
    b->again |= b->kept & pages;
    b->kept |= pages;
    if (b->unit < bits) {
        b->unit = bits;
        b->leaves = 0;
    }
    b->writable |= how == PTW_WRITES ? pages : 0;
    b->fixed |= how == PTW_WRITES_STILL ? pages : 0;
}

/* ptw_rb_keep does so for the block that has the page at pa.  There is room. */
struct ptw_block *ptw_rb_keep(struct ptw_rebuild *rb, uint64_t pa,
                              uint64_t pages, unsigned bits, uint64_t flags,
                              enum ptw_writes how);

/* ptw_rb_keep_unit keeps the whole page that one large leaf maps.  It goes
 * through the unit only for a leaf that adds something: at most five times,
 * however often the guest maps it. */
void ptw_rb_keep_unit(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how);

/* ptw_rb_blocks_room asks for storage unless all blocks of a page of that
 * size have room. */
enum ptw_status ptw_rb_blocks_room(struct ptw_rebuild *rb, unsigned bits);

/* ptw_rb_keep_page keeps the page of that size at pa, whole.  There is room. */
void ptw_rb_keep_page(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how);

/* ptw_rb_is_shared says whether any page of [pa, pa + 1 << bits) is shared
 * writable. */
bool ptw_rb_is_shared(struct ptw_rebuild *rb, uint64_t pa, unsigned bits);

/* ptw_rb_unit_of returns the first block of the unit that b is in. */
struct ptw_block *ptw_rb_unit_of(struct ptw_rebuild *rb,
                                 const struct ptw_block *b);

/* ptw_rb_was_read says how much of [pa, pa + 1 << bits), which the accessor
 * has, could be read.  It goes through a unit only when the unit lacks
 * something, and through a whole unit once. */
enum ptw_cover ptw_rb_was_read(struct ptw_rebuild *rb, uint64_t pa,
                               unsigned bits);

#endif
