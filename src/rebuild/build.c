/* SPDX-License-Identifier: Apache-2.0 */
/* This file walks the spaces.  In the plan it keeps and counts what the
 * items of the walk map; later it builds the new tables from the same items.
 *
 * The walk gives each table once, with a number; the new table stands at
 * that number behind the pages.  So building puts every entry that the walk
 * reports, with its own bits and a new address, at its index in the new
 * table of the path.  Nothing of the new tables is ever read. */
#include "build.h"

#include "absent.h"
#include "leaves.h"
#include "split.h"

static bool map_touches(const struct ptw_map_request *q, uint64_t first,
                        uint64_t last)
{
    return q->first.v <= last && q->last.v >= first;
}

/* Whether what is kept grants every map its rights: a table, or a reference to
 * one, of that level at that address, by a path with those rights. */
static enum ptw_status maps_granted(struct ptw_rebuild *rb, uint64_t va,
                                    unsigned level, unsigned rights)
{
    const struct ptw_level *l = &rb->state.regime->arch->format->level[level];
    uint64_t span = ptw_low_mask(l->shift + l->bits);

    for (size_t i = 0; i < rb->o.maps; i++) {
        const struct ptw_map_request *q = &rb->o.map[i];
        unsigned needed =
            q->copy_on_write ? q->rights & ~(unsigned)PTW_WRITE : q->rights;

        if (map_touches(q, va & ~span, va | span) && (needed & ~rights) != 0) {
            rb->state.bad_map = i + 1;
            return PTW_E_RIGHTS;
        }
    }
    return PTW_OK;
}

/* ------------------------------------------------------------------- leaves */

bool ptw_rb_refuses(struct ptw_rebuild *rb, unsigned level, uint64_t raw,
                    uint32_t space, uint64_t va)
{
    if (rb->state.phase != PTW_REBUILD_WALKING ||
        (rb->o.flags & PTW_REBUILD_REFUSE_MARKED) == 0 ||
        !ptw_is_copy_on_write(rb->state.regime, level, raw)) {
        return false;
    }
    rb->state.marked = true;
    rb->state.marked_space = space;
    rb->state.marked_va.v = va;
    return true;
}

static enum ptw_status leaf(struct ptw_rebuild *rb, const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_format *a = rb->state.regime->arch->format;
    uint64_t leaves = rb->counts.leaves;
    enum ptw_status st =
        m->level > 0
            ? ptw_rb_large_leaf(rb, item)
            : ptw_rb_small_leaf(a, rb, rb->state.phase, m->raw, m->pa.v,
                                (unsigned)(item->first.v >> a->level[0].shift &
                                           ptw_low_mask(ptw_index_bits(
                                               a, rb->state.regime, 0))));

    return st == PTW_OK && rb->counts.leaves > leaves &&
                   ptw_rb_refuses(rb, m->level, m->raw, item->space,
                                  item->first.v)
               ? PTW_E_MARKED
               : st;
}

/* -------------------------------------------------------------- not present */

/* A table of the old image, for its entries that are not present. */
struct old_table {
    unsigned level;
    uint64_t pa;
    uint64_t first; /* the address of its first entry */
    bool whole;     /* all of it is kept */
    struct ptw_region_cache cache;
    const void *host; /* where lines of it can be read directly, or NULL */
};

static struct old_table old_table_of(const struct ptw_rebuild *rb,
                                     unsigned level, ptw_pa pa, ptw_va first)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    const struct ptw_level *l = &a->level[level];
    uint64_t last =
        level == ptw_top(a, rb->state.regime)
            ? UINT64_MAX
            : first.v +
                  ptw_low_mask(l->shift +
                               ptw_index_bits(a, rb->state.regime, level));
    struct old_table t = {level,
                          pa.v,
                          first.v,
                          ptw_rb_kept_of(rb, first.v, last) == PTW_COVER_ALL,
                          rb->state.mem->cache,
                          NULL};
    uint64_t bytes = ptw_table_bytes(a, rb->state.regime, level);

    if (bytes >> a->entry_log2 >= PTW_LINE) {
        t.host = ptw_readable_cached(rb->state.mem, &t.cache, pa.v, bytes);
    }
    return t;
}

