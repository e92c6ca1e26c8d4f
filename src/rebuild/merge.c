/* SPDX-License-Identifier: Apache-2.0 */
/* This file merges pages.  It finds pages of the same content by a hash, and
 * compares their bytes before it merges them. */
#include "merge.h"

#include "blocks.h"

static const uint64_t CONTENT = (uint64_t)1 << 63;

bool ptw_rb_all_zeros(const struct ptw_rebuild *rb, const void *page)
{
    const unsigned char *p = page;
    uint64_t any = 0;

    for (unsigned i = 0; i < ptw_rb_page_bytes(rb) && any == 0; i += 64) {
        for (unsigned j = 0; j < 64; j += 8) {
            uint64_t word;

            memcpy(&word, p + i + j, sizeof word);
            any |= word;
        }
    }
    return any == 0;
}

/* A number that pages of the same content have in common; only to find
 * candidates.  It is NH ("UMAC: Fast and Secure Message Authentication"): two
 * pages that differ agree in it for one of 2^31 keys, whoever chose them. */
static uint64_t hash_page(const struct ptw_rebuild *rb, const void *page,
                          uint64_t flags)
{
    const unsigned char *p = page;
    const uint32_t *key = rb->state.key;
    size_t halves = ptw_rb_page_bytes(rb) / sizeof *key;
    uint64_t h = flags;

    for (size_t i = 0; i < halves; i += 2) {
        uint32_t half[2];

        memcpy(half, p + i * sizeof *half, sizeof half);
        h += (uint64_t)(half[0] + key[i]) * (half[1] + key[i + 1]);
    }
    return h | CONTENT;
}

/* The flag bits of all leaves that map that page, which is not mixed. */
static uint64_t page_flags(const struct ptw_block *b, uint64_t bit)
{
    return (b->other & bit) != 0 ? b->second : b->flags;
}

bool ptw_rb_merges(const struct ptw_rebuild *rb)
{
    return (rb->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) != 0 &&
           rb->counts.writable_selves == 0;
}

/* The pages of a block that may be one with others of the same content. */
static uint64_t mergeable(const struct ptw_rebuild *rb,
                          const struct ptw_block *b)
{
    uint64_t written = ptw_block_written(b);

    if ((rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        written = b->fixed;
    } else if ((rb->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0) {
        written = ptw_block_shared(b) | b->fixed;
    }
    return b->unit > 0 ? 0 : b->kept & ~written & ~b->mixed;
}

/* Finds out whether the page is one with an earlier one. */
static void compare_page(struct ptw_rebuild *rb, struct ptw_block *b,
                         uint64_t pa)
{
    const void *page = ptw_page_bytes(rb->state.mem, pa, ptw_rb_page_bytes(rb),
                                      rb->state.page[0]);
    uint64_t flags = page_flags(b, ptw_page_bit(rb->state.page_log2, pa));
    uint64_t bit = ptw_page_bit(rb->state.page_log2, pa);
    uint64_t frame = pa >> rb->state.page_log2;
    struct contents *c;
    const void *other;
    bool fresh;

    rb->work++;
    if (page == NULL) {
        return;
    }
    if (ptw_rb_all_zeros(rb, page)) {
        if (rb->state.blank == 0) {
            rb->state.blank = frame + 1;
            rb->state.blank_flags = flags;
            return;
        }
        if (flags == rb->state.blank_flags) {
            b->kept &= ~bit;
            b->blank |= bit;
            rb->counts.merged++;
            return;
        }
    }
    if ((rb->o.flags & PTW_REBUILD_MERGE) == 0) {
        return;
    }
    c = ptw_hash_enter(&rb->state.contents, sizeof *c,
                       hash_page(rb, page, flags), &fresh);
    if (fresh) {
        c->frame = frame;
        return;
    }
    other = ptw_page_bytes(rb->state.mem, c->frame << rb->state.page_log2,
                           ptw_rb_page_bytes(rb), rb->state.page[1]);
    if (other != NULL &&
        flags ==
            page_flags(ptw_rb_block_at(rb, c->frame << rb->state.page_log2),
                       ptw_page_bit(rb->state.page_log2,
                                    c->frame << rb->state.page_log2)) &&
        memcmp(page, other, ptw_rb_page_bytes(rb)) == 0) {
        uint64_t same = c->frame;

        c = ptw_hash_enter(&rb->state.contents, sizeof *c, frame + 1, &fresh);
        c->frame = same;
        b->kept &= ~bit;
        b->same |= bit;
        rb->counts.merged++;
    }
}

enum ptw_status ptw_rb_compare(struct ptw_rebuild *rb)
{
    if ((rb->o.flags & PTW_REBUILD_MERGE) != 0) {
        uint64_t pages = 1;

        for (size_t i = rb->state.block; i < rb->state.blocks; i++) {
            pages += ptw_count_bits(mergeable(rb, ptw_rb_ordered(rb, i)));
        }
        if (!ptw_hash_room(&rb->state.contents, (size_t)pages)) {
            return ptw_rb_ask(rb, PTW_REBUILD_CONTENTS,
                              ptw_hash_wanted(&rb->state.contents,
                                              sizeof(struct contents), pages));
        }
        for (size_t i = 0; i < ptw_rb_page_bytes(rb) / sizeof *rb->state.key;
             i++) {
            rb->state.key[i] = (uint32_t)ptw_mix(CONTENT | i, rb->o.seed, 32);
        }
    }
    for (; rb->state.block < rb->state.blocks; rb->state.block++) {
        struct ptw_block *b = ptw_rb_ordered(rb, rb->state.block);
        uint64_t pages = mergeable(rb, b);

        for (; pages != 0; pages &= pages - 1) {
            compare_page(
                rb, b,
                ptw_block_base(rb->state.page_log2, b) +
                    ((uint64_t)__builtin_ctzll(pages) << rb->state.page_log2));
        }
    }
    return PTW_OK;
}
