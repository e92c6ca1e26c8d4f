/* SPDX-License-Identifier: Apache-2.0 */
/* This file runs a rebuild: it checks the options, takes the storage, and
 * does the steps one after the other.
 *
 * The plan and the building are the same walk, with the same items, done
 * twice.  In between the pages are copied, in the order of their old
 * addresses, which is also that of the new ones. */
#include "build.h"
#include "copy.h"
#include "marked.h"
#include "merge.h"
#include "place.h"
#include "runs.h"

struct ptw_rebuild_options ptw_rebuild_everything(void)
{
    struct ptw_rebuild_options o = {
        .last = {UINT64_MAX},
        .max_reads = UINT64_MAX,
        .max_bytes = UINT64_MAX,
    };

    return o;
}

const char *ptw_drop_text(enum ptw_drop why)
{
    switch (why) {
    case PTW_DROP_OUTSIDE:
        return "outside the memory offered";
    case PTW_DROP_PARTIAL:
        return "offered only in part";
    case PTW_DROP_UNREADABLE:
        return "unreadable";
    case PTW_DROP_BAD_ENTRY:
        return "reserved bits set";
    case PTW_DROP_TABLE:
        return "unreadable table";
    case PTW_DROP_SELF:
        return "self-reference kept in part";
    case PTW_DROPS:
        break;
    }
    return "unknown reason";
}

static enum ptw_status check_options(const struct ptw_root *root,
                                     uint32_t roots,
                                     const struct ptw_rebuild_options *o)
{
    const struct ptw_regime *r = root[0].regime;
    uint64_t places = o->base.v;
    uint64_t tables = 0;
    enum ptw_status st;

    if (r->arch->format->levels == 0) {
        return PTW_E_REGIME;
    }
    st = ptw_absent_check(&o->absent, r);
    if (st == PTW_OK) {
        st = ptw_marked_check(o->flags);
    }
    if (st != PTW_OK) {
        return st;
    }
    if ((o->flags & (PTW_REBUILD_COPY_ON_WRITE | PTW_REBUILD_COPY_SHARED)) !=
            0 &&
        ptw_writes_unasked(r)) {
        return PTW_E_REGIME;
    }
    st = ptw_kept_check(root, roots, (struct ptw_va_range){o->first, o->last},
                        o->leave_out, o->leave_outs);
    if (st != PTW_OK) {
        return st;
    }
    if ((o->flags & PTW_REBUILD_TABLES_APART) != 0) {
        tables = o->tables_base.v;
        places |= tables;
    }
    if ((places & ptw_low_mask(ptw_page_log2(r->arch->format))) != 0 ||
        (tables & (ptw_largest_table(r) - 1)) != 0) {
        return PTW_E_ALIGN;
    }
    return (places & ~ptw_low_mask(r->pa_bits)) != 0 ? PTW_E_WIDTH : PTW_OK;
}

/* Judges a map by itself, by what is kept, and by the maps before it. */
static enum ptw_status check_map(const struct ptw_rebuild *rb, size_t map)
{
    const struct ptw_map_request *q = &rb->o.map[map];
    enum ptw_status st = PTW_OK;
    bool reached = false;

    for (uint32_t i = 0; st == PTW_OK && i < rb->state.roots; i++) {
        if (ptw_rb_map_reaches(rb->state.root[i].regime, q) &&
            (i == 0 ||
             rb->state.root[i].regime != rb->state.root[i - 1].regime)) {
            st = ptw_map_check(rb->state.root[i].regime, q);
            reached = true;
        }
    }
    if (!reached) {
        st = ptw_map_check(rb->state.regime, q);
    }
    if (st == PTW_OK &&
        ptw_rb_kept_of(rb, q->first.v, q->last.v) != PTW_COVER_NONE) {
        st = PTW_E_OVERLAP;
    }
    for (size_t i = 0; st == PTW_OK && i < map; i++) {
        const struct ptw_map_request *before = &rb->o.map[i];

        if (q->first.v <= before->last.v && before->first.v <= q->last.v) {
            st = PTW_E_OVERLAP;
        }
    }
    return st;
}