/* An entry of such a table that is not present, and not 0. */
struct old_entry {
    uint64_t raw;
    uint64_t first; /* of its addresses */
    uint64_t last;
    bool whole; /* all of them are kept */
};

/* Whether raw, entry i, is such an entry, and any of its addresses is kept. */
static bool absent_entry(const struct ptw_rebuild *rb,
                         const struct old_table *t, unsigned i, uint64_t raw,
                         struct old_entry *e)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    uint64_t size = ptw_low_mask(a->level[t->level].shift) + 1;
    enum ptw_cover kept = PTW_COVER_ALL;
    uint64_t at = i * size;

    if (raw == 0 || (raw & a->present) != 0) {
        return false;
    }
    e->raw = raw;
    e->first = t->level == ptw_top(a, rb->state.regime)
                   ? ptw_va_from(a, rb->state.regime, at)
                   : t->first + at;
    e->last = e->first + (size - 1);
    if (!t->whole) {
        kept = ptw_rb_kept_of(rb, e->first, e->last);
    }
    e->whole = kept == PTW_COVER_ALL;
    return kept != PTW_COVER_NONE;
}

/* Reads entry *i; false when it is no such entry, or none of its addresses is
 * kept, or it can't be read: then *i passes over the others of a gap. */
static bool read_absent(struct ptw_rebuild *rb, struct old_table *t,
                        unsigned *i, struct old_entry *e)
{
    unsigned at = *i;
    uint64_t raw;

    rb->work++;
    return ptw_get_absent(rb->state.mem, &t->cache, rb->state.regime, t->level,
                          t->pa, i, &raw) &&
           absent_entry(rb, t, at, raw, e);
}

/* Whether a map needs a table in the place of that entry. */
static bool gives_way(const struct ptw_rebuild *rb, const struct old_entry *e)
{
    for (size_t i = 0; !e->whole && i < rb->o.maps; i++) {
        if (map_touches(&rb->o.map[i], e->first, e->last)) {
            return true;
        }
    }
    return false;
}

/* What such an entry names, as far as the tables and the memory's layout say: a
 * page that can't be kept whole is none. */
static struct ptw_absent_entry named_by(const struct ptw_rebuild *rb,
                                        unsigned level,
                                        const struct old_entry *o)
{
    struct ptw_absent_entry e =
        ptw_absent_read(&rb->o.absent, rb->state.regime, level, o->raw);

    if (e.kind == PTW_ABSENT_FRAME &&
        (!o->whole || !ptw_runs_all(&rb->state.runs, e.pa.v, e.size_log2))) {
        e.kind = PTW_ABSENT_UNKNOWN;
    }
    return e;
}

/* Keeps the pages that entries of the table name which are not present.  Goes
 * on at rb->state.entry when there was no room.  Lines that have no such entry
 * are passed over; any other is read again, entry by entry. */
static enum ptw_status keep_named(struct ptw_rebuild *rb, struct old_table *t)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    unsigned bits = ptw_index_bits(a, rb->state.regime, t->level);

    if (rb->o.absent.policy < PTW_ABSENT_LINUX ||
        rb->state.phase != PTW_REBUILD_WALKING) {
        return PTW_OK;
    }
    for (; rb->state.entry >> bits == 0; rb->state.entry++) {
        struct old_entry o;
        struct ptw_absent_entry e;
        enum ptw_status st;

        if (t->host != NULL && rb->state.entry % PTW_LINE == 0) {
            unsigned next =
                ptw_pass_absent(a, t->host, rb->state.entry, 1u << bits);

            rb->work += next - rb->state.entry;
            rb->state.entry = next;
            if (next >> bits != 0) {
                break;
            }
        }
        if (!read_absent(rb, t, &rb->state.entry, &o)) {
            continue;
        }
        e = named_by(rb, t->level, &o);
        if (e.kind != PTW_ABSENT_FRAME) {
            continue;
        }
        st = ptw_rb_blocks_room(rb, e.size_log2);
        if (st != PTW_OK) {
            return st;
        }
        ptw_rb_keep_page(rb, e.pa.v, e.size_log2, 0, PTW_WRITES_STILL);
        st = ptw_rb_count_bytes(rb);
        if (st != PTW_OK) {
            return st;
        }
    }
    rb->state.entry = 0;
    return PTW_OK;
}

