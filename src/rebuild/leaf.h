/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of one leaf of the smallest size, which nearly all leaves have.
 *
 * All that depends on the bits beside the address alone is found out once for
 * each kind of leaf, of which a guest has a handful. */
#ifndef PTW_RB_LEAF_H
#define PTW_RB_LEAF_H

#include "blocks.h"
#include "place.h"
#include "runs.h"

/* ptw_rb_learn makes l what there is to know of leaves that are like raw. */
void ptw_rb_learn(const struct ptw_rebuild *rb, uint64_t raw,
                  struct ptw_rebuild_alike *l);

/* ptw_rb_forget forgets all kinds of leaves: another regime follows. */
void ptw_rb_forget(struct ptw_rebuild *rb);

/* ptw_rb_alike returns what there is to know of leaves that are like raw. */
PTW_ENGINE const struct ptw_rebuild_alike *
ptw_rb_alike(const struct ptw_format *a, struct ptw_rebuild *rb, uint64_t raw)
{
    uint64_t key = ~ptw_attribute_bits(a, rb->state.regime, 0, raw);
    struct ptw_rebuild_alike *l =
        &rb->state.alike[ptw_scatter(key, PTW_REBUILD_ALIKE_LOG2)];

    if (PTW_UNLIKELY(l->key != key)) {
        ptw_rb_learn(rb, raw, l);
        l->key = key;
    }
    return l;
}

/* Writes the new leaf with that index of the new table of the path. */
PTW_ENGINE enum ptw_status ptw_rb_put_small_leaf(const struct ptw_format *a,
                                                 struct ptw_rebuild *rb,
                                                 const struct ptw_block *b,
                                                 uint64_t raw, uint64_t pa,
                                                 unsigned index)
{
    const struct ptw_regime *r = rb->state.regime;
    const struct ptw_rebuild_alike *alike = ptw_rb_alike(a, rb, raw);
    uint64_t bit = ptw_page_bit(ptw_page_log2(a), pa);
    bool shared_too = (rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0;
    uint64_t bits = alike->is;
    ptw_pa now;

    rb->counts.marked_before += alike->marked;
    if ((rb->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
        alike->writes == PTW_WRITES &&
        (shared_too || (ptw_block_shared(b) & bit) == 0)) {
        bits = alike->turned;
        rb->counts.copy_on_write++;
        /* Of pages that have several leaves each counts once, at the end. */
        rb->counts.copy_on_write_pages += !shared_too;
    }
    if (PTW_LIKELY((b->kept & ~b->gone & bit) != 0)) {
        now.v = ptw_block_to(ptw_page_log2(a), b, bit);
    } else if (ptw_rebuild_page(rb, ptw_pa_of(pa), &now) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    if (!ptw_leaf_holds(a, r, 0, bits, now.v)) {
        return PTW_E_WIDTH;
    }
    return ptw_rb_put_in(a, rb, 0, index, ptw_leaf_entry(a, r, 0, bits, now.v));
}

/* ptw_rb_small_leaf keeps, counts or builds the leaf with that index of its
 * table. raw is the leaf, and pa its page. */
PTW_ENGINE enum ptw_status ptw_rb_small_leaf(const struct ptw_format *a,
                                             struct ptw_rebuild *rb,
                                             enum ptw_rebuild_phase phase,
                                             uint64_t raw, uint64_t pa,
                                             unsigned index)
{
    uint64_t bit = ptw_page_bit(ptw_page_log2(a), pa);
    enum ptw_cover cover = ptw_runs_page_near(&rb->state.runs, &rb->state.near,
                                              ptw_page_log2(a), pa);
    const struct ptw_rebuild_alike *alike;
    struct ptw_block *b;

    if (PTW_UNLIKELY(cover != PTW_COVER_ALL)) {
        rb->counts.dropped[cover == PTW_COVER_SOME ? PTW_DROP_PARTIAL
                                                   : PTW_DROP_OUTSIDE]++;
        return PTW_OK;
    }
    if (phase == PTW_REBUILD_WALKING) {
        if (PTW_UNLIKELY(!ptw_hash_room(&rb->state.kept, 1))) {
            return ptw_rb_ask(
                rb, PTW_REBUILD_BLOCKS,
                ptw_hash_wanted(&rb->state.kept, sizeof(struct ptw_block), 1));
        }
        alike = ptw_rb_alike(a, rb, raw);
        b = ptw_rb_block_for(rb, ptw_page_log2(a), pa);
        ptw_rb_keep_of(rb, b, bit, 0, alike->flags,
                       (enum ptw_writes)alike->writes);
        rb->counts.leaves++;
        return PTW_OK;
    }
    b = ptw_rb_block_near(rb, ptw_page_log2(a), pa);
    if (b != NULL && PTW_UNLIKELY((b->gone & bit) != 0)) {
        rb->counts.dropped[PTW_DROP_UNREADABLE]++;
        return PTW_OK;
    }
    rb->counts.leaves++;
    if (phase != PTW_REBUILD_BUILDING) {
        return PTW_OK;
    }
    return b == NULL ? PTW_E_CHANGED
                     : ptw_rb_put_small_leaf(a, rb, b, raw, pa, index);
}

/* ptw_rb_refuses says whether a leaf of the plan, of which something is kept,
 * is to be refused, and notes where it is. */
bool ptw_rb_refuses(struct ptw_rebuild *rb, unsigned level, uint64_t raw,
                    uint32_t space, uint64_t va);

#endif