enum ptw_status ptw_rebuild_init(struct ptw_rebuild *rb,
                                 const struct ptw_mem *mem,
                                 const struct ptw_root *root, uint32_t roots,
                                 const struct ptw_rebuild_options *options)
{
    const struct ptw_regime *regime;
    enum ptw_status st;

    memset(rb, 0, sizeof *rb);
    rb->state.phase = PTW_REBUILD_BROKEN;
    if (!ptw_roots_agree(root, roots)) {
        return PTW_E_ARG;
    }
    regime = root[0].regime;
    st = check_options(root, roots, options);
    if (st != PTW_OK) {
        return st;
    }
    for (uint32_t i = 0; i < roots; i++) {
        if ((ptw_rb_root_flags(options, i) & ~regime->flag_bits) != 0) {
            return PTW_E_ARG;
        }
    }
    rb->state.regime = regime;
    rb->state.page_log2 = ptw_page_log2(regime->arch->format);
    for (uint32_t i = 0; i < roots; i++) {
        unsigned log2 = ptw_place_log2(root[i].regime);

        rb->state.table_log2 =
            log2 > rb->state.table_log2 ? log2 : rb->state.table_log2;
    }
    rb->state.mem = mem;
    rb->state.root = root;
    rb->state.roots = roots;
    rb->o = *options;
    rb->o.max_reads = ptw_limit(options->max_reads);
    rb->o.max_bytes = ptw_limit(options->max_bytes);
    if ((rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        rb->o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    }
    for (size_t i = 0; i < options->maps; i++) {
        st = check_map(rb, i);
        if (st != PTW_OK) {
            rb->state.bad_map = i + 1;
            return st;
        }
    }
    rb->state.phase = PTW_REBUILD_START;
    return PTW_OK;
}

/* ------------------------------------------------------------------ storage */

static enum ptw_status give_memo(struct ptw_rebuild *rb, void *storage,
                                 size_t bytes)
{
    return rb->state.memo.slot == NULL
               ? ptw_memo_init(&rb->state.memo, storage, bytes, rb->o.seed)
               : ptw_memo_grow(&rb->state.memo, storage, bytes);
}

static enum ptw_status plain_storage(const struct ptw_rebuild *rb,
                                     const void *storage, size_t bytes)
{
    return ((uintptr_t)storage & 7) != 0 ? PTW_E_ALIGN
           : bytes >= rb->wanted         ? PTW_OK
                                         : PTW_E_SPACE;
}

enum ptw_status ptw_rebuild_give(struct ptw_rebuild *rb, void *storage,
                                 size_t bytes, void **before)
{
    struct ptw_store *s = &rb->state.store[rb->state.short_of];
    enum ptw_status st = PTW_E_SPACE;

    *before = NULL;
    if (rb->wanted == 0 || storage == NULL) {
        return PTW_E_ARG;
    }
    switch (rb->state.short_of) {
    case PTW_REBUILD_TABLES_SEEN:
        st = give_memo(rb, storage, bytes);
        break;
    case PTW_REBUILD_BLOCKS:
        st = ptw_hash_give(&rb->state.kept, sizeof(struct ptw_block), storage,
                           bytes, rb->o.seed);
        rb->state.last_block = NULL;
        break;
    case PTW_REBUILD_ORDER:
        st = plain_storage(rb, storage, bytes);
        break;
    case PTW_REBUILD_CONTENTS:
        st = bytes < rb->wanted
                 ? PTW_E_SPACE
                 : ptw_hash_give(&rb->state.contents, sizeof(struct contents),
                                 storage, bytes, rb->o.seed);
        break;
    case PTW_REBUILD_LARGE:
        st = ptw_hash_give(&rb->state.large, sizeof(struct large), storage,
                           bytes, rb->o.seed);
        break;
    case PTW_REBUILD_MEMORY:
        st = plain_storage(rb, storage, bytes);
        break;
    case PTW_REBUILD_STORES:
        break;
    }
    if (st == PTW_OK) {
        *before = s->at;
        s->at = storage;
        s->bytes = bytes;
        rb->wanted = 0;
    }
    return st;
}

void *ptw_rebuild_storage(const struct ptw_rebuild *rb, unsigned i)
{
    return i < PTW_REBUILD_STORES ? rb->state.store[i].at : NULL;
}

/* --------------------------------------------------------------------- plan */

/* That PTW_REBUILD_MEMORY has room for: two pages, and the key of hash_page. */
enum { PAGES = 3 };

static enum ptw_status plan_on(struct ptw_rebuild *rb)
{
    enum ptw_status st = PTW_OK;

    if (rb->state.phase == PTW_REBUILD_START) {
        size_t page = ptw_rb_page_bytes(rb);
        size_t runs = ptw_runs_bytes(rb->state.mem);
        size_t bytes = runs + PAGES * page;
        unsigned char *room = rb->state.store[PTW_REBUILD_MEMORY].at;

        if (rb->state.store[PTW_REBUILD_MEMORY].bytes < bytes) {
            return ptw_rb_ask(rb, PTW_REBUILD_MEMORY, bytes);
        }
        if (rb->state.memo.slot == NULL) {
            return ptw_rb_ask(rb, PTW_REBUILD_TABLES_SEEN,
                              ptw_rb_memo_wanted(&rb->state.memo));
        }
        ptw_runs_make(&rb->state.runs, rb->state.mem, rb->state.page_log2,
                      room);
        rb->state.page[0] = (void *)(room + runs);
        rb->state.page[1] = (void *)(room + runs + page);
        rb->state.key = (void *)(room + runs + 2 * page);
        rb->work += rb->state.mem->regions;
        st = ptw_rb_begin_walk(rb);
        rb->state.phase = PTW_REBUILD_WALKING;
    }
    if (st == PTW_OK && rb->state.phase == PTW_REBUILD_WALKING) {
        st = ptw_rb_walk_on(rb, NULL);
        if (st == PTW_OK) {
            rb->state.walked = rb->counts.tables - rb->state.extra;
            rb->state.phase = PTW_REBUILD_ORDERING;
        }
    }
    if (st == PTW_OK && rb->state.phase == PTW_REBUILD_ORDERING) {
        st = ptw_rb_put_in_order(rb);
        if (st == PTW_OK) {
            st = ptw_rb_room_for_units(rb);
        }
        if (st == PTW_OK) {
            rb->state.phase = PTW_REBUILD_COMPARING;
        }
    }
    if (st == PTW_OK && ptw_rb_merges(rb)) {
        st = ptw_rb_compare(rb);
    }
    if (st == PTW_OK) {
        st = ptw_rb_place(rb);
    }
    return st == PTW_OK ? ptw_rb_measure(rb) : st;
}

enum ptw_status ptw_rebuild_plan(struct ptw_rebuild *rb)
{
    enum ptw_status st;

    if (rb->state.phase >= PTW_REBUILD_PLANNED) {
        return PTW_E_ARG;
    }
    rb->wanted = 0;
    st = plan_on(rb);
    if (st == PTW_OK) {
        rb->state.phase = PTW_REBUILD_PLANNED;
        rb->state.block = 0;
    } else if (st != PTW_E_SPACE) {
        rb->state.phase = PTW_REBUILD_BROKEN;
    }
    return st;
}

uint32_t ptw_rebuild_bad_root(const struct ptw_rebuild *rb)
{
    return (uint32_t)rb->where.v;
}

bool ptw_rebuild_bad_map(const struct ptw_rebuild *rb, size_t *map)
{
    if (rb->state.bad_map == 0) {
        return false;
    }
    *map = rb->state.bad_map - 1;
    return true;
}

bool ptw_rebuild_bad_mark(const struct ptw_rebuild *rb, uint32_t *space,
                          ptw_va *va)
{
    if (rb->state.marked) {
        *space = rb->state.marked_space;
        *va = rb->state.marked_va;
    }
    return rb->state.marked;
}

ptw_pa ptw_rebuild_tables_at(const struct ptw_rebuild *rb)
{
    return ptw_pa_of(ptw_rb_tables_at(rb));
}

/* --------------------------------------------------------------------- copy */

/* A large page of which a part is gone becomes small ones, so that there are
 * more tables. */
static enum ptw_status count_again(struct ptw_rebuild *rb)
{
    enum ptw_status st = ptw_rb_walk_again(rb, NULL);

    if (st == PTW_OK &&
        rb->counts.tables - rb->state.extra != rb->state.walked) {
        st = PTW_E_CHANGED;
    }
    return st == PTW_OK ? ptw_rb_measure(rb) : st;
}

enum ptw_status ptw_rebuild_copy(struct ptw_rebuild *rb,
                                 const struct ptw_page_sink *sink, void *ctx)
{
    enum ptw_status st = PTW_OK;

    if (rb->state.phase != PTW_REBUILD_PLANNED) {
        return PTW_E_ARG;
    }
    while (rb->state.block < rb->state.blocks) {
        st = ptw_rb_copy_block(rb, ptw_rb_ordered(rb, rb->state.block), sink,
                               ctx);
        if (st != PTW_OK) {
            return st;
        }
        rb->state.block++;
    }
    rb->state.phase = PTW_REBUILD_COPIED;
    if (rb->state.recount) {
        st = count_again(rb);
    }
    if (st != PTW_OK) {
        rb->state.phase = PTW_REBUILD_BROKEN;
    }
    return st;
}

/* ------------------------------------------------------------------- tables */

static enum ptw_status build(struct ptw_rebuild *rb, struct ptw_root *new_root)
{
    enum ptw_status st;

    rb->state.phase = PTW_REBUILD_BUILDING;
    st = ptw_rb_walk_again(rb, new_root);
    if (st != PTW_OK) {
        return st;
    }
    if (rb->counts.tables != rb->state.walked + rb->state.taken) {
        return PTW_E_CHANGED;
    }
    ptw_rb_count_written(rb);
    st = ptw_rb_add_maps(rb, new_root);
    rb->counts.tables = rb->state.walked + rb->state.taken;
    rb->counts.bytes =
        rb->counts.page_bytes + (rb->counts.tables << rb->state.table_log2);
    return st;
}

enum ptw_status ptw_rebuild_tables(struct ptw_rebuild *rb,
                                   const struct ptw_mem *to,
                                   struct ptw_root *new_root)
{
    enum ptw_status st;

    if (rb->state.phase != PTW_REBUILD_COPIED) {
        return PTW_E_ARG;
    }
    rb->state.to = to;
    st = build(rb, new_root);
    rb->state.phase = st == PTW_OK ? PTW_REBUILD_DONE : PTW_REBUILD_BROKEN;
    return st;
}