/* What the new table has in place of such an entry. */
static enum ptw_status new_absent(struct ptw_rebuild *rb, unsigned level,
                                  const struct old_entry *o, uint64_t *raw)
{
    struct ptw_rebuild_counts *c = &rb->counts;
    struct ptw_absent_entry e = named_by(rb, level, o);
    const struct ptw_block *b;
    ptw_pa now;

    if (rb->o.absent.policy == PTW_ABSENT_CLEAR || gives_way(rb, o)) {
        c->absent_cleared++;
        *raw = 0;
        return PTW_OK;
    }
    *raw = o->raw;
    if (e.kind != PTW_ABSENT_FRAME) {
        c->absent_kept += e.kind == PTW_ABSENT_NO_FRAME;
        c->absent_unknown += e.kind == PTW_ABSENT_UNKNOWN;
        return PTW_OK;
    }
    b = ptw_rb_block_at(rb, e.pa.v);
    if (b == NULL ||
        (b->kept & b->fixed & ptw_page_bit(rb->state.page_log2, e.pa.v)) == 0 ||
        (e.size_log2 > rb->state.page_log2 && b->unit < e.size_log2)) {
        return PTW_E_CHANGED;
    }
    if (ptw_rb_was_read(rb, e.pa.v, e.size_log2) != PTW_COVER_ALL) {
        c->absent_unknown++;
        return PTW_OK;
    }
    if (ptw_rebuild_page(rb, e.pa, &now) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    c->absent_followed++;
    return ptw_absent_write(&rb->o.absent, rb->state.regime, level, o->raw, now,
                            raw);
}

/* A line of the new table, from entry `index` on: its entries that are not
 * present come from the old one. */
static enum ptw_status begin_line(struct ptw_rebuild *rb,
                                  const struct old_table *t, unsigned index)
{
    const struct ptw_format *a = rb->state.regime->arch->format;
    uint64_t is[PTW_LINE] = {0};
    uint64_t was[PTW_LINE];
    enum ptw_status st = PTW_OK;

    rb->work += PTW_LINE;
    if (PTW_UNLIKELY(!ptw_is_uniform_line(a, t->host, index) &&
                     ptw_absent_line(a, t->host, index, was))) {
        for (unsigned i = 0; st == PTW_OK && i < PTW_LINE; i++) {
            struct old_entry o;

            if (absent_entry(rb, t, index + i, was[i], &o)) {
                st = new_absent(rb, t->level, &o, &is[i]);
            }
        }
    }
    ptw_store_line(a, rb->state.host[t->level], index, is);
    return st;
}

/* Begins the new table of the path at that level: its entries that are not
 * present come from the old one, and nothing else is there so far. */
static enum ptw_status begin_table(struct ptw_rebuild *rb, uint32_t number,
                                   struct old_table *t)
{
    unsigned bits = ptw_index_bits(rb->state.regime->arch->format,
                                   rb->state.regime, t->level);
    unsigned log2 = rb->state.regime->arch->format->entry_log2;
    enum ptw_status st = PTW_OK;

    if (number >= rb->state.walked) {
        return PTW_E_CHANGED;
    }
    ptw_rb_stand_in(rb, t->level, ptw_rb_table_at(rb, number));
    for (unsigned i = 0; st == PTW_OK && i >> bits == 0;) {
        struct old_entry o;
        unsigned last = i;
        uint64_t raw = 0;

        if (t->host != NULL && rb->state.host[t->level] != NULL) {
            st = begin_line(rb, t, i);
            i += PTW_LINE;
            continue;
        }
        if (read_absent(rb, t, &last, &o)) {
            st = new_absent(rb, t->level, &o, &raw);
        }
        for (; st == PTW_OK && i <= last; i++) {
            st = ptw_rb_put(rb, rb->state.at[t->level], i, raw);
        }
    }
    /* Behind a table that is smaller than its place nothing is left as it was.
     */
    for (unsigned i = 1u << bits;
         st == PTW_OK && i < (1u << rb->state.table_log2) >> log2; i++) {
        st = ptw_rb_put(rb, rb->state.at[t->level], i, 0);
    }
    return st;
}

/* -------------------------------------------------------------------- items */

/* One item, of the plan or of the building. */
static enum ptw_status space(struct ptw_rebuild *rb,
                             const struct ptw_item *item,
                             struct ptw_root *new_root)
{
    const struct ptw_space *s = &item->u.space_info;
    struct old_table top;
    enum ptw_status st;

    switch (s->kind) {
    case PTW_SPACE_BAD:
        rb->where.v = item->space;
        return s->why;
    case PTW_SPACE_SAME:
        if (new_root != NULL) {
            new_root[item->space] =
                ptw_root_of(s->root.regime, new_root[s->same_as].table);
        }
        return PTW_OK;
    case PTW_SPACE_WALKED:
        break;
    }
    if (s->met_below) {
        rb->where.v = item->space;
        return PTW_E_SHARED;
    }
    if (rb->state.regime != s->root.regime) {
        rb->state.regime = s->root.regime;
        ptw_rb_forget(rb);
    }
    rb->state
        .path_flags[ptw_top(rb->state.regime->arch->format, rb->state.regime)] =
        ptw_rb_root_flags(&rb->o, item->space);
    top = old_table_of(
        rb, ptw_top(rb->state.regime->arch->format, rb->state.regime),
        s->root.table, ptw_va_of(0));
    st = keep_named(rb, &top);
    if (st != PTW_OK) {
        return st;
    }
    rb->counts.spaces++;
    rb->counts.tables++;
    rb->state.last_root = s->number;
    if (new_root == NULL) {
        return PTW_OK;
    }
    new_root[item->space] =
        ptw_root_of(s->root.regime, ptw_pa_of(ptw_rb_table_at(rb, s->number)));
    return begin_table(rb, s->number, &top);
}

static enum ptw_status table(struct ptw_rebuild *rb,
                             const struct ptw_item *item)
{
    const struct ptw_table *t = &item->u.table;
    struct old_table old = old_table_of(rb, t->level, t->table, item->first);
    enum ptw_status st = keep_named(rb, &old);

    rb->state.path_flags[t->level] =
        t->attributes & rb->state.regime->flag_bits;
    if (st != PTW_OK) {
        return st;
    }
    rb->counts.tables++;
    if (rb->state.phase != PTW_REBUILD_BUILDING) {
        return maps_granted(rb, item->first.v, t->level, t->rights);
    }
    st = begin_table(rb, t->number, &old);
    return st == PTW_OK
               ? ptw_rb_put_at(rb, t->level + 1u, item->first.v,
                               ptw_table_entry(rb->state.regime->arch->format,
                                               rb->state.regime, t->level + 1u,
                                               t->attributes,
                                               rb->state.at[t->level]))
               : st;
}

static enum ptw_status alias(struct ptw_rebuild *rb,
                             const struct ptw_item *item)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(rb->state.regime, item, &level);

    rb->counts.aliases++;
    if (rb->state.phase != PTW_REBUILD_BUILDING) {
        return maps_granted(rb, item->first.v, level, ref.rights);
    }
    if (ref.number >= rb->state.walked) {
        return PTW_E_CHANGED;
    }
    return ptw_rb_put_at(rb, level + 1, item->first.v,
                         ptw_table_entry(rb->state.regime->arch->format,
                                         rb->state.regime, level + 1,
                                         ref.attributes,
                                         ptw_rb_table_at(rb, ref.number)));
}

