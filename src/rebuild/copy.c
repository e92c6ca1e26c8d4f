/* SPDX-License-Identifier: Apache-2.0 */
/* This file copies pages, block by block.  It notes which pages could not be
 * read. */
#include "copy.h"

#include "blocks.h"
#include "merge.h"

enum ptw_status ptw_sink_to_memory(void *ctx, ptw_pa to, const void *bytes,
                                   size_t n)
{
    const struct ptw_sink_memory *m = ctx;
    const unsigned char *from = bytes;
    unsigned char *host;

    if (to.v < m->first.v || to.v - m->first.v > m->bytes ||
        n > m->bytes - (size_t)(to.v - m->first.v)) {
        return PTW_E_BUS;
    }
    host = (unsigned char *)m->host + (size_t)(to.v - m->first.v);
    while (n > 0) {
        size_t part = m->step == 0 ? n : m->step - (uintptr_t)host % m->step;

        part = part < n ? part : n;
        memcpy(host, from, part);
        host += part;
        from += part;
        n -= part;
    }
    return PTW_OK;
}

/* Hands pages of a block that follow each other, from number `first`, to the
 * sink, less those of zeros when they need not be. */
static enum ptw_status hand_over(struct ptw_rebuild *rb,
                                 const struct ptw_page_sink *sink, void *ctx,
                                 const struct ptw_block *b, unsigned first,
                                 const unsigned char *bytes, unsigned pages)
{
    bool zeros = (rb->o.flags & PTW_REBUILD_ZEROS) != 0;
    uint64_t to = ptw_block_to(rb->state.page_log2, b, (uint64_t)1 << first);
    enum ptw_status st = PTW_OK;
    unsigned from = 0;

    for (unsigned i = zeros ? 0 : pages; st == PTW_OK && i <= pages; i++) {
        uint64_t pa = ptw_block_base(rb->state.page_log2, b) +
                      ((uint64_t)(first + i) << rb->state.page_log2);
        bool blank =
            zeros && i < pages &&
            (ptw_page_zeros(rb->state.mem, pa, ptw_rb_page_bytes(rb)) ||
             ptw_rb_all_zeros(rb, bytes + ((size_t)i << rb->state.page_log2)));

        if (i < pages && !blank) {
            continue;
        }
        if (i > from) {
            rb->where.v = ptw_block_base(rb->state.page_log2, b) +
                          ((uint64_t)(first + from) << rb->state.page_log2);
            st = sink->write(
                ctx, ptw_pa_of(to + ((uint64_t)from << rb->state.page_log2)),
                bytes + ((size_t)from << rb->state.page_log2),
                (size_t)(i - from) << rb->state.page_log2);
            rb->state.handed |=
                st == PTW_OK ? ptw_low_mask(i - from) << (first + from) : 0;
        }
        if (blank && st == PTW_OK) {
            rb->state.handed |= (uint64_t)1 << (first + i);
            rb->counts.zeros++;
        }
        from = i + 1;
    }
    return st;
}

static enum ptw_status copy_one(struct ptw_rebuild *rb, struct ptw_block *b,
                                const struct ptw_page_sink *sink, void *ctx,
                                unsigned number)
{
    uint64_t bit = (uint64_t)1 << number;
    uint64_t pa = ptw_block_base(rb->state.page_log2, b) +
                  ((uint64_t)number << rb->state.page_log2);
    const void *page = ptw_page_bytes(rb->state.mem, pa, ptw_rb_page_bytes(rb),
                                      rb->state.page[0]);

    if (page == NULL) {
        rb->counts.pages--;
        rb->counts.shared_writable -= (ptw_block_shared(b) & bit) != 0;
        rb->counts.flags_differ -= (ptw_block_flags_differ(b) & bit) != 0;
        b->gone |= bit;
        rb->state.handed |= bit;
        if (b->unit > 0) {
            ptw_rb_unit_of(rb, b)->torn = PTW_TORN_SOMEWHERE;
            rb->state.recount = true;
        }
        return PTW_OK;
    }
    return hand_over(rb, sink, ctx, b, number, page, 1);
}

enum ptw_status ptw_rb_copy_block(struct ptw_rebuild *rb, struct ptw_block *b,
                                  const struct ptw_page_sink *sink, void *ctx)
{
    uint64_t kept = b->kept & ~rb->state.handed;
    enum ptw_status st = PTW_OK;

    while (st == PTW_OK && kept != 0) {
        unsigned first = (unsigned)__builtin_ctzll(kept);
        uint64_t above = ~(kept >> first);
        unsigned pages = above == 0 ? 64 : (unsigned)__builtin_ctzll(above);
        uint64_t run = ptw_low_mask(pages) << first;
        uint64_t pa = ptw_block_base(rb->state.page_log2, b) +
                      ((uint64_t)first << rb->state.page_log2);
        const void *bytes = ptw_direct(rb->state.mem, pa,
                                       (uint64_t)pages << rb->state.page_log2);

        if (bytes != NULL) {
            st = hand_over(rb, sink, ctx, b, first, bytes, pages);
        } else {
            for (unsigned i = 0; st == PTW_OK && i < pages; i++) {
                st = copy_one(rb, b, sink, ctx, first + i);
            }
        }
        kept &= ~run;
    }
    if (st == PTW_OK) {
        rb->state.handed = 0;
    }
    return st;
}
