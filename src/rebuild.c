/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilding: what is kept, where it goes, and the new tables.
 *
 * The plan and the building are the same walk, with the same items, done twice.
 * In between the pages are copied, in the order of their old addresses, which
 * is also that of the new ones.
 *
 * The walk gives each table once, with a number; the new table stands at that
 * number behind the pages.  So to build is to put every entry that the walk
 * reports, with its own bits and a new address, at its index in the new table
 * of the path.  Nothing of the new tables is ever read. */
#include "absent.h"
#include "frames.h"
#include "marked.h"
#include "mem.h"
#include "regime.h"
#include "runs.h"
#include "sort.h"

/* A large leaf becomes itself, or smaller ones where only parts of it are kept.
 * A piece is one new leaf, or pages that could not be read. */
struct piece {
    uint64_t at; /* offset in the old leaf */
    uint64_t pa; /* old */
    uint64_t bytes;
    unsigned level;
    bool kept; /* else it could not be read */
};

/* Where the pieces of one leaf are.  The tables that they have been put into are
 * noted by level: where their span starts + 1, or 0. */
struct pieces {
    uint64_t at;  /* offset that comes next */
    uint64_t end; /* of the stretch that it is in, which is kept and whole: the
                     first offset behind it */
    uint64_t open[PTW_MAX_LEVELS];
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
 * then by address.  One number has it all: 2 bits, 34 of the block's number,
 * and the slot of the hash table. */
enum { ORDER_SLOT_BITS = 28, ORDER_BLOCK_BITS = 34, ORDER_RANKS = 3 };

struct contents {   /* of PTW_REBUILD_CONTENTS */
    uint64_t key;   /* CONTENT | hash, or a page's number + 1 */
    uint64_t frame; /* the page that has it, by number */
};

static const uint64_t CONTENT = (uint64_t)1 << 63;

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

/* ------------------------------------------------------------- what is kept */

/* How much of [first, last] is to be kept. */
static enum ptw_cover kept_of(const struct ptw_rebuild *rb, uint64_t first,
                              uint64_t last)
{
    struct ptw_va_range whole = {rb->o.first, rb->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_range_kept(whole, rb->o.leave_out, rb->o.leave_outs, part);
}

/* The first stretch of [first, last] that is to be kept, if there is one. */
static bool kept_from(const struct ptw_rebuild *rb, uint64_t first,
                      uint64_t last, struct ptw_va_range *kept)
{
    struct ptw_va_range whole = {rb->o.first, rb->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_kept_from(whole, rb->o.leave_out, rb->o.leave_outs, part, kept);
}

static enum ptw_status check_options(const struct ptw_regime *r,
                                     const struct ptw_rebuild_options *o)
{
    uint64_t places = o->base.v;
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
        (r->features & PTW_WP) == 0) {
        return PTW_E_REGIME;
    }
    st = ptw_kept_check(r, (struct ptw_va_range){o->first, o->last},
                        o->leave_out, o->leave_outs);
    if (st != PTW_OK) {
        return st;
    }
    if ((o->flags & PTW_REBUILD_TABLES_APART) != 0) {
        places |= o->tables_base.v;
    }
    if ((places & ptw_low_mask(PTW_PAGE_BITS)) != 0) {
        return PTW_E_ALIGN;
    }
    return (places & ~ptw_low_mask(r->pa_bits)) != 0 ? PTW_E_WIDTH : PTW_OK;
}

/* Judges a map by itself, by what is kept, and by the maps before it. */
static enum ptw_status check_map(const struct ptw_rebuild *rb, size_t map)
{
    const struct ptw_map_request *q = &rb->o.map[map];
    enum ptw_status st = ptw_map_check(rb->regime, q);

    if (st == PTW_OK && kept_of(rb, q->first.v, q->last.v) != PTW_COVER_NONE) {
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
    const struct ptw_level *l = &rb->regime->arch->format->level[level];
    uint64_t span = ptw_low_mask(l->shift + l->bits);

    for (size_t i = 0; i < rb->o.maps; i++) {
        const struct ptw_map_request *q = &rb->o.map[i];
        unsigned needed =
            q->copy_on_write ? q->rights & ~(unsigned)PTW_WRITE : q->rights;

        if (map_touches(q, va & ~span, va | span) && (needed & ~rights) != 0) {
            rb->bad_map = i + 1;
            return PTW_E_RIGHTS;
        }
    }
    return PTW_OK;
}

static uint64_t root_flags(const struct ptw_rebuild_options *o, uint32_t space)
{
    return o->root_flags != NULL ? o->root_flags[space] : 0;
}

enum ptw_status ptw_rebuild_init(struct ptw_rebuild *rb,
                                 const struct ptw_regime *regime,
                                 const struct ptw_mem *mem, const ptw_pa *root,
                                 uint32_t roots,
                                 const struct ptw_rebuild_options *options)
{
    enum ptw_status st;

    memset(rb, 0, sizeof *rb);
    rb->phase = PTW_REBUILD_BROKEN;
    if (roots == 0 || roots > (uint32_t)1 << 31) {
        return PTW_E_ARG;
    }
    st = check_options(regime, options);
    if (st != PTW_OK) {
        return st;
    }
    for (uint32_t i = 0; i < roots; i++) {
        if ((root_flags(options, i) & ~regime->flag_bits) != 0) {
            return PTW_E_ARG;
        }
    }
    rb->regime = regime;
    rb->mem = mem;
    rb->root = root;
    rb->roots = roots;
    rb->o = *options;
    rb->o.max_reads = ptw_limit(options->max_reads);
    rb->o.max_bytes = ptw_limit(options->max_bytes);
    if ((rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        rb->o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    }
    for (size_t i = 0; i < options->maps; i++) {
        st = check_map(rb, i);
        if (st != PTW_OK) {
            rb->bad_map = i + 1;
            return st;
        }
    }
    rb->phase = PTW_REBUILD_START;
    return PTW_OK;
}

/* ----------------------------------------------------------------- storage */

static enum ptw_status ask(struct ptw_rebuild *rb, enum ptw_rebuild_store which,
                           size_t wanted)
{
    rb->short_of = which;
    rb->wanted = wanted;
    return PTW_E_SPACE;
}

static size_t memo_wanted(const struct ptw_memo *memo)
{
    return ptw_memo_bytes(
        memo->slot == NULL ? 1024 : ptw_slots_used(memo->slots_log2 + 1));
}

static enum ptw_status give_memo(struct ptw_rebuild *rb, void *storage,
                                 size_t bytes)
{
    return rb->memo.slot == NULL
               ? ptw_memo_init(&rb->memo, storage, bytes, rb->o.seed)
               : ptw_memo_grow(&rb->memo, storage, bytes);
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
    struct ptw_store *s = &rb->store[rb->short_of];
    enum ptw_status st = PTW_E_SPACE;

    *before = NULL;
    if (rb->wanted == 0 || storage == NULL) {
        return PTW_E_ARG;
    }
    switch (rb->short_of) {
    case PTW_REBUILD_TABLES_SEEN:
        st = give_memo(rb, storage, bytes);
        break;
    case PTW_REBUILD_FRAMES:
        st = ptw_hash_give(&rb->frames, sizeof(struct ptw_block), storage,
                           bytes, rb->o.seed);
        rb->last_block = NULL;
        break;
    case PTW_REBUILD_ORDER:
        st = plain_storage(rb, storage, bytes);
        break;
    case PTW_REBUILD_CONTENTS:
        st = bytes < rb->wanted
                 ? PTW_E_SPACE
                 : ptw_hash_give(&rb->contents, sizeof(struct contents),
                                 storage, bytes, rb->o.seed);
        break;
    case PTW_REBUILD_LARGE:
        st = ptw_hash_give(&rb->large, sizeof(struct large), storage, bytes,
                           rb->o.seed);
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
    return i < PTW_REBUILD_STORES ? rb->store[i].at : NULL;
}

/* ------------------------------------------------------------------- frames */

static struct ptw_block *block_at(struct ptw_rebuild *rb, uint64_t pa)
{
    if (rb->last_block == NULL || rb->frame != pa >> PTW_BLOCK_BITS) {
        struct ptw_block *b = ptw_block_at(&rb->frames, pa);

        if (b == NULL) {
            return NULL;
        }
        rb->last_block = b;
        rb->frame = pa >> PTW_BLOCK_BITS;
    }
    return rb->last_block;
}

/* A lower bound on the pages that keeping these pages of a block adds to the image;
 * small pages may still be merged. */
static uint64_t certain(const struct ptw_rebuild *rb, const struct ptw_block *b,
                        uint64_t pages, unsigned bits)
{
    if ((rb->o.flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) == 0) {
        pages &= ~b->kept;
    } else if (bits == 0 || b->unit > 0) {
        return 0;
    }
    return bits > 0 ? ptw_count_bits(pages) : pages != 0;
}

/* How the guest writes through that leaf, by whatever path: tables are shared
 * under different rights, and the leaf is one. */
static enum ptw_writes writes(const struct ptw_rebuild *rb, unsigned level,
                              uint64_t raw)
{
    const struct ptw_regime *r = rb->regime;

    if (!ptw_guest_writes(r, PTW_ALL_RIGHTS, level, raw)) {
        return PTW_WRITES_NOT;
    }
    raw = r->arch->format->leaf_copy_on_write(raw);
    return ptw_guest_writes(r, PTW_ALL_RIGHTS, level, raw) ? PTW_WRITES_STILL
                                                           : PTW_WRITES;
}

/* Notes the flag bits that a leaf maps these pages with, before they are kept. */
static void note_flags(struct ptw_block *b, uint64_t pages, uint64_t flags)
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

/* One leaf, written or not, keeps pages of a block: one, or all 64, of a unit of
 * 1 << bits bytes.  There is room. */
static struct ptw_block *keep(struct ptw_rebuild *rb, uint64_t pa,
                              uint64_t pages, unsigned bits, uint64_t flags,
                              enum ptw_writes how)
{
    struct ptw_block *b = block_at(rb, pa);
    bool fresh;

    if (b == NULL) {
        b = ptw_hash_enter(&rb->frames, sizeof *b, (pa >> PTW_BLOCK_BITS) + 1,
                           &fresh);
    }
    rb->counts.page_bytes += certain(rb, b, pages, bits) << PTW_PAGE_BITS;
    if (flags != 0) {
        note_flags(b, pages, flags);
    }
    b->again |= b->kept & pages;
    b->kept |= pages;
    if (b->unit < bits) {
        b->unit = bits;
        b->leaves = 0;
    }
    b->writable |= how == PTW_WRITES ? pages : 0;
    b->fixed |= how == PTW_WRITES_STILL ? pages : 0;
    return b;
}

/* The flag bits of a leaf, with PTW_FLAGS_KNOWN; 0 where there are none, as for
 * an entry that is not present and names a page. */
static uint64_t flags_of(const struct ptw_rebuild *rb, unsigned level,
                         uint64_t raw)
{
    return rb->regime->flag_bits == 0
               ? 0
               : ptw_attributes_of(rb->regime, level, raw).flag_bits |
                     PTW_FLAGS_KNOWN;
}

/* What such a leaf of a whole unit adds to those that it has.  others: its flag
 * bits are not those of the first one. */
static unsigned unit_leaf(unsigned leaves, enum ptw_writes how, bool others)
{
    unsigned adds =
        (leaves & PTW_UNIT_FIRST) != 0 ? PTW_UNIT_AGAIN : PTW_UNIT_FIRST;

    adds |= how == PTW_WRITES ? PTW_UNIT_WRITES : 0u;
    adds |= how == PTW_WRITES_STILL ? PTW_UNIT_FIXED : 0u;
    adds |= others ? PTW_UNIT_FLAGS : 0u;
    return adds & ~leaves;
}

/* One large leaf, written or not, keeps what it maps, whole.  A unit is gone
 * through only for a leaf that adds something: at most five times, however often
 * the guest maps it. */
static void keep_unit(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how)
{
    struct ptw_block *first = block_at(rb, pa);

    if (first != NULL && first->unit == bits &&
        unit_leaf(first->leaves, how, flags != first->flags) == 0) {
        return;
    }
    for (uint64_t at = 0; at >> bits == 0;
         at += (uint64_t)64 << PTW_PAGE_BITS) {
        struct ptw_block *b;

        rb->work++;
        b = keep(rb, pa + at, UINT64_MAX, bits, flags, how);

        if (at == 0) {
            first = b;
        }
    }
    if (first->unit == bits) {
        first->leaves |=
            (uint16_t)unit_leaf(first->leaves, how, flags != first->flags);
    }
}

/* Sees to it that all blocks of a page of that size have room. */
static enum ptw_status frames_room(struct ptw_rebuild *rb, unsigned bits)
{
    size_t blocks =
        bits > PTW_BLOCK_BITS ? (size_t)1 << (bits - PTW_BLOCK_BITS) : 1;

    return ptw_hash_room(&rb->frames, blocks)
               ? PTW_OK
               : ask(rb, PTW_REBUILD_FRAMES,
                     ptw_hash_wanted(&rb->frames, sizeof(struct ptw_block),
                                     blocks));
}

/* Keeps what a leaf maps, whole.  There is room. */
static void keep_page(struct ptw_rebuild *rb, uint64_t pa, unsigned bits,
                      uint64_t flags, enum ptw_writes how)
{
    if (bits == PTW_PAGE_BITS) {
        (void)keep(rb, pa, ptw_page_bit(pa), 0, flags, how);
    } else {
        keep_unit(rb, pa, bits, flags, how);
    }
}

/* Whether any page of [pa, pa + 1 << bits) is shared writable. */
static bool is_shared(struct ptw_rebuild *rb, uint64_t pa, unsigned bits)
{
    const struct ptw_block *b = block_at(rb, pa);
    unsigned written = PTW_UNIT_WRITES | PTW_UNIT_FIXED;

    if (bits == PTW_PAGE_BITS) {
        return b != NULL && (ptw_block_shared(b) & ptw_page_bit(pa)) != 0;
    }
    if (b != NULL && b->unit == bits && (b->leaves & PTW_UNIT_AGAIN) != 0 &&
        (b->leaves & written) != 0) {
        return true;
    }
    for (uint64_t at = 0; at >> bits == 0;
         at += (uint64_t)64 << PTW_PAGE_BITS) {
        rb->work++;
        b = block_at(rb, pa + at);
        if (b != NULL && ptw_block_shared(b) != 0) {
            return true;
        }
    }
    return false;
}

/* The first block of the unit that b is in. */
static struct ptw_block *unit_of(struct ptw_rebuild *rb,
                                 const struct ptw_block *b)
{
    return block_at(rb, ptw_block_base(b) & ~ptw_low_mask(b->unit));
}

/* How much of [pa, pa + 1 << bits), which the accessor has, could be read.  A
 * unit is only gone through when it lacks something, and as a whole once. */
static enum ptw_cover was_read(struct ptw_rebuild *rb, uint64_t pa,
                               unsigned bits)
{
    uint64_t pages = bits == PTW_PAGE_BITS ? ptw_page_bit(pa) : UINT64_MAX;
    struct ptw_block *unit = bits > PTW_PAGE_BITS ? block_at(rb, pa) : NULL;
    bool some = false;
    bool all = true;

    if (unit != NULL) {
        unit = unit->unit >= bits ? unit_of(rb, unit) : NULL;
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
         at += (uint64_t)64 << PTW_PAGE_BITS) {
        const struct ptw_block *b = block_at(rb, pa + at);
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
    uint64_t pa = old.v & ~ptw_low_mask(PTW_PAGE_BITS);
    uint64_t bit = ptw_page_bit(pa);
    const struct ptw_block *b = block_at(rb, pa);

    if (rb->phase < PTW_REBUILD_PLANNED || rb->phase == PTW_REBUILD_BROKEN ||
        b == NULL) {
        return PTW_NOT_MAPPED;
    }
    if ((b->blank & bit) != 0) {
        pa = (rb->blank - 1) << PTW_PAGE_BITS;
    } else if ((b->same & bit) != 0) {
        const struct contents *c =
            ptw_hash_find(&rb->contents, sizeof *c, (pa >> PTW_PAGE_BITS) + 1);

        pa = c->frame << PTW_PAGE_BITS;
    }
    bit = ptw_page_bit(pa);
    b = block_at(rb, pa);
    if (b == NULL || (b->kept & ~b->gone & bit) == 0) {
        return PTW_NOT_MAPPED;
    }
    now->v = ptw_block_to(b, bit) | (old.v & ptw_low_mask(PTW_PAGE_BITS));
    return PTW_OK;
}

static struct ptw_block *ordered(const struct ptw_rebuild *rb, size_t i)
{
    const uint64_t *order = rb->store[PTW_REBUILD_ORDER].at;
    size_t slot = (size_t)(order[i] & ptw_low_mask(ORDER_SLOT_BITS));

    return (struct ptw_block *)(void *)(rb->frames.record +
                                        slot * sizeof(struct ptw_block));
}

/* The first block of that rank whose number is `number` or more: its place in
 * the order, or that of the next rank's first. */
static size_t rank_from(const struct ptw_rebuild *rb, uint64_t rank,
                        uint64_t number)
{
    const uint64_t *order = rb->store[PTW_REBUILD_ORDER].at;
    uint64_t key = rank << (ORDER_BLOCK_BITS + ORDER_SLOT_BITS) |
                   number << ORDER_SLOT_BITS;
    size_t low = 0;
    size_t high = rb->blocks;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (order[mid] < key) {
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

    if (number >> ORDER_BLOCK_BITS != 0) {
        return NULL;
    }
    for (uint64_t rank = 0; rank < ORDER_RANKS; rank++) {
        size_t i = rank_from(rb, rank, number);
        struct ptw_block *b;

        if (i < rank_from(rb, rank + 1, 0)) {
            b = ordered(rb, i);
            first = first == NULL || b->key < first->key ? b : first;
        }
    }
    return first;
}

enum ptw_status ptw_rebuild_pages(struct ptw_rebuild *rb, ptw_pa from,
                                  ptw_pa *old, ptw_pa *now, uint64_t *bytes)
{
    uint64_t at = from.v & ~ptw_low_mask(PTW_PAGE_BITS);
    uint64_t number = at >> PTW_BLOCK_BITS;
    const struct ptw_block *b;

    if (rb->phase < PTW_REBUILD_PLANNED || rb->phase == PTW_REBUILD_BROKEN) {
        return PTW_NOT_MAPPED;
    }
    for (b = block_from(rb, number); b != NULL;
         b = block_from(rb, b->key)) { /* the number of the next one */
        uint64_t pages = (b->kept | b->blank | b->same) & ~b->gone;

        if (b->key - 1 == number) {
            pages &= ~(ptw_page_bit(at) - 1);
        }
        for (; pages != 0; pages &= pages - 1) {
            ptw_pa next;

            old->v = ptw_block_base(b) +
                     ((uint64_t)__builtin_ctzll(pages) << PTW_PAGE_BITS);
            if (ptw_rebuild_page(rb, *old, now) != PTW_OK) {
                continue;
            }
            *bytes = PTW_PAGE_BYTES;
            while (ptw_rebuild_page(rb, ptw_pa_of(old->v + *bytes), &next) ==
                       PTW_OK &&
                   next.v == now->v + *bytes) {
                *bytes += PTW_PAGE_BYTES;
            }
            return PTW_OK;
        }
    }
    return PTW_END;
}

/* ------------------------------------------------------------------- pieces */

/* Finds the next stretch of the leaf, from ps->at on, that is kept and that
 * memory has whole. */
static bool next_stretch(struct ptw_rebuild *rb, const struct ptw_item *item,
                         struct pieces *ps)
{
    uint64_t pa = item->u.mapping.pa.v;
    uint64_t last = ptw_low_mask(item->u.mapping.size_log2);
    uint64_t from;
    uint64_t to;

    while (ps->at <= last &&
           ptw_runs_whole(&rb->runs, pa + ps->at, pa + last, &from, &to)) {
        struct ptw_va_range kept;

        rb->work++;
        from -= pa;
        to -= pa;
        if (!kept_from(rb, item->first.v + from, item->last.v, &kept)) {
            break;
        }
        ps->at = kept.first.v - item->first.v;
        ps->end = kept.last.v - item->first.v + 1;
        if (ps->at <= to) {
            ps->end = ps->end <= to ? ps->end : to + 1;
            return true;
        }
    }
    return false;
}

/* The highest level of which a new leaf may start at ps->at. */
static unsigned level_at(const struct ptw_rebuild *rb, unsigned level,
                         const struct pieces *ps)
{
    const struct ptw_format *a = rb->regime->arch->format;

    if ((rb->o.flags & PTW_REBUILD_SPLIT) != 0) {
        return 0;
    }
    for (; level > 0; level--) {
        uint64_t size = ptw_low_mask(a->level[level].shift);

        if (rb->regime->rule[level].leaf && (ps->at & size) == 0 &&
            ps->end - ps->at > size) {
            break;
        }
    }
    return level;
}

/* How many bytes from the page at pa on, which could not be read, could not be
 * read either, in its block. */
static uint64_t gone_from(struct ptw_rebuild *rb, uint64_t pa)
{
    const struct ptw_block *b = block_at(rb, pa);
    uint64_t read = ~b->gone >> (pa >> PTW_PAGE_BITS & 63);

    return read == 0 ? (((pa >> PTW_BLOCK_BITS) + 1) << PTW_BLOCK_BITS) - pa
                     : (uint64_t)__builtin_ctzll(read) << PTW_PAGE_BITS;
}

/* Writes the next piece of a large leaf; false at its end.  What is left out,
 * and what memory does not have, is passed over. */
static bool next_piece(struct ptw_rebuild *rb, const struct ptw_item *item,
                       struct pieces *ps, struct piece *p)
{
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_format *a = rb->regime->arch->format;
    enum ptw_cover read = PTW_COVER_ALL;

    if (ps->at >= ps->end && !next_stretch(rb, item, ps)) {
        return false;
    }
    rb->work++;
    p->at = ps->at;
    p->pa = m->pa.v + ps->at;
    p->level = level_at(rb, m->level, ps);
    for (;;) {
        if (rb->phase >= PTW_REBUILD_COPIED && (p->level == 0 || rb->recount)) {
            read = was_read(rb, p->pa, a->level[p->level].shift);
        }
        if (read != PTW_COVER_SOME) {
            break;
        }
        p->level--;
    }
    p->kept = read == PTW_COVER_ALL;
    p->bytes = (uint64_t)1 << a->level[p->level].shift;
    if (!p->kept && p->level == 0) {
        uint64_t gone = gone_from(rb, p->pa);
        uint64_t most = ps->end - ps->at;

        p->bytes = gone < most ? gone : most;
    }
    ps->at += p->bytes;
    return true;
}

/* The entry of a piece, without its address. */
static uint64_t piece_bits(struct ptw_rebuild *rb, const struct ptw_item *item,
                           const struct piece *p)
{
    const struct ptw_mapping *m = &item->u.mapping;
    const struct ptw_format *a = rb->regime->arch->format;
    unsigned bits = a->level[p->level].shift;
    uint64_t raw = ptw_attribute_bits(a, rb->regime, m->level, m->raw);
    bool shared_too = (rb->o.flags & PTW_REBUILD_COPY_SHARED) != 0;

    for (unsigned level = m->level; level > p->level; level--) {
        raw = a->leaf_split(rb->regime, level, raw);
    }
    if (ptw_is_copy_on_write(rb->regime, m->level, m->raw)) {
        rb->counts.marked_before++;
        if ((rb->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0) {
            raw = ptw_unmarked(a, raw);
        }
    }
    if ((rb->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
        writes(rb, m->level, m->raw) == PTW_WRITES &&
        (shared_too || !is_shared(rb, p->pa, bits))) {
        raw = a->leaf_copy_on_write(raw);
        rb->counts.copy_on_write++;
        /* Of pages that have several leaves each counts once, at the end. */
        rb->counts.copy_on_write_pages +=
            shared_too ? 0 : (uint64_t)1 << (bits - PTW_PAGE_BITS);
    }
    return raw;
}

/* ------------------------------------------------------------------ writing */

static enum ptw_status put(const struct ptw_rebuild *rb, uint64_t table,
                           unsigned index, uint64_t raw)
{
    unsigned log2 = rb->regime->arch->format->entry_log2;

    return ptw_put_entry(rb->to, table + ((uint64_t)index << log2), 1u << log2,
                         raw);
}

/* Puts raw where va has its entry in the new table of that level. */
static enum ptw_status put_at(const struct ptw_rebuild *rb, unsigned level,
                              uint64_t va, uint64_t raw)
{
    const struct ptw_level *l = &rb->regime->arch->format->level[level];

    return put(rb, rb->at[level],
               (unsigned)(va >> l->shift & ptw_low_mask(l->bits)), raw);
}

static uint64_t tables_at(const struct ptw_rebuild *rb)
{
    return (rb->o.flags & PTW_REBUILD_TABLES_APART) != 0
               ? rb->o.tables_base.v
               : rb->o.base.v + rb->counts.page_bytes;
}

static uint64_t table_at(const struct ptw_rebuild *rb, uint64_t number)
{
    return tables_at(rb) + (number << PTW_PAGE_BITS);
}

/* Gets one of the tables behind those of the walk, all zeros. */
static enum ptw_status take_extra(struct ptw_rebuild *rb, uint64_t *table)
{
    unsigned log2 = rb->regime->arch->format->entry_log2;
    enum ptw_status st = PTW_OK;

    if (rb->taken >= rb->extra + rb->mapped) {
        return PTW_E_CHANGED;
    }
    *table = table_at(rb, rb->walked + rb->taken);
    rb->taken++;
    for (unsigned i = 0; st == PTW_OK && i < (1u << PTW_PAGE_BITS) >> log2;
         i++) {
        st = put(rb, *table, i, 0);
    }
    return st;
}

/* Opens, for a piece of a leaf that was split, the tables that it stands in. */
static enum ptw_status open_tables(struct ptw_rebuild *rb,
                                   const struct ptw_item *item,
                                   struct pieces *ps, const struct piece *p)
{
    const struct ptw_format *a = rb->regime->arch->format;
    enum ptw_status st = PTW_OK;

    for (unsigned level = item->u.mapping.level;
         st == PTW_OK && level > p->level; level--) {
        unsigned below = level - 1;
        uint64_t start = p->at >> a->level[level].shift;

        if (ps->open[below] == start + 1) {
            continue;
        }
        ps->open[below] = start + 1;
        rb->counts.tables++;
        if (rb->phase != PTW_REBUILD_BUILDING) {
            rb->extra++;
            continue;
        }
        st = take_extra(rb, &rb->at[below]);
        if (st == PTW_OK) {
            st = put_at(
                rb, level, item->first.v + p->at,
                ptw_table_entry(a, rb->regime, level,
                                a->table_bits(rb->regime, level, PTW_USER) |
                                    rb->path_flags[item->u.mapping.level],
                                rb->at[below]));
        }
    }
    return st;
}

/* Builds one new leaf. */
static enum ptw_status put_piece(struct ptw_rebuild *rb,
                                 const struct ptw_item *item,
                                 const struct piece *p)
{
    const struct ptw_format *a = rb->regime->arch->format;
    const struct ptw_block *b = block_at(rb, p->pa);
    uint64_t raw = piece_bits(rb, item, p);
    ptw_pa now;

    /* A large leaf that the plan has not seen would map what lies behind. */
    if (b == NULL || (p->level > 0 && b->unit < a->level[p->level].shift) ||
        ptw_rebuild_page(rb, ptw_pa_of(p->pa), &now) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    raw = ptw_leaf_entry(a, rb->regime, p->level, raw, now.v);
    if (a->decode(rb->regime, raw, p->level, 0).pa.v != now.v) {
        return PTW_E_WIDTH;
    }
    return put_at(rb, p->level, item->first.v + p->at, raw);
}

/* How large the image is, so far. */
static enum ptw_status count_bytes(struct ptw_rebuild *rb)
{
    rb->counts.bytes =
        rb->counts.page_bytes + (rb->counts.tables << PTW_PAGE_BITS);
    return rb->counts.bytes > rb->o.max_bytes ? PTW_E_LIMIT : PTW_OK;
}

/* Whether the plan has read more entries, pieces of large leaves counted as
 * such, than it may. */
static bool reads_too_much(const struct ptw_rebuild *rb)
{
    return rb->phase == PTW_REBUILD_WALKING &&
           (rb->pieces > rb->o.max_reads ||
            ptw_walk_counts(&rb->walk).reads > rb->o.max_reads - rb->pieces);
}

/* Counts a piece of a large leaf, before it is built. */
static enum ptw_status count_piece(struct ptw_rebuild *rb)
{
    if (rb->phase == PTW_REBUILD_BUILDING) {
        return PTW_OK;
    }
    rb->pieces++;
    return reads_too_much(rb) ? PTW_E_LIMIT : count_bytes(rb);
}

/* A leaf of the smallest size. */
static enum ptw_status small_leaf(struct ptw_rebuild *rb,
                                  const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    struct piece p = {0, m->pa.v, PTW_PAGE_BYTES, 0, true};
    enum ptw_cover cover = ptw_runs_page(&rb->runs, p.pa);
    enum ptw_drop why =
        cover == PTW_COVER_SOME ? PTW_DROP_PARTIAL : PTW_DROP_OUTSIDE;

    if (cover == PTW_COVER_ALL && rb->phase >= PTW_REBUILD_COPIED) {
        cover = was_read(rb, p.pa, PTW_PAGE_BITS);
        why = PTW_DROP_UNREADABLE;
    }
    if (cover != PTW_COVER_ALL) {
        rb->counts.dropped[why]++;
        return PTW_OK;
    }
    if (rb->phase == PTW_REBUILD_WALKING) {
        if (!ptw_hash_room(&rb->frames, 1)) {
            return ask(
                rb, PTW_REBUILD_FRAMES,
                ptw_hash_wanted(&rb->frames, sizeof(struct ptw_block), 1));
        }
        (void)keep(rb, p.pa, ptw_page_bit(p.pa), 0,
                   flags_of(rb, m->level, m->raw),
                   writes(rb, m->level, m->raw));
    }
    rb->counts.leaves++;
    return rb->phase == PTW_REBUILD_BUILDING ? put_piece(rb, item, &p) : PTW_OK;
}

/* Counts what of a large leaf is kept, and memory, which has n of its pages,
 * does not have. */
static void count_outside(struct ptw_rebuild *rb, const struct ptw_item *item,
                          struct ptw_run_count n)
{
    struct ptw_va_range kept = {{0}, {0}};
    uint64_t at = item->first.v;
    uint64_t pa = item->u.mapping.pa.v;

    while (kept_from(rb, at, item->last.v, &kept)) {
        uint64_t first = kept.first.v - item->first.v;
        uint64_t last = kept.last.v - item->first.v;
        bool all = first == 0 && kept.last.v == item->last.v;

        if (!all) {
            n = ptw_runs_count(&rb->runs, pa + first, pa + last);
        }
        rb->work++;
        rb->counts.dropped[PTW_DROP_OUTSIDE] +=
            ((last - first) >> PTW_PAGE_BITS) + 1 - n.touched;
        rb->counts.dropped[PTW_DROP_PARTIAL] += n.touched - n.whole;
        if (kept.last.v == item->last.v) {
            break;
        }
        at = kept.last.v + 1;
    }
}

/* Goes through a large leaf piece by piece. */
static enum ptw_status cut_up(struct ptw_rebuild *rb,
                              const struct ptw_item *item,
                              struct ptw_run_count n)
{
    const struct ptw_format *a = rb->regime->arch->format;
    const struct ptw_mapping *m = &item->u.mapping;
    enum ptw_writes how = writes(rb, m->level, m->raw);
    uint64_t flags = flags_of(rb, m->level, m->raw);
    struct pieces ps = {0};
    struct piece p;

    count_outside(rb, item, n);
    while (next_piece(rb, item, &ps, &p)) {
        unsigned bits = a->level[p.level].shift;
        enum ptw_status st;

        if (!p.kept) {
            rb->counts.dropped[PTW_DROP_UNREADABLE] += p.bytes >> PTW_PAGE_BITS;
            continue;
        }
        rb->counts.leaves++;
        rb->counts.large += p.level > 0;
        st = open_tables(rb, item, &ps, &p);
        if (st == PTW_OK) {
            st = count_piece(rb);
        }
        if (st != PTW_OK) {
            return st;
        }
        if (rb->phase == PTW_REBUILD_BUILDING) {
            st = put_piece(rb, item, &p);
        } else if (rb->phase != PTW_REBUILD_WALKING) {
            continue;
        } else if (p.level == 0) {
            (void)keep(rb, p.pa, ptw_page_bit(p.pa), 0, flags, how);
        } else {
            keep_unit(rb, p.pa, bits, flags, how);
        }
        if (st != PTW_OK) {
            return st;
        }
    }
    return PTW_OK;
}
/* Room for the pages that a large leaf keeps at most, and for its record. */
static enum ptw_status room_for(struct ptw_rebuild *rb, uint64_t pages,
                                unsigned size_log2)
{
    uint64_t blocks = ((ptw_low_mask(size_log2)) >> PTW_BLOCK_BITS) + 1;

    blocks = pages < blocks ? pages : blocks;
    if (blocks > 0 && !ptw_hash_room(&rb->frames, (size_t)blocks)) {
        return ask(
            rb, PTW_REBUILD_FRAMES,
            ptw_hash_wanted(&rb->frames, sizeof(struct ptw_block), blocks));
    }
    return ptw_hash_room(&rb->large, 1)
               ? PTW_OK
               : ask(rb, PTW_REBUILD_LARGE,
                     ptw_hash_wanted(&rb->large, sizeof(struct large), 1));
}

/* The record of a large leaf nothing of which is left out, or NULL when there
 * is no room: only after the plan, and then it is gone through each time. */
static struct large *large_at(struct ptw_rebuild *rb,
                              const struct ptw_mapping *m)
{
    uint64_t key = ((m->pa.v >> PTW_PAGE_BITS) + 1) | (uint64_t)m->level
                                                          << LARGE_AT;
    bool fresh;

    rb->work++;
    return ptw_hash_room(&rb->large, 1)
               ? ptw_hash_enter(&rb->large, sizeof(struct large), key, &fresh)
               : ptw_hash_find(&rb->large, sizeof(struct large), key);
}

/* Goes through a large leaf and notes what became of it. */
static enum ptw_status find_out(struct ptw_rebuild *rb,
                                const struct ptw_item *item,
                                struct ptw_run_count n, struct large *l)
{
    struct ptw_rebuild_counts before = rb->counts;
    enum ptw_status st = cut_up(rb, item, n);

    for (unsigned i = 0; i <= PTW_DROP_UNREADABLE; i++) {
        l->dropped[i] = rb->counts.dropped[i] - before.dropped[i];
    }
    l->leaves = rb->counts.leaves - before.leaves;
    l->large = rb->counts.large - before.large;
    l->tables = rb->counts.tables - before.tables;
    l->phase = (uint16_t)rb->phase;
    return st;
}

/* Counts what becomes of a large leaf of which that is known. */
static void count_known(struct ptw_rebuild *rb, const struct large *l)
{
    for (unsigned i = 0; i <= PTW_DROP_UNREADABLE; i++) {
        rb->counts.dropped[i] += l->dropped[i];
    }
    rb->counts.leaves += l->leaves;
    rb->counts.large += l->large;
    rb->counts.tables += l->tables;
    rb->extra += l->tables;
}

/* A large leaf.  It is gone through for what it becomes, and for a leaf that
 * adds something to its pages, however often the guest maps it; except where
 * ranges cut it, and when new leaves are built, if it has some. */
static enum ptw_status large_leaf(struct ptw_rebuild *rb,
                                  const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t tables = rb->counts.tables;
    struct ptw_run_count n = ptw_runs_count(
        &rb->runs, m->pa.v, m->pa.v + ptw_low_mask(m->size_log2));
    enum ptw_writes how = writes(rb, m->level, m->raw);
    uint64_t flags = flags_of(rb, m->level, m->raw);
    struct large *l = NULL;
    enum ptw_status st = PTW_OK;

    if (n.whole == 0) {
        count_outside(rb, item, n);
        return PTW_OK;
    }
    if (rb->phase == PTW_REBUILD_WALKING) {
        st = room_for(rb, n.whole, m->size_log2);
        if (st != PTW_OK) {
            return st;
        }
    }
    /* One that stays as it is is a unit: see keep_unit. */
    if ((n.whole << PTW_PAGE_BITS >> m->size_log2 == 0 || rb->recount ||
         (rb->o.flags & PTW_REBUILD_SPLIT) != 0) &&
        kept_of(rb, item->first.v, item->last.v) == PTW_COVER_ALL) {
        l = large_at(rb, m);
    }
    if (l == NULL) {
        st = cut_up(rb, item, n);
    } else if (l->phase != rb->phase ||
               (rb->phase == PTW_REBUILD_BUILDING && l->leaves > 0) ||
               (rb->phase == PTW_REBUILD_WALKING &&
                unit_leaf(l->old, how, flags != l->flags) != 0)) {
        if (l->old == 0) {
            l->flags = flags;
        }
        l->old |= (uint16_t)unit_leaf(l->old, how, flags != l->flags);
        st = find_out(rb, item, n, l);
    } else {
        count_known(rb, l);
    }
    rb->counts.split += rb->counts.tables > tables;
    return st;
}

/* Whether a leaf of the plan, of which something is kept, is to be refused. */
static bool refuses(struct ptw_rebuild *rb, const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    if (rb->phase != PTW_REBUILD_WALKING ||
        (rb->o.flags & PTW_REBUILD_REFUSE_MARKED) == 0 ||
        !ptw_is_copy_on_write(rb->regime, m->level, m->raw)) {
        return false;
    }
    rb->marked = true;
    rb->marked_space = item->space;
    rb->marked_va = item->first;
    return true;
}

static enum ptw_status leaf(struct ptw_rebuild *rb, const struct ptw_item *item)
{
    uint64_t leaves = rb->counts.leaves;
    enum ptw_status st = item->u.mapping.level == 0 ? small_leaf(rb, item)
                                                    : large_leaf(rb, item);

    return st == PTW_OK && rb->counts.leaves > leaves && refuses(rb, item)
               ? PTW_E_MARKED
               : st;
}

/* ------------------------------------------------------------- not present */

/* A table of the old image, for its entries that are not present. */
struct old_table {
    unsigned level;
    uint64_t pa;
    uint64_t first; /* the address of its first entry */
    bool whole;     /* all of it is kept */
    struct ptw_near near;
};

static struct old_table old_table_of(const struct ptw_rebuild *rb,
                                     unsigned level, ptw_pa pa, ptw_va first)
{
    const struct ptw_format *a = rb->regime->arch->format;
    const struct ptw_level *l = &a->level[level];
    uint64_t last = level == ptw_top(a)
                        ? UINT64_MAX
                        : first.v + ptw_low_mask(l->shift + l->bits);
    struct old_table t = {level, pa.v, first.v,
                          kept_of(rb, first.v, last) == PTW_COVER_ALL,
                          rb->mem->near};

    return t;
}

/* An entry of such a table that is not present, and not 0. */
struct old_entry {
    uint64_t raw;
    uint64_t first; /* of its addresses */
    uint64_t last;
    bool whole; /* all of them are kept */
};

/* Reads entry *i; false when it is no such entry, or none of its addresses is
 * kept, or it can't be read: then *i passes over the others of a gap. */
static bool absent_entry(struct ptw_rebuild *rb, struct old_table *t,
                         unsigned *i, struct old_entry *e)
{
    const struct ptw_format *a = rb->regime->arch->format;
    uint64_t size = ptw_low_mask(a->level[t->level].shift) + 1;
    enum ptw_cover kept = PTW_COVER_ALL;
    uint64_t at = *i * size;

    rb->work++;
    if (!ptw_get_absent(rb->mem, &t->near, a, t->level, t->pa, i, &e->raw) ||
        e->raw == 0) {
        return false;
    }
    e->first = t->level == ptw_top(a) ? ptw_va_from(a, at) : t->first + at;
    e->last = e->first + (size - 1);
    if (!t->whole) {
        kept = kept_of(rb, e->first, e->last);
    }
    e->whole = kept == PTW_COVER_ALL;
    return kept != PTW_COVER_NONE;
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
        ptw_absent_read(&rb->o.absent, rb->regime, level, o->raw);

    if (e.kind == PTW_ABSENT_FRAME &&
        (!o->whole || !ptw_runs_all(&rb->runs, e.pa.v, e.size_log2))) {
        e.kind = PTW_ABSENT_UNKNOWN;
    }
    return e;
}

/* Keeps the pages that entries of the table name which are not present.  Goes on
 * at rb->entry when there was no room. */
static enum ptw_status keep_named(struct ptw_rebuild *rb, struct old_table *t)
{
    const struct ptw_level *l = &rb->regime->arch->format->level[t->level];

    if (rb->o.absent.policy < PTW_ABSENT_LINUX ||
        rb->phase != PTW_REBUILD_WALKING) {
        return PTW_OK;
    }
    for (; rb->entry >> l->bits == 0; rb->entry++) {
        struct old_entry o;
        struct ptw_absent_entry e;
        enum ptw_status st;

        if (!absent_entry(rb, t, &rb->entry, &o)) {
            continue;
        }
        e = named_by(rb, t->level, &o);
        if (e.kind != PTW_ABSENT_FRAME) {
            continue;
        }
        st = frames_room(rb, e.size_log2);
        if (st != PTW_OK) {
            return st;
        }
        keep_page(rb, e.pa.v, e.size_log2, 0, PTW_WRITES_STILL);
        st = count_bytes(rb);
        if (st != PTW_OK) {
            return st;
        }
    }
    rb->entry = 0;
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
    b = block_at(rb, e.pa.v);
    if (b == NULL || (b->kept & b->fixed & ptw_page_bit(e.pa.v)) == 0 ||
        (e.size_log2 > PTW_PAGE_BITS && b->unit < e.size_log2)) {
        return PTW_E_CHANGED;
    }
    if (was_read(rb, e.pa.v, e.size_log2) != PTW_COVER_ALL) {
        c->absent_unknown++;
        return PTW_OK;
    }
    if (ptw_rebuild_page(rb, e.pa, &now) != PTW_OK) {
        return PTW_E_CHANGED;
    }
    c->absent_followed++;
    return ptw_absent_write(&rb->o.absent, rb->regime, level, o->raw, now, raw);
}

/* Begins the new table of the path at that level: its entries that are not
 * present come from the old one, and nothing else is there so far. */
static enum ptw_status begin_table(struct ptw_rebuild *rb, uint32_t number,
                                   struct old_table *t)
{
    const struct ptw_level *l = &rb->regime->arch->format->level[t->level];
    unsigned log2 = rb->regime->arch->format->entry_log2;
    enum ptw_status st = PTW_OK;

    if (number >= rb->walked) {
        return PTW_E_CHANGED;
    }
    rb->at[t->level] = table_at(rb, number);
    for (unsigned i = 0; st == PTW_OK && i >> l->bits == 0;) {
        struct old_entry o;
        unsigned last = i;
        uint64_t raw = 0;

        if (absent_entry(rb, t, &last, &o)) {
            st = new_absent(rb, t->level, &o, &raw);
        }
        for (; st == PTW_OK && i <= last; i++) {
            st = put(rb, rb->at[t->level], i, raw);
        }
    }
    /* Behind a table that is smaller than a page nothing is left as it was. */
    for (unsigned i = 1u << l->bits;
         st == PTW_OK && i < (1u << PTW_PAGE_BITS) >> log2; i++) {
        st = put(rb, rb->at[t->level], i, 0);
    }
    return st;
}

/* -------------------------------------------------------------------- walks */

/* One item, of the plan or of the building. */
static enum ptw_status space(struct ptw_rebuild *rb,
                             const struct ptw_item *item, ptw_pa *new_root)
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
            new_root[item->space] = new_root[s->same_as];
        }
        return PTW_OK;
    case PTW_SPACE_WALKED:
        break;
    }
    rb->path_flags[ptw_top(rb->regime->arch->format)] =
        root_flags(&rb->o, item->space);
    top = old_table_of(rb, ptw_top(rb->regime->arch->format), s->root,
                       ptw_va_of(0));
    st = keep_named(rb, &top);
    if (st != PTW_OK) {
        return st;
    }
    rb->counts.spaces++;
    rb->counts.tables++;
    rb->last_root = s->number;
    if (new_root == NULL) {
        return PTW_OK;
    }
    new_root[item->space].v = table_at(rb, s->number);
    return begin_table(rb, s->number, &top);
}

static enum ptw_status table(struct ptw_rebuild *rb,
                             const struct ptw_item *item)
{
    const struct ptw_table *t = &item->u.table;
    struct old_table old = old_table_of(rb, t->level, t->table, item->first);
    enum ptw_status st = keep_named(rb, &old);

    rb->path_flags[t->level] = t->attributes & rb->regime->flag_bits;
    if (st != PTW_OK) {
        return st;
    }
    rb->counts.tables++;
    if (rb->phase != PTW_REBUILD_BUILDING) {
        return maps_granted(rb, item->first.v, t->level, t->rights);
    }
    st = begin_table(rb, t->number, &old);
    return st == PTW_OK
               ? put_at(rb, t->level + 1u, item->first.v,
                        ptw_table_entry(rb->regime->arch->format, rb->regime,
                                        t->level + 1u, t->attributes,
                                        rb->at[t->level]))
               : st;
}

static enum ptw_status alias(struct ptw_rebuild *rb,
                             const struct ptw_item *item)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(rb->regime, item, &level);

    rb->counts.aliases++;
    if (rb->phase != PTW_REBUILD_BUILDING) {
        return maps_granted(rb, item->first.v, level, ref.rights);
    }
    if (ref.number >= rb->walked) {
        return PTW_E_CHANGED;
    }
    return put_at(rb, level + 1, item->first.v,
                  ptw_table_entry(rb->regime->arch->format, rb->regime,
                                  level + 1, ref.attributes,
                                  table_at(rb, ref.number)));
}

static enum ptw_status finding(struct ptw_rebuild *rb,
                               const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;
    const struct ptw_format *a = rb->regime->arch->format;

    switch (f->kind) {
    case PTW_FINDING_BAD_ENTRY:
        rb->counts.dropped[PTW_DROP_BAD_ENTRY]++;
        break;
    case PTW_FINDING_REFUSED:
        rb->counts.dropped[PTW_DROP_TABLE]++;
        break;
    case PTW_FINDING_SELF:
        if (kept_of(rb, item->first.v, item->last.v) != PTW_COVER_ALL) {
            rb->counts.dropped[PTW_DROP_SELF]++;
            break;
        }
        rb->counts.writable_selves +=
            writes(rb, f->level + 1u, f->raw) != PTW_WRITES_NOT;
        if (rb->phase == PTW_REBUILD_BUILDING) {
            return put_at(
                rb, f->level + 1u, item->first.v,
                ptw_table_entry(
                    a, rb->regime, f->level + 1u,
                    ptw_attribute_bits(a, rb->regime, f->level + 1u, f->raw),
                    rb->at[f->level + 1]));
        }
        break;
    case PTW_FINDING_TWO_LEVELS:
    case PTW_FINDING_EXPOSED:
        break;
    }
    return PTW_OK;
}

static enum ptw_status visit(struct ptw_rebuild *rb,
                             const struct ptw_item *item, ptw_pa *new_root)
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
    case PTW_ITEM_HOLE:
        break;
    }
    return PTW_OK;
}

/* Begins a walk, with counts of what it will find. */
static enum ptw_status begin_walk(struct ptw_rebuild *rb)
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
    rb->items = 0;
    rb->next = 0;
    rb->extra = rb->phase == PTW_REBUILD_BUILDING ? rb->extra : 0;
    rb->taken = 0;
    rb->pieces = 0;
    return ptw_walk_va_spaces_init(&rb->walk, rb->regime, rb->mem, rb->root,
                                   rb->roots, &rb->memo, &o);
}

/* Goes on with the walk that was begun, to its end. */
static enum ptw_status walk_on(struct ptw_rebuild *rb, ptw_pa *new_root)
{
    for (;;) {
        enum ptw_status st = PTW_OK;
        uint64_t reads = ptw_walk_counts(&rb->walk).reads;

        while (st == PTW_OK && rb->next < rb->items) {
            rb->work++;
            st = visit(rb, &rb->item[rb->next], new_root);
            if (st == PTW_OK && rb->phase != PTW_REBUILD_BUILDING) {
                st = count_bytes(rb);
            }
            rb->next += st == PTW_OK;
        }
        if (st != PTW_OK) {
            return st;
        }
        rb->next = 0;
        st = ptw_walk_next(&rb->walk, rb->item, PTW_REBUILD_BATCH, &rb->items);
        rb->work += ptw_walk_counts(&rb->walk).reads - reads;
        if (reads_too_much(rb)) {
            return PTW_E_LIMIT;
        }
        if (st == PTW_OK) {
            continue;
        }
        if (st == PTW_E_SPACE) {
            return ask(rb, PTW_REBUILD_TABLES_SEEN, memo_wanted(&rb->memo));
        }
        return st == PTW_END ? PTW_OK : st;
    }
}

/* The same walk again, with the storage that the first one had. */
static enum ptw_status walk_again(struct ptw_rebuild *rb, ptw_pa *new_root)
{
    enum ptw_status st =
        ptw_memo_init(&rb->memo, rb->store[PTW_REBUILD_TABLES_SEEN].at,
                      rb->store[PTW_REBUILD_TABLES_SEEN].bytes, rb->o.seed);

    if (st == PTW_OK) {
        st = begin_walk(rb);
    }
    if (st == PTW_OK) {
        st = walk_on(rb, new_root);
    }
    return st == PTW_E_SPACE ? PTW_E_CHANGED : st;
}

/* ------------------------------------------------------------------- layout */

static enum ptw_status put_in_order(struct ptw_rebuild *rb)
{
    size_t slots = (size_t)1 << rb->frames.slots_log2;
    uint64_t *order = rb->store[PTW_REBUILD_ORDER].at;
    size_t wanted = (rb->frames.used + 1) * sizeof *order;

    if (rb->frames.record == NULL) {
        rb->blocks = 0;
        return PTW_OK;
    }
    if (rb->frames.slots_log2 > ORDER_SLOT_BITS) {
        return PTW_E_LIMIT;
    }
    if (rb->store[PTW_REBUILD_ORDER].bytes < wanted) {
        return ask(rb, PTW_REBUILD_ORDER, wanted);
    }
    rb->blocks = 0;
    rb->work += slots;
    for (size_t i = 0; i < slots; i++) {
        const struct ptw_block *b =
            (const void *)(rb->frames.record + i * sizeof *b);
        uint64_t rank = b->unit >= 30 ? 0 : b->unit > 0 ? 1 : 2;

        if (b->key != 0) {
            order[rb->blocks++] = rank << (ORDER_BLOCK_BITS + ORDER_SLOT_BITS) |
                                  (b->key - 1) << ORDER_SLOT_BITS | i;
        }
    }
    ptw_sort(order, rb->blocks, sizeof *order);
    rb->block = 0;
    return PTW_OK;
}

/* Sees to it that there is room for a record of each unit, when a part of it
 * may turn out to be unreadable: then it is cut up. */
static enum ptw_status room_for_units(struct ptw_rebuild *rb)
{
    size_t units = 0;

    for (size_t i = 0; rb->mem->ops != NULL && i < rb->blocks; i++) {
        const struct ptw_block *b = ordered(rb, i);

        if (b->unit == 0) {
            break;
        }
        units += (ptw_block_base(b) & ptw_low_mask(b->unit)) == 0;
    }
    return units == 0 || ptw_hash_room(&rb->large, 2 * units)
               ? PTW_OK
               : ask(rb, PTW_REBUILD_LARGE,
                     ptw_hash_wanted(&rb->large, sizeof(struct large),
                                     2 * units));
}

static bool all_zeros(const void *page)
{
    const unsigned char *p = page;
    uint64_t any = 0;

    for (unsigned i = 0; i < PTW_PAGE_BYTES && any == 0; i += 64) {
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
static uint64_t hash_page(const void *page, uint64_t flags, const uint32_t *key)
{
    const unsigned char *p = page;
    uint64_t h = flags;

    for (unsigned i = 0; i < 2 * PTW_PAGE_WORDS; i += 2) {
        uint32_t half[2];

        memcpy(half, p + (size_t)i * sizeof *half, sizeof half);
        h += (uint64_t)(half[0] + key[i]) * (half[1] + key[i + 1]);
    }
    return h | CONTENT;
}

/* The flag bits of all leaves that map that page, which is not mixed. */
static uint64_t page_flags(const struct ptw_block *b, uint64_t bit)
{
    return (b->other & bit) != 0 ? b->second : b->flags;
}

/* Whether pages may be one.  A table that refers to itself still does in the new
 * image.  A guest that can write it by that can make any leaf below it writable,
 * after which the page that two leaves have must be two.  Which leaves those are
 * is not found out: tables below may be shared, and a guest that edits its
 * tables can copy any entry that it reads. */
static bool merges(const struct ptw_rebuild *rb)
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
    const void *page = ptw_page_bytes(rb->mem, pa, rb->page[0]);
    uint64_t flags = page_flags(b, ptw_page_bit(pa));
    uint64_t bit = ptw_page_bit(pa);
    uint64_t frame = pa >> PTW_PAGE_BITS;
    struct contents *c;
    const void *other;
    bool fresh;

    rb->work++;
    if (page == NULL) {
        return;
    }
    if (all_zeros(page)) {
        if (rb->blank == 0) {
            rb->blank = frame + 1;
            rb->blank_flags = flags;
        } else if (flags == rb->blank_flags) {
            b->kept &= ~bit;
            b->blank |= bit;
            rb->counts.merged++;
        }
        return;
    }
    if ((rb->o.flags & PTW_REBUILD_MERGE) == 0) {
        return;
    }
    c = ptw_hash_enter(&rb->contents, sizeof *c,
                       hash_page(page, flags, rb->key), &fresh);
    if (fresh) {
        c->frame = frame;
        return;
    }
    other = ptw_page_bytes(rb->mem, c->frame << PTW_PAGE_BITS, rb->page[1]);
    if (other != NULL &&
        flags == page_flags(block_at(rb, c->frame << PTW_PAGE_BITS),
                            ptw_page_bit(c->frame << PTW_PAGE_BITS)) &&
        memcmp(page, other, PTW_PAGE_BYTES) == 0) {
        uint64_t same = c->frame;

        c = ptw_hash_enter(&rb->contents, sizeof *c, frame + 1, &fresh);
        c->frame = same;
        b->kept &= ~bit;
        b->same |= bit;
        rb->counts.merged++;
    }
}

static enum ptw_status compare(struct ptw_rebuild *rb)
{
    if ((rb->o.flags & PTW_REBUILD_MERGE) != 0) {
        uint64_t pages = 1;

        for (size_t i = rb->block; i < rb->blocks; i++) {
            pages += ptw_count_bits(mergeable(rb, ordered(rb, i)));
        }
        if (!ptw_hash_room(&rb->contents, (size_t)pages)) {
            return ask(
                rb, PTW_REBUILD_CONTENTS,
                ptw_hash_wanted(&rb->contents, sizeof(struct contents), pages));
        }
        for (unsigned i = 0; i < 2 * PTW_PAGE_WORDS; i++) {
            rb->key[i] = (uint32_t)ptw_mix(CONTENT | i, rb->o.seed, 32);
        }
    }
    for (; rb->block < rb->blocks; rb->block++) {
        struct ptw_block *b = ordered(rb, rb->block);
        uint64_t pages = mergeable(rb, b);

        for (; pages != 0; pages &= pages - 1) {
            compare_page(rb, b,
                         ptw_block_base(b) + ((uint64_t)__builtin_ctzll(pages)
                                              << PTW_PAGE_BITS));
        }
    }
    return PTW_OK;
}

/* Gives every page that is kept its place. */
static enum ptw_status place(struct ptw_rebuild *rb)
{
    uint64_t next = rb->o.base.v;
    uint64_t end = ptw_low_mask(rb->regime->pa_bits);

    rb->counts.pages = 0;
    rb->counts.shared_writable = 0;
    rb->counts.flags_differ = 0;
    for (size_t i = 0; i < rb->blocks; i++) {
        struct ptw_block *b = ordered(rb, i);
        unsigned pages = ptw_count_bits(b->kept);

        if (b->unit > 0 && (ptw_block_base(b) & ptw_low_mask(b->unit)) == 0) {
            next = (next + ptw_low_mask(b->unit)) & ~ptw_low_mask(b->unit);
        }
        b->to = next;
        next += (uint64_t)pages << PTW_PAGE_BITS;
        rb->counts.pages += pages;
        rb->counts.shared_writable += ptw_count_bits(ptw_block_shared(b));
        rb->counts.flags_differ += ptw_count_bits(b->mixed);
        if (next > end + 1) {
            return PTW_E_WIDTH;
        }
    }
    rb->counts.page_bytes = next - rb->o.base.v;
    return PTW_OK;
}

/* How many tables the maps may need in one space. */
static uint64_t tables_for_maps(const struct ptw_rebuild *rb)
{
    const struct ptw_format *a = rb->regime->arch->format;
    uint64_t tables = 0;

    for (size_t i = 0; i < rb->o.maps; i++) {
        for (unsigned level = 0; level < ptw_top(a); level++) {
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
    const struct ptw_regime *r = rb->regime;
    uint64_t page = ptw_low_mask(PTW_PAGE_BITS);
    uint64_t entry = r->rule[0].leaf_pa | page;
    uint64_t pages = rb->counts.page_bytes;
    uint64_t base = rb->o.base.v;
    uint64_t tables = tables_at(rb);
    uint64_t last = tables + ((rb->counts.tables << PTW_PAGE_BITS) - 1);

    if (last > ptw_low_mask(r->pa_bits) ||
        ptw_flags_between(r, tables, last - tables) ||
        (pages > 0 && ptw_flags_between(r, base, pages - 1)) ||
        (last & ~(r->table_pa | page)) != 0 ||
        (rb->counts.spaces > 0 &&
         (table_at(rb, rb->last_root) & ~r->root_pa) != 0) ||
        ((rb->o.flags & PTW_REBUILD_TABLES_APART) == 0 &&
         (last & ~entry) != 0)) {
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

/* How large the image will be at most. */
static enum ptw_status measure(struct ptw_rebuild *rb)
{
    uint64_t most = (uint64_t)1 << (52 - PTW_PAGE_BITS);
    uint64_t maps = tables_for_maps(rb);

    if (maps > most || maps > most / (rb->counts.spaces + 1)) {
        return PTW_E_LIMIT;
    }
    rb->mapped = maps * rb->counts.spaces;
    rb->counts.tables += rb->mapped;
    if (rb->counts.tables > most) {
        return PTW_E_LIMIT;
    }
    if (count_bytes(rb) != PTW_OK) {
        return PTW_E_LIMIT;
    }
    return fits(rb);
}

static enum ptw_status plan_on(struct ptw_rebuild *rb)
{
    enum ptw_status st = PTW_OK;

    if (rb->phase == PTW_REBUILD_START) {
        size_t bytes = ptw_runs_bytes(rb->mem);

        if (rb->store[PTW_REBUILD_MEMORY].bytes < bytes) {
            return ask(rb, PTW_REBUILD_MEMORY, bytes);
        }
        if (rb->memo.slot == NULL) {
            return ask(rb, PTW_REBUILD_TABLES_SEEN, memo_wanted(&rb->memo));
        }
        ptw_runs_make(&rb->runs, rb->mem, rb->store[PTW_REBUILD_MEMORY].at);
        rb->work += rb->mem->regions;
        st = begin_walk(rb);
        rb->phase = PTW_REBUILD_WALKING;
    }
    if (st == PTW_OK && rb->phase == PTW_REBUILD_WALKING) {
        st = walk_on(rb, NULL);
        if (st == PTW_OK) {
            rb->walked = rb->counts.tables - rb->extra;
            rb->phase = PTW_REBUILD_ORDERING;
        }
    }
    if (st == PTW_OK && rb->phase == PTW_REBUILD_ORDERING) {
        st = put_in_order(rb);
        if (st == PTW_OK) {
            st = room_for_units(rb);
        }
        if (st == PTW_OK) {
            rb->phase = PTW_REBUILD_COMPARING;
        }
    }
    if (st == PTW_OK && merges(rb)) {
        st = compare(rb);
    }
    if (st == PTW_OK) {
        st = place(rb);
    }
    return st == PTW_OK ? measure(rb) : st;
}

enum ptw_status ptw_rebuild_plan(struct ptw_rebuild *rb)
{
    enum ptw_status st;

    if (rb->phase >= PTW_REBUILD_PLANNED) {
        return PTW_E_ARG;
    }
    rb->wanted = 0;
    st = plan_on(rb);
    if (st == PTW_OK) {
        rb->phase = PTW_REBUILD_PLANNED;
        rb->block = 0;
    } else if (st != PTW_E_SPACE) {
        rb->phase = PTW_REBUILD_BROKEN;
    }
    return st;
}

uint32_t ptw_rebuild_bad_root(const struct ptw_rebuild *rb)
{
    return (uint32_t)rb->where.v;
}

bool ptw_rebuild_bad_map(const struct ptw_rebuild *rb, size_t *map)
{
    if (rb->bad_map == 0) {
        return false;
    }
    *map = rb->bad_map - 1;
    return true;
}

bool ptw_rebuild_bad_mark(const struct ptw_rebuild *rb, uint32_t *space,
                          ptw_va *va)
{
    if (rb->marked) {
        *space = rb->marked_space;
        *va = rb->marked_va;
    }
    return rb->marked;
}

ptw_pa ptw_rebuild_tables_at(const struct ptw_rebuild *rb)
{
    return ptw_pa_of(tables_at(rb));
}

/* --------------------------------------------------------------------- copy */

/* Hands pages of a block that follow each other, from number `first`, to the
 * sink, less those of zeros when they need not be. */
static enum ptw_status hand_over(struct ptw_rebuild *rb,
                                 const struct ptw_page_sink *sink, void *ctx,
                                 const struct ptw_block *b, unsigned first,
                                 const unsigned char *bytes, unsigned pages)
{
    bool zeros = (rb->o.flags & PTW_REBUILD_ZEROS) != 0;
    uint64_t to = ptw_block_to(b, (uint64_t)1 << first);
    enum ptw_status st = PTW_OK;
    unsigned from = 0;

    for (unsigned i = 0; st == PTW_OK && i <= pages; i++) {
        uint64_t pa =
            ptw_block_base(b) + ((uint64_t)(first + i) << PTW_PAGE_BITS);
        bool blank = zeros && i < pages &&
                     (ptw_page_zeros(rb->mem, pa) ||
                      all_zeros(bytes + ((size_t)i << PTW_PAGE_BITS)));

        if (i < pages && !blank) {
            continue;
        }
        if (i > from) {
            rb->where.v =
                ptw_block_base(b) + ((uint64_t)(first + from) << PTW_PAGE_BITS);
            st = sink->write(ctx,
                             ptw_pa_of(to + ((uint64_t)from << PTW_PAGE_BITS)),
                             bytes + ((size_t)from << PTW_PAGE_BITS),
                             (size_t)(i - from) << PTW_PAGE_BITS);
            rb->handed |=
                st == PTW_OK ? ptw_low_mask(i - from) << (first + from) : 0;
        }
        if (blank && st == PTW_OK) {
            rb->handed |= (uint64_t)1 << (first + i);
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
    uint64_t pa = ptw_block_base(b) + ((uint64_t)number << PTW_PAGE_BITS);
    const void *page = ptw_page_bytes(rb->mem, pa, rb->page[0]);

    if (page == NULL) {
        rb->counts.pages--;
        rb->counts.shared_writable -= (ptw_block_shared(b) & bit) != 0;
        b->gone |= bit;
        rb->handed |= bit;
        if (b->unit > 0) {
            unit_of(rb, b)->torn = PTW_TORN_SOMEWHERE;
            rb->recount = true;
        }
        return PTW_OK;
    }
    return hand_over(rb, sink, ctx, b, number, page, 1);
}

/* Copies what is left of the block to copy. */
static enum ptw_status copy_block(struct ptw_rebuild *rb, struct ptw_block *b,
                                  const struct ptw_page_sink *sink, void *ctx)
{
    uint64_t kept = b->kept & ~rb->handed;
    enum ptw_status st = PTW_OK;

    while (st == PTW_OK && kept != 0) {
        unsigned first = (unsigned)__builtin_ctzll(kept);
        uint64_t above = ~(kept >> first);
        unsigned pages = above == 0 ? 64 : (unsigned)__builtin_ctzll(above);
        uint64_t run = ptw_low_mask(pages) << first;
        uint64_t pa = ptw_block_base(b) + ((uint64_t)first << PTW_PAGE_BITS);
        const void *bytes =
            ptw_direct(rb->mem, pa, (uint64_t)pages << PTW_PAGE_BITS);

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
        rb->handed = 0;
    }
    return st;
}

/* A large page of which a part is gone becomes small ones, so that there are
 * more tables. */
static enum ptw_status count_again(struct ptw_rebuild *rb)
{
    enum ptw_status st = walk_again(rb, NULL);

    if (st == PTW_OK && rb->counts.tables - rb->extra != rb->walked) {
        st = PTW_E_CHANGED;
    }
    return st == PTW_OK ? measure(rb) : st;
}

enum ptw_status ptw_rebuild_copy(struct ptw_rebuild *rb,
                                 const struct ptw_page_sink *sink, void *ctx)
{
    enum ptw_status st = PTW_OK;

    if (rb->phase != PTW_REBUILD_PLANNED) {
        return PTW_E_ARG;
    }
    while (rb->block < rb->blocks) {
        st = copy_block(rb, ordered(rb, rb->block), sink, ctx);
        if (st != PTW_OK) {
            return st;
        }
        rb->block++;
    }
    rb->phase = PTW_REBUILD_COPIED;
    if (rb->recount) {
        st = count_again(rb);
    }
    if (st != PTW_OK) {
        rb->phase = PTW_REBUILD_BROKEN;
    }
    return st;
}

/* ------------------------------------------------------------------- tables */

static enum ptw_status take_for_map(void *ctx, ptw_pa *table)
{
    return take_extra(ctx, &table->v);
}

/* Maps what the caller asked for in every new space.  A table of such an
 * address is shared only by spaces that have it at the same address, and all of
 * them are to have the map: so it may be written through. */
static enum ptw_status add_maps(struct ptw_rebuild *rb, const ptw_pa *new_root)
{
    static const struct ptw_table_ops ops = {.take = take_for_map};
    struct ptw_tables t = {
        .regime = rb->regime,
        .mem = rb->to,
        .ops = &ops,
        .ctx = rb,
    };

    for (size_t i = 0; i < rb->o.maps; i++) {
        t.table_rights |= rb->o.map[i].rights & PTW_USER;
    }
    for (uint32_t space = 0; space < rb->roots; space++) {
        t.root = new_root[space];
        t.table_flags = root_flags(&rb->o, space);
        for (size_t i = 0; i < rb->o.maps; i++) {
            struct ptw_map_request q = rb->o.map[i];
            enum ptw_status st;

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

/* How many pages became copy-on-write, and how many the guest can still write.
 * A page of a leaf that became so has no other leaf, unless all of them do. */
static void count_written(struct ptw_rebuild *rb)
{
    uint64_t written = 0;
    uint64_t writable = 0;
    uint64_t fixed = 0;

    for (size_t i = 0; i < rb->blocks; i++) {
        const struct ptw_block *b = ordered(rb, i);

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

static enum ptw_status build(struct ptw_rebuild *rb, ptw_pa *new_root)
{
    enum ptw_status st;

    rb->phase = PTW_REBUILD_BUILDING;
    st = walk_again(rb, new_root);
    if (st != PTW_OK) {
        return st;
    }
    if (rb->counts.tables != rb->walked + rb->taken) {
        return PTW_E_CHANGED;
    }
    count_written(rb);
    st = add_maps(rb, new_root);
    rb->counts.tables = rb->walked + rb->taken;
    rb->counts.bytes =
        rb->counts.page_bytes + (rb->counts.tables << PTW_PAGE_BITS);
    return st;
}

enum ptw_status ptw_rebuild_tables(struct ptw_rebuild *rb,
                                   const struct ptw_mem *to, ptw_pa *new_root)
{
    enum ptw_status st;

    if (rb->phase != PTW_REBUILD_COPIED) {
        return PTW_E_ARG;
    }
    rb->to = to;
    st = build(rb, new_root);
    rb->phase = st == PTW_OK ? PTW_REBUILD_DONE : PTW_REBUILD_BROKEN;
    return st;
}