static enum ptw_status finding(struct ptw_rebuild *rb,
                               const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;
    const struct ptw_format *a = rb->state.regime->arch->format;

    switch (f->kind) {
    case PTW_FINDING_BAD_ENTRY:
        rb->counts.dropped[PTW_DROP_BAD_ENTRY]++;
        break;
    case PTW_FINDING_REFUSED:
        rb->counts.dropped[PTW_DROP_TABLE]++;
        break;
    case PTW_FINDING_SELF:
        if (ptw_rb_kept_of(rb, item->first.v, item->last.v) != PTW_COVER_ALL) {
            rb->counts.dropped[PTW_DROP_SELF]++;
            break;
        }
        rb->counts.writable_selves +=
            ptw_slot_writes(rb->state.regime, f->level + 1u, f->raw);
        if (rb->state.phase == PTW_REBUILD_BUILDING) {
            return ptw_rb_put_at(
                rb, f->level + 1u, item->first.v,
                ptw_table_entry(a, rb->state.regime, f->level + 1u,
                                ptw_attribute_bits(a, rb->state.regime,
                                                   f->level + 1u, f->raw),
                                rb->state.at[f->level + 1]));
        }
        break;
    case PTW_FINDING_TWO_LEVELS:
    case PTW_FINDING_EXPOSED:
        break;
    }
    return PTW_OK;
}

