/* SPDX-License-Identifier: Apache-2.0 */
/* The private parts of a rebuild that several of its steps use: its records,
 * and the small functions that look at them. */
#ifndef PTW_RB_STATE_H
#define PTW_RB_STATE_H

#include "mem.h"
#include "page_blocks.h"
#include "ptwalk/rebuild.h"
#include "regime.h"
#include "walk/memo.h"

/* A large leaf becomes itself, or smaller ones where only parts of it are kept.
 * A new leaf stands for all or a part of an old one, or for pages that could
 * not be read. */
struct new_leaf {
    uint64_t at; /* offset in the old leaf */
    uint64_t pa; /* old */
    uint64_t bytes;
    unsigned level;
    bool kept; /* else it could not be read */
};

/* What becomes of a large leaf that does not stay as it is: found out once for
 * each address and size, when nothing of it is left out. */
struct large {
    uint64_t key; /* number of its first page + 1, and level << LARGE_AT */
    uint64_t dropped[PTW_DROP_UNREADABLE + 1];
    uint64_t leaves; /* new ones, tables that they need, */
    uint64_t tables;
    uint64_t large; /* and how many of them are large */
    uint16_t phase; /* in which that was found out */
    uint16_t old;   /* leaves that map it: a set of enum ptw_unit_leaf */
    uint64_t flags; /* flag bits of the first of these */
};

enum { LARGE_AT = 56 };

/* The order of the blocks: units before single pages, the larger first, and
 * then by address.  One number has it all: the rank, and the block's number. */
enum { ORDER_RANK_AT = 56 };

/* ptw_rb_ranks returns how many sizes of leaves there are, at most. */
static inline unsigned ptw_rb_ranks(const struct ptw_rebuild *rb)
{
    unsigned ranks = rb->state.regime->arch->format->levels;

    while (ranks > 1 && !rb->state.regime->rule[ranks - 1].leaf) {
        ranks--;
    }
    return ranks;
}

struct contents {   /* of PTW_REBUILD_CONTENTS */
    uint64_t key;   /* CONTENT | hash, or a page's number + 1 */
    uint64_t frame; /* the page that has it, by number */
};

/* ptw_rb_page_bytes returns the size of the smallest page, and
 * ptw_rb_block_log2 the log2 of the bytes of a block. */
static inline size_t ptw_rb_page_bytes(const struct ptw_rebuild *rb)
{
    return (size_t)1 << rb->state.page_log2;
}

static inline unsigned ptw_rb_block_log2(const struct ptw_rebuild *rb)
{
    return rb->state.page_log2 + PTW_BLOCK_PAGES_LOG2;
}

/* ptw_rb_kept_of says how much of [first, last] is to be kept. */
static inline enum ptw_cover ptw_rb_kept_of(const struct ptw_rebuild *rb,
                                            uint64_t first, uint64_t last)
{
    struct ptw_va_range whole = {rb->o.first, rb->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_range_kept(whole, rb->o.leave_out, rb->o.leave_outs, part);
}

/* ptw_rb_root_flags returns the flag bits of the root of that space. */
static inline uint64_t ptw_rb_root_flags(const struct ptw_rebuild_options *o,
                                         uint32_t space)
{
    return o->root_flags != NULL ? o->root_flags[space] : 0;
}

/* ptw_rb_ask notes the storage that a step needs, and returns PTW_E_SPACE. */
static inline enum ptw_status
ptw_rb_ask(struct ptw_rebuild *rb, enum ptw_rebuild_store which, size_t wanted)
{
    rb->state.short_of = which;
    rb->wanted = wanted;
    return PTW_E_SPACE;
}

/* ptw_rb_memo_wanted returns how many bytes the memo of tables should have
 * next. */
static inline size_t ptw_rb_memo_wanted(const struct ptw_memo *memo)
{
    return ptw_memo_bytes(memo->slot == NULL
                              ? PTW_FIRST_TABLES
                              : ptw_slots_used(memo->slots_log2 + 1));
}

/* ptw_rb_ordered returns block number i of the order. */
static inline struct ptw_block *ptw_rb_ordered(const struct ptw_rebuild *rb,
                                               size_t i)
{
    const struct ptw_ordered *order = rb->state.store[PTW_REBUILD_ORDER].at;

    return (struct ptw_block *)(void *)(rb->state.kept.record +
                                        (size_t)order[i].slot *
                                            sizeof(struct ptw_block));
}

/* ptw_rb_count_bytes adds up the size of the image so far.  It returns
 * PTW_E_LIMIT when the image is too large. */
static inline enum ptw_status ptw_rb_count_bytes(struct ptw_rebuild *rb)
{
    rb->counts.bytes =
        rb->counts.page_bytes + (rb->counts.tables << rb->state.table_log2);
    return rb->counts.bytes > rb->o.max_bytes ? PTW_E_LIMIT : PTW_OK;
}

/* ptw_rb_reads_too_much says whether the plan has read more entries than it
 * may.  The new leaves of large ones count as entries. */
static inline bool ptw_rb_reads_too_much(const struct ptw_rebuild *rb)
{
    return rb->state.phase == PTW_REBUILD_WALKING &&
           (rb->state.split_reads > rb->o.max_reads ||
            ptw_walk_counts(&rb->state.walk).reads >
                rb->o.max_reads - rb->state.split_reads);
}

#endif