static enum ptw_status visit(struct ptw_rebuild *rb,
                             const struct ptw_item *item,
                             struct ptw_root *new_root)
{
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        return space(rb, item, new_root);
    case PTW_ITEM_TABLE:
        return table(rb, item);
    case PTW_ITEM_MAPPING:
        return leaf(rb, item);
    case PTW_ITEM_ALIAS:
        return alias(rb, item);
    case PTW_ITEM_FINDING:
        return finding(rb, item);
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
    return PTW_OK;
}

/* -------------------------------------------------------------------- walks */

enum ptw_status ptw_rb_begin_walk(struct ptw_rebuild *rb)
{
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_rebuild_counts *c = &rb->counts;

    o.first = rb->o.first;
    o.last = rb->o.last;
    o.leave_out = rb->o.leave_out;
    o.leave_outs = rb->o.leave_outs;
    o.max_reads = rb->o.max_reads;
    o.flags = PTW_WALK_TABLES | PTW_WALK_SELF;
    c->spaces = 0;
    c->tables = 0;
    c->aliases = 0;
    c->leaves = 0;
    c->large = 0;
    c->split = 0;
    c->copy_on_write = 0;
    c->copy_on_write_pages = 0;
    c->marked_before = 0;
    c->absent_kept = 0;
    c->absent_cleared = 0;
    c->absent_followed = 0;
    c->absent_unknown = 0;
    c->writable_selves = 0;
    memset(c->dropped, 0, sizeof c->dropped);
    rb->state.items = 0;
    rb->state.next = 0;
    rb->state.extra =
        rb->state.phase == PTW_REBUILD_BUILDING ? rb->state.extra : 0;
    rb->state.taken = 0;
    rb->state.split_reads = 0;
    return ptw_walk_va_spaces_init(&rb->state.walk, rb->state.mem,
                                   rb->state.root, rb->state.roots,
                                   &rb->state.memo, &o);
}

/* Visits the items that the walk gave. */
static enum ptw_status visit_items(struct ptw_rebuild *rb,
                                   struct ptw_root *new_root)
{
    enum ptw_status st = PTW_OK;

    while (st == PTW_OK && rb->state.next < rb->state.items) {
        rb->work++;
        st = visit(rb, &rb->state.item[rb->state.next], new_root);
        if (st == PTW_OK && rb->state.phase != PTW_REBUILD_BUILDING) {
            st = ptw_rb_count_bytes(rb);
        }
        rb->state.next += st == PTW_OK;
    }
    return st;
}

/* Whether the rebuild does tables of leaves by itself: the walk that counts
 * once more after the copy is rare. */
static bool does_leaves(const struct ptw_rebuild *rb)
{
    return rb->state.phase == PTW_REBUILD_WALKING ||
           rb->state.phase == PTW_REBUILD_BUILDING;
}

/* How many items to take from the walk: one, so that it stops where it enters a
 * table of leaves; more, where it stands in one that is not to be read
 * directly. */
static size_t room_for_items(const struct ptw_rebuild *rb)
{
    const struct ptw_cursor *c = &rb->state.walk.c;

    return does_leaves(rb) && (c->level != 0 || c->at[0].host != NULL)
               ? 1
               : PTW_REBUILD_BATCH;
}

enum ptw_status ptw_rb_walk_on(struct ptw_rebuild *rb,
                               struct ptw_root *new_root)
{
    const struct ptw_walk *w = &rb->state.walk;

    for (;;) {
        enum ptw_status st = visit_items(rb, new_root);
        uint64_t reads = ptw_walk_counts(w).reads;

        if (st != PTW_OK) {
            return st;
        }
        rb->state.next = 0;
        rb->state.items = 0;
        if (does_leaves(rb) && ptw_rb_at_leaves(rb)) {
            st = w->c.regime->arch->rebuild_leaves(rb);
        }
        if (st == PTW_OK) {
            st = ptw_walk_next(&rb->state.walk, rb->state.item,
                               room_for_items(rb), &rb->state.items);
        } else {
            rb->work += ptw_walk_counts(w).reads - reads;
            return st;
        }
        rb->work += ptw_walk_counts(w).reads - reads;
        if (ptw_rb_reads_too_much(rb)) {
            return PTW_E_LIMIT;
        }
        if (st == PTW_OK) {
            continue;
        }
        if (st == PTW_E_SPACE) {
            return ptw_rb_ask(rb, PTW_REBUILD_TABLES_SEEN,
                              ptw_rb_memo_wanted(&rb->state.memo));
        }
        return st == PTW_END ? PTW_OK : st;
    }
}

enum ptw_status ptw_rb_walk_again(struct ptw_rebuild *rb,
                                  struct ptw_root *new_root)
{
    enum ptw_status st = ptw_memo_init(
        &rb->state.memo, rb->state.store[PTW_REBUILD_TABLES_SEEN].at,
        rb->state.store[PTW_REBUILD_TABLES_SEEN].bytes, rb->o.seed);

    if (st == PTW_OK) {
        st = ptw_rb_begin_walk(rb);
    }
    if (st == PTW_OK) {
        st = ptw_rb_walk_on(rb, new_root);
    }
    return st == PTW_E_SPACE ? PTW_E_CHANGED : st;
}

/* --------------------------------------------------------------------- maps */

static enum ptw_status take_for_map(void *ctx, ptw_pa *table)
{
    return ptw_rb_take_extra(ctx, &table->v);
}

enum ptw_status ptw_rb_add_maps(struct ptw_rebuild *rb,
                                const struct ptw_root *new_root)
{
    static const struct ptw_table_ops ops = {.take = take_for_map};
    struct ptw_tables t = {
        .mem = rb->state.to,
        .ops = &ops,
        .ctx = rb,
    };

    for (size_t i = 0; i < rb->o.maps; i++) {
        t.table_rights |= rb->o.map[i].rights;
    }
    for (uint32_t space = 0; space < rb->state.roots; space++) {
        t.root = new_root[space];
        t.table_flags = ptw_rb_root_flags(&rb->o, space);
        for (size_t i = 0; i < rb->o.maps; i++) {
            struct ptw_map_request q = rb->o.map[i];
            enum ptw_status st;

            if (!ptw_rb_map_reaches(t.root.regime, &q)) {
                continue;
            }
            q.max_reads = 0;
            st = ptw_map(&t, &q);
            /* These the plan has ruled out. */
            if (st == PTW_E_RIGHTS || st == PTW_E_LARGE || st == PTW_E_WIDTH) {
                st = PTW_E_CHANGED;
            }
            if (st != PTW_OK) {
                return st;
            }
        }
    }
    return PTW_OK;
}

void ptw_rb_count_written(struct ptw_rebuild *rb)
{
    uint64_t written = 0;
    uint64_t writable = 0;
    uint64_t fixed = 0;

    for (size_t i = 0; i < rb->state.blocks; i++) {
        const struct ptw_block *b = ptw_rb_ordered(rb, i);

        written += ptw_count_bits(ptw_block_written(b) & ~b->gone);
        writable += ptw_count_bits(b->writable & ~b->gone);
        fixed += ptw_count_bits(b->fixed & ~b->gone);
    }
    if ((rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        rb->counts.copy_on_write_pages = writable;
        rb->counts.writable_pages = fixed;
    } else {
        rb->counts.writable_pages = written - rb->counts.copy_on_write_pages;
    }
}
