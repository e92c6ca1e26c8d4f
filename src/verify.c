/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying: two walks, the old image's and the new one's, item by item.
 *
 * A rebuilt image has the same tables at the same places of the same spaces, so
 * the two walks give the same items in the same order, except where the old one
 * has something that could not be kept: then the new one must have nothing.
 * Leaves are compared piece by piece, since a large one may have become small
 * ones.  Which old page each new page is, is written down: it must be the same
 * one whenever the new one comes again, and no other new page may be it.  So are
 * the tables: one that is another table, or a page, as well must have been that
 * before.  The bytes are compared at the end, in the order of the new image: in
 * the order of the spaces every page would lie somewhere else. */
#include "ptwalk/verify.h"

#include "absent.h"
#include "hash.h"
#include "marked.h"
#include "mem.h"
#include "memo.h"
#include "regime.h"
#include "runs.h"
#include "sort.h"

enum verify_phase { COUNT_LEAVES, COMPARE, COMPARE_BYTES, LOCATE, OVER };
enum { OLD, NEW };
enum { UNKNOWN, YES, NO }; /* of v->stays */
enum { PAGE = 12, BLOCK = 6, PAGES = 1 << BLOCK, PAGE_BYTES = 4096 };

struct seen {       /* of PTW_VERIFY_PAGES */
    uint64_t key;   /* number of 64 old pages + 1; or one with a mark */
    uint64_t value; /* which of the 64 were seen; or what the mark says */
};

/* Marks in the key.  Of old pages (number + 1): */
enum {
    LARGE_AT = 48,    /* and the size: the new page, and how much is outside */
    WRITES_AT = 56,   /* a large one; its new leaf grants writing */
    JOINED_AT = 57,   /* other old pages are the same new one: which one */
    SEQUENCE_AT = 58, /* the same: pages that were seen before it */
    READS_AT = 59,    /* in PTW_VERIFY_LEAVES */
    TABLE_AT = 60,    /* a new table: the number of the old one + 1; 0: none */
    GONE_AT = 61,     /* in PTW_VERIFY_LEAVES, and the size: it could not be
                         read, and is not mapped now */
    STAYS_AT = 62,    /* likewise: whether it could be read whole (once) */
    FLAGS_AT = 63 /* a new page: flag bits of the leaf that mapped it first */
};
enum { OUTSIDE_BITS = 20 }; /* of the value of a large page, from bit 0 */

struct taken {    /* of PTW_VERIFY_TAKEN, for 64 new pages */
    uint64_t key; /* their number + 1 */
    uint64_t taken;
    uint64_t joined;          /* that are two old pages or more */
    uint64_t writable;        /* that a new leaf lets the guest write */
    uint64_t large;           /* that a large new leaf maps */
    uint64_t differ;          /* whose bytes are not the same, or: */
    uint64_t overlaps;        /* in which a table stands that did not before */
    uint64_t old[PAGES];      /* number of the old page */
    uint32_t sequence[PAGES]; /* pages that were seen before it */
};

/* Of PTW_VERIFY_LEAVES, for 64 old pages.  With a mark in the key, which of them
 * are known to be readable (once) or not (twice); or, of a large page, 1 or 0. */
struct leaves {
    uint64_t key;     /* their number + 1; of a large page, with a mark */
    uint64_t once;    /* that a leaf maps */
    uint64_t twice;   /* that two or more do */
    uint64_t written; /* that a leaf lets the guest write */
};

const char *ptw_difference_text(enum ptw_difference_kind kind)
{
    switch (kind) {
    case PTW_DIFFERS_NOT:
        return "the same";
    case PTW_DIFFERS_SPACE:
        return "spaces differ";
    case PTW_DIFFERS_MISSING:
        return "not mapped any more";
    case PTW_DIFFERS_EXTRA:
        return "was not mapped before";
    case PTW_DIFFERS_KEPT:
        return "could not be read before, and is mapped now";
    case PTW_DIFFERS_ABSENT:
        return "entries that are not present differ";
    case PTW_DIFFERS_OVERLAP:
        return "a new table is a page or another table as well";
    case PTW_DIFFERS_TABLE:
        return "tables differ";
    case PTW_DIFFERS_ALIAS:
        return "tables are shared in another way";
    case PTW_DIFFERS_SELF:
        return "self-references differ";
    case PTW_DIFFERS_BAD:
        return "a new entry has reserved bits set";
    case PTW_DIFFERS_REFUSED:
        return "a new table can't be read";
    case PTW_DIFFERS_SIZE:
        return "leaves have other sizes";
    case PTW_DIFFERS_RIGHTS:
        return "rights differ";
    case PTW_DIFFERS_POLICY:
        return "copy-on-write differs";
    case PTW_DIFFERS_ATTRIBUTES:
        return "attributes differ";
    case PTW_DIFFERS_SHARED:
        return "one page became two";
    case PTW_DIFFERS_JOINED:
        return "two pages became one";
    case PTW_DIFFERS_UNREADABLE:
        return "the new page can't be read";
    case PTW_DIFFERS_BYTES:
        return "bytes differ";
    }
    return "unknown difference";
}

/* ------------------------------------------------------------------ storage */

static enum ptw_status ask(struct ptw_verify *v, enum ptw_verify_store which,
                           size_t wanted)
{
    v->short_of = which;
    v->wanted = wanted;
    return PTW_E_SPACE;
}

static struct ptw_hash *hash_of(struct ptw_verify *v,
                                enum ptw_verify_store which, size_t *size)
{
    switch (which) {
    case PTW_VERIFY_PAGES:
        *size = sizeof(struct seen);
        return &v->pages;
    case PTW_VERIFY_TAKEN:
        *size = sizeof(struct taken);
        return &v->taken;
    case PTW_VERIFY_LEAVES:
        *size = sizeof(struct leaves);
        return &v->leaves;
    case PTW_VERIFY_OLD_TABLES:
    case PTW_VERIFY_NEW_TABLES:
    case PTW_VERIFY_ORDER:
    case PTW_VERIFY_OLD_MEMORY:
    case PTW_VERIFY_STORES:
        break;
    }
    return NULL;
}

/* Sees to it that three records more have room. */
static enum ptw_status room(struct ptw_verify *v, enum ptw_verify_store which)
{
    size_t size = 0;
    struct ptw_hash *h = hash_of(v, which, &size);

    return ptw_hash_room(h, 4) ? PTW_OK
                               : ask(v, which, ptw_hash_wanted(h, size, 4));
}

enum ptw_status ptw_verify_give(struct ptw_verify *v, void *storage,
                                size_t bytes, void **before)
{
    struct ptw_store *s = &v->store[v->short_of];
    size_t size = 0;
    struct ptw_hash *h = hash_of(v, v->short_of, &size);
    struct ptw_memo *memo =
        &v->side[v->short_of == PTW_VERIFY_OLD_TABLES ? OLD : NEW].memo;
    enum ptw_status st;

    *before = NULL;
    if (v->wanted == 0 || storage == NULL) {
        return PTW_E_ARG;
    }
    if (v->short_of == PTW_VERIFY_ORDER ||
        v->short_of == PTW_VERIFY_OLD_MEMORY) {
        st = ((uintptr_t)storage & 7) != 0 ? PTW_E_ALIGN
             : bytes < v->wanted           ? PTW_E_SPACE
                                           : PTW_OK;
    } else if (h != NULL) {
        st = ptw_hash_give(h, size, storage, bytes, v->o.seed);
    } else if (memo->slot == NULL) {
        st = ptw_memo_init(memo, storage, bytes, v->o.seed);
    } else {
        st = ptw_memo_grow(memo, storage, bytes);
    }
    if (st == PTW_OK) {
        *before = s->at;
        s->at = storage;
        s->bytes = bytes;
        v->wanted = 0;
    }
    return st;
}

void *ptw_verify_storage(const struct ptw_verify *v, unsigned i)
{
    return i < PTW_VERIFY_STORES ? v->store[i].at : NULL;
}

/* -------------------------------------------------------------------- walks */

static enum ptw_status begin_walk(struct ptw_verify *v, unsigned which)
{
    struct ptw_verify_side *s = &v->side[which];
    struct ptw_walk_options o = ptw_walk_everything();
    struct ptw_store *store = &v->store[which];

    if (store->at == NULL) {
        return ask(v, (enum ptw_verify_store)which, ptw_memo_bytes(1024));
    }
    if (ptw_memo_init(&s->memo, store->at, store->bytes, v->o.seed) != PTW_OK) {
        return PTW_E_ARG;
    }
    o.first = v->o.first;
    o.last = v->o.last;
    o.leave_out = v->o.leave_out;
    o.leave_outs = v->o.leave_outs;
    o.max_reads = v->o.max_reads;
    o.flags = PTW_WALK_TABLES | PTW_WALK_SELF;
    s->items = 0;
    s->next = 0;
    return ptw_walk_va_spaces_init(&s->walk, v->regime, s->mem, s->root,
                                   v->roots, &s->memo, &o);
}

/* Shows the item that is next; PTW_END, with *item NULL, behind the last. */
static enum ptw_status peek(struct ptw_verify *v, unsigned which,
                            const struct ptw_item **item)
{
    struct ptw_verify_side *s = &v->side[which];
    enum ptw_status st;
    uint64_t reads;

    *item = NULL;
    if (s->next == s->items) {
        s->next = 0;
        reads = ptw_walk_counts(&s->walk).reads;
        st = ptw_walk_next(&s->walk, s->item, PTW_VERIFY_BATCH, &s->items);
        v->work += s->items + (ptw_walk_counts(&s->walk).reads - reads);
        if (st != PTW_OK) {
            return st == PTW_E_SPACE ? ask(v, (enum ptw_verify_store)which,
                                           ptw_memo_bytes(ptw_slots_used(
                                               s->memo.slots_log2 + 1)))
                                     : st;
        }
    }
    *item = &s->item[s->next];
    return PTW_OK;
}

static void advance(struct ptw_verify *v, unsigned which)
{
    v->side[which].next++;
}

struct ptw_verify_options
ptw_verify_options_of(const struct ptw_rebuild_options *o)
{
    struct ptw_verify_options v = {
        .first = o->first,
        .last = o->last,
        .leave_out = o->leave_out,
        .leave_outs = o->leave_outs,
        .flags = o->flags,
        .max_reads = o->max_reads,
        .seed = o->seed,
        .absent = o->absent,
    };

    return v;
}

enum ptw_status
ptw_verify_init(struct ptw_verify *v, const struct ptw_regime *regime,
                const struct ptw_mem *old_mem, const ptw_pa *old_root,
                const struct ptw_mem *new_mem, const ptw_pa *new_root,
                uint32_t roots, const struct ptw_verify_options *options)
{
    enum ptw_status st;

    memset(v, 0, sizeof *v);
    v->phase = OVER;
    if (roots == 0 || roots > (uint32_t)1 << 31) {
        return PTW_E_ARG;
    }
    if (regime->arch->format->levels == 0) {
        return PTW_E_REGIME;
    }
    st = ptw_absent_check(&options->absent, regime);
    if (st == PTW_OK) {
        st = ptw_marked_check(options->flags);
    }
    if (st != PTW_OK) {
        return st;
    }
    st = ptw_kept_check(regime,
                        (struct ptw_va_range){options->first, options->last},
                        options->leave_out, options->leave_outs);
    if (st != PTW_OK) {
        return st;
    }
    v->regime = regime;
    v->roots = roots;
    v->o = *options;
    v->side[OLD].mem = old_mem;
    v->side[OLD].near = old_mem->near;
    v->side[OLD].root = old_root;
    v->side[NEW].mem = new_mem;
    v->side[NEW].near = new_mem->near;
    v->side[NEW].root = new_root;
    if ((v->o.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        v->o.flags |= PTW_REBUILD_COPY_ON_WRITE;
    }
    v->phase = (v->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
                       (v->o.flags & PTW_REBUILD_COPY_SHARED) == 0
                   ? COUNT_LEAVES
                   : COMPARE;
    return PTW_OK;
}

/* ------------------------------------------------------------------ answers */

static enum ptw_status differ(struct ptw_verify *v,
                              enum ptw_difference_kind kind, uint32_t space,
                              uint64_t va)
{
    v->difference.kind = kind;
    v->difference.space = space;
    v->difference.va.v = va;
    return PTW_DIFFERENT;
}

/* What a leaf, old or new, adds to the difference. */
static void note_leaf(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item, uint64_t va)
{
    struct ptw_difference *d = &v->difference;
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t pa = m->pa.v + (va - item->first.v);

    if (which == OLD) {
        d->old_pa.v = pa;
        d->old_raw = m->raw;
        d->old_rights = m->rights;
    } else {
        d->new_pa.v = pa;
        d->new_raw = m->raw;
        d->new_rights = m->rights;
    }
}

/* The same for any item: where the table or page is, and the entry. */
static void note_item(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item)
{
    const struct ptw_format *a = v->regime->arch->format;
    struct ptw_mapping m = {0};
    struct ptw_item as_leaf = *item;
    struct ptw_alias_ref ref;
    unsigned level;

    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        m = item->u.mapping;
        break;
    case PTW_ITEM_SPACE:
        m.pa = item->u.space_info.root;
        break;
    case PTW_ITEM_TABLE:
        m.pa = item->u.table.table;
        m.raw = ptw_table_entry(a, v->regime, item->u.table.level + 1u,
                                item->u.table.attributes, m.pa.v);
        m.rights = item->u.table.rights;
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(v->regime, item, &level);
        m.pa = ref.table;
        m.raw =
            ptw_table_entry(a, v->regime, level + 1u, ref.attributes, m.pa.v);
        m.rights = ref.rights;
        break;
    case PTW_ITEM_FINDING:
        m.pa = item->u.finding.table;
        m.raw = item->u.finding.raw;
        m.rights = item->u.finding.rights;
        break;
    case PTW_ITEM_HOLE:
        break;
    }
    as_leaf.u.mapping = m;
    note_leaf(v, which, &as_leaf, item->first.v);
}

/* What it is called when that item has no counterpart. */
static enum ptw_difference_kind kind_of(const struct ptw_item *item,
                                        bool is_new)
{
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        return PTW_DIFFERS_SPACE;
    case PTW_ITEM_TABLE:
        return PTW_DIFFERS_TABLE;
    case PTW_ITEM_ALIAS:
        return PTW_DIFFERS_ALIAS;
    case PTW_ITEM_FINDING:
        return item->u.finding.kind == PTW_FINDING_SELF ? PTW_DIFFERS_SELF
               : item->u.finding.kind == PTW_FINDING_REFUSED
                   ? PTW_DIFFERS_REFUSED
                   : PTW_DIFFERS_BAD;
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_HOLE:
        break;
    }
    return is_new ? PTW_DIFFERS_EXTRA : PTW_DIFFERS_MISSING;
}

/* The item of one image has no counterpart. */
static enum ptw_status stands_alone(struct ptw_verify *v, unsigned which,
                                    const struct ptw_item *item)
{
    note_item(v, which, item);
    return differ(v, kind_of(item, which == NEW), item->space, item->first.v);
}

PTW_ENGINE uint64_t mixed(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * 0x9E3779B97F4A7C15;
    return sum ^ sum >> 32;
}

static void fold(struct ptw_verify *v, uint64_t value)
{
    uint64_t *d = v->certificate.digest;

    d[0] = mixed(d[0], value);
    d[1] = (d[1] + value) * 0xC2B2AE3D27D4EB4F;
    d[1] = (d[1] << 31 | d[1] >> 33) + d[0];
}

/* Folds in the bytes of a page, in whatever order pages come: in four sums that
 * don't wait for each other. */
static void fold_page(struct ptw_verify *v, const unsigned char *page,
                      uint32_t sequence)
{
    uint64_t a = sequence;
    uint64_t b = 2;
    uint64_t c = 3;
    uint64_t d = 4;

    for (unsigned i = 0; i < PAGE_BYTES; i += 32) {
        a = mixed(a, ptw_load64(page + i));
        b = mixed(b, ptw_load64(page + i + 8));
        c = mixed(c, ptw_load64(page + i + 16));
        d = mixed(d, ptw_load64(page + i + 24));
    }
    a = (a ^ c) * 0x9E3779B97F4A7C15;
    b = (b ^ d ^ a) * 0xC2B2AE3D27D4EB4F;
    v->contents[0] += a ^ a >> 32;
    v->contents[1] += b ^ b >> 31;
}

/* ------------------------------------------------------------------- leaves */

static enum ptw_cover kept_of(const struct ptw_verify *v, uint64_t first,
                              uint64_t last)
{
    struct ptw_va_range whole = {v->o.first, v->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_range_kept(whole, v->o.leave_out, v->o.leave_outs, part);
}

/* What an entry grants by itself. */
static unsigned own_rights(const struct ptw_verify *v, unsigned level,
                           uint64_t raw)
{
    return ptw_decode(v->regime, level, raw).rights;
}

/* Whether the guest writes through that leaf, by whatever path: its table may be
 * reached by another one than this. */
static bool lets_write(const struct ptw_verify *v, const struct ptw_mapping *m)
{
    return ptw_guest_writes(v->regime, PTW_ALL_RIGHTS, m->level, m->raw);
}

/* Whether copy-on-write would change that. */
static bool can_be_turned(const struct ptw_verify *v,
                          const struct ptw_mapping *m)
{
    const struct ptw_format *a = v->regime->arch->format;

    return lets_write(v, m) &&
           !ptw_guest_writes(v->regime, PTW_ALL_RIGHTS, m->level,
                             a->leaf_copy_on_write(m->raw));
}

static uint64_t large_key(uint64_t pa, unsigned size_log2)
{
    return ((pa >> PAGE) + 1) | (uint64_t)size_log2 << LARGE_AT;
}

static struct leaves *leaves_at(struct ptw_verify *v, uint64_t key)
{
    bool fresh;

    return ptw_hash_enter(&v->leaves, sizeof(struct leaves), key, &fresh);
}

/* Counts one leaf of the old page at pa. */
static void count_page(struct ptw_verify *v, uint64_t pa, bool written)
{
    struct leaves *l = leaves_at(v, (pa >> (PAGE + BLOCK)) + 1);
    uint64_t bit = (uint64_t)1 << (pa >> PAGE & 63);

    l->twice |= l->once & bit;
    l->once |= bit;
    l->written |= written ? bit : 0;
}

/* Counts one large leaf that is wholly kept.  Returns false when that is nothing
 * new to its pages: they were gone through for two leaves, and for one that
 * writes if this one does. */
static bool count_large(struct leaves *l, bool written)
{
    if (l->twice != 0 && (l->written != 0 || !written)) {
        return false;
    }
    l->twice = l->once;
    l->once = 1;
    l->written |= written;
    return true;
}

/* Finds out whether the old page at pa can be read.  It is tried once, however
 * often it is mapped. */
static enum ptw_status try_to_read(struct ptw_verify *v, uint64_t pa,
                                   struct leaves **block)
{
    struct ptw_verify_side *s = &v->side[OLD];
    uint64_t bit = (uint64_t)1 << (pa >> PAGE & 63);
    enum ptw_status st = room(v, PTW_VERIFY_LEAVES);

    if (st != PTW_OK) {
        return st;
    }
    *block =
        leaves_at(v, ((pa >> (PAGE + BLOCK)) + 1) | (uint64_t)1 << READS_AT);
    if ((((*block)->once | (*block)->twice) & bit) == 0) {
        if (ptw_runs_page(&s->runs, pa) == PTW_COVER_ALL &&
            ptw_page_bytes(s->mem, pa, s->page) != NULL) {
            (*block)->once |= bit;
        } else {
            (*block)->twice |= bit;
        }
    }
    return PTW_OK;
}

/* How much of an old leaf, from offset `from` on and before offset `to`, has no
 * page that is kept and that memory has whole: of that, *dropped pages are kept.
 * 0: its next page is one. */
static uint64_t no_page_from(struct ptw_verify *v, const struct ptw_item *o,
                             uint64_t from, uint64_t to, uint64_t *dropped)
{
    struct ptw_va_range whole = {v->o.first, v->o.last};
    struct ptw_va_range part = {{o->first.v + from}, {o->first.v + (to - 1)}};
    struct ptw_va_range kept;
    uint64_t pa = o->u.mapping.pa.v + from;
    uint64_t first;
    uint64_t last;
    uint64_t bytes;

    v->work++;
    *dropped = 0;
    if (!ptw_kept_from(whole, v->o.leave_out, v->o.leave_outs, part, &kept)) {
        return to - from;
    }
    if (kept.first.v > part.first.v) {
        return kept.first.v - part.first.v;
    }
    bytes = kept.last.v - kept.first.v + 1;
    if (ptw_runs_whole(&v->side[OLD].runs, pa, pa + (bytes - 1), &first,
                       &last)) {
        bytes = first - pa;
    }
    *dropped = bytes >> PAGE;
    return bytes;
}

/* Finds out whether all of a page of the old image can be read, of whatever size:
 * once for each. */
static enum ptw_status all_readable(struct ptw_verify *v, uint64_t pa,
                                    unsigned bits, bool *all)
{
    uint64_t key = large_key(pa, bits) | (uint64_t)1 << STAYS_AT;
    uint64_t rest = ((uint64_t)PAGE_BYTES << BLOCK) - 1; /* of a block */
    uint64_t size = (uint64_t)1 << bits;
    struct leaves *block = ptw_hash_find(&v->leaves, sizeof *block, key);
    enum ptw_status st = PTW_OK;
    uint64_t at = 0;

    if (bits == PAGE) {
        st = try_to_read(v, pa, &block);
        *all = st == PTW_OK && (block->twice >> (pa >> PAGE & 63) & 1) == 0;
        return st;
    }
    if (block != NULL) {
        *all = block->once != 0;
        return PTW_OK;
    }
    while (at < size) {
        st = try_to_read(v, pa + at, &block);
        if (st != PTW_OK) {
            return st;
        }
        if ((block->twice >> ((pa + at) >> PAGE & 63) & 1) != 0) {
            break;
        }
        at = block->once == UINT64_MAX ? (at | rest) + 1 : at + PAGE_BYTES;
    }
    *all = at >= size;
    st = room(v, PTW_VERIFY_LEAVES);
    if (st == PTW_OK) {
        block = leaves_at(v, key);
        block->once = *all;
        block->twice = !*all;
    }
    return st;
}

/* Counts one leaf's pages.  A large one that is wholly kept is gone through at
 * most three times, however often it is mapped, and what it has outside of
 * memory not at all: that is more than there can be inside. */
static enum ptw_status count_leaf(struct ptw_verify *v,
                                  const struct ptw_item *item, bool written)
{
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t size = (uint64_t)1 << m->size_log2;

    if (m->size_log2 == PAGE) {
        if (room(v, PTW_VERIFY_LEAVES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        if (ptw_runs_page(&v->side[OLD].runs, m->pa.v) == PTW_COVER_ALL) {
            count_page(v, m->pa.v, written);
        }
        return PTW_OK;
    }
    while (v->done < size) {
        uint64_t pa = m->pa.v + v->done;
        uint64_t nothing;
        uint64_t dropped;

        if (room(v, PTW_VERIFY_LEAVES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        if (v->done == 0 && !v->counted &&
            kept_of(v, item->first.v, item->last.v) == PTW_COVER_ALL) {
            if (!count_large(leaves_at(v, large_key(m->pa.v, m->size_log2)),
                             written)) {
                break;
            }
            v->counted = true; /* there may be no room for its pages */
            continue;
        }
        nothing = no_page_from(v, item, v->done, size, &dropped);
        if (nothing == 0) {
            count_page(v, pa, written);
            nothing = PAGE_BYTES;
        }
        v->done += nothing;
    }
    v->done = 0;
    v->counted = false;
    return PTW_OK;
}

/* Whether any of the old pages from pa has a leaf that writes and another.  Only
 * pages that memory has whole are counted at all. */
static bool is_shared(struct ptw_verify *v, uint64_t pa, unsigned size_log2)
{
    uint64_t rest = ((uint64_t)PAGE_BYTES << BLOCK) - 1; /* of a block */
    uint64_t last = pa + (((uint64_t)1 << size_log2) - 1);
    const struct leaves *l;
    uint64_t to;

    if (size_log2 == PAGE) {
        l = ptw_hash_find(&v->leaves, sizeof *l, (pa >> (PAGE + BLOCK)) + 1);
        return l != NULL && (l->twice & l->written) >> (pa >> PAGE & 63) & 1;
    }
    l = ptw_hash_find(&v->leaves, sizeof *l, large_key(pa, size_log2));
    if (l != NULL && (l->twice & l->written) != 0) {
        return true;
    }
    while (ptw_runs_whole(&v->side[OLD].runs, pa, last, &pa, &to)) {
        v->work++;
        l = ptw_hash_find(&v->leaves, sizeof *l, (pa >> (PAGE + BLOCK)) + 1);
        if (l != NULL && (l->twice & l->written) != 0) {
            return true;
        }
        if ((pa | rest) >= last) {
            break;
        }
        pa = (pa | rest) + 1;
    }
    return false;
}

/* ------------------------------------------------------------- not present */

/* A table that an item enters; false when it enters none. */
static bool table_of(const struct ptw_verify *v, const struct ptw_item *item,
                     unsigned *level, ptw_pa *table)
{
    if (item->kind == PTW_ITEM_SPACE &&
        item->u.space_info.kind == PTW_SPACE_WALKED) {
        *level = ptw_top(v->regime->arch->format);
        *table = item->u.space_info.root;
        return true;
    }
    if (item->kind == PTW_ITEM_TABLE) {
        *level = item->u.table.level;
        *table = item->u.table.table;
        return true;
    }
    return false;
}

/* Where entry i of the table that the item enters begins; false when nothing of
 * that is kept. */
static bool entry_kept(const struct ptw_verify *v, const struct ptw_item *item,
                       unsigned level, unsigned i, uint64_t *va)
{
    const struct ptw_format *a = v->regime->arch->format;
    uint64_t offset = (uint64_t)i << a->level[level].shift;

    *va = level == ptw_top(a) ? ptw_va_from(a, offset) : item->first.v + offset;
    return kept_of(v, *va, *va + ptw_low_mask(a->level[level].shift)) !=
           PTW_COVER_NONE;
}

/* Reads entry *i of a table of that side: see ptw_get_absent. */
static bool read_absent(struct ptw_verify *v, unsigned which, unsigned level,
                        ptw_pa table, unsigned *i, uint64_t *raw)
{
    struct ptw_verify_side *s = &v->side[which];

    v->work++;
    return ptw_get_absent(s->mem, &s->near, v->regime->arch->format, level,
                          table.v, i, raw);
}

static bool follows(const struct ptw_verify *v)
{
    return v->o.absent.policy >= PTW_ABSENT_LINUX;
}

/* What an old entry names, as far as the tables and the memory's layout say; for
 * a frame, *item is its page as if it were mapped there.  A page that can't be
 * kept whole is none. */
static enum ptw_absent_kind named(const struct ptw_verify *v,
                                  const struct ptw_item *table, unsigned level,
                                  uint64_t va, uint64_t raw,
                                  struct ptw_item *item)
{
    struct ptw_absent_entry e =
        ptw_absent_read(&v->o.absent, v->regime, level, raw);
    uint64_t size = (uint64_t)1 << e.size_log2;

    if (e.kind != PTW_ABSENT_FRAME) {
        return e.kind;
    }
    if (kept_of(v, va, va + (size - 1)) != PTW_COVER_ALL ||
        !ptw_runs_all(&v->side[OLD].runs, e.pa.v, e.size_log2)) {
        return PTW_ABSENT_UNKNOWN;
    }
    memset(item, 0, sizeof *item);
    item->kind = PTW_ITEM_MAPPING;
    item->space = table->space;
    item->first.v = va;
    item->last.v = va + (size - 1);
    item->u.mapping.pa = e.pa;
    item->u.mapping.raw = raw;
    item->u.mapping.level = (uint8_t)level;
    item->u.mapping.size_log2 = (uint8_t)e.size_log2;
    return PTW_ABSENT_FRAME;
}

/* Counts the pages that entries of an old table name; those too that turn out to
 * be unreadable, and so are not followed: they keep leaves of the same page from
 * becoming copy-on-write.  Goes on at v->entry when there was no room. */
static enum ptw_status count_named(struct ptw_verify *v,
                                   const struct ptw_item *item)
{
    unsigned level;
    ptw_pa table;

    if (!follows(v) || !table_of(v, item, &level, &table)) {
        return PTW_OK;
    }
    for (; v->entry >> v->regime->arch->format->level[level].bits == 0;
         v->entry++) {
        struct ptw_item page;
        enum ptw_status st;
        uint64_t raw;
        uint64_t va;

        if (!read_absent(v, OLD, level, table, &v->entry, &raw) || raw == 0 ||
            !entry_kept(v, item, level, v->entry, &va) ||
            named(v, item, level, va, raw, &page) != PTW_ABSENT_FRAME) {
            continue;
        }
        st = count_leaf(v, &page, true);
        if (st != PTW_OK) {
            return st;
        }
    }
    v->entry = 0;
    return PTW_OK;
}

static enum ptw_status count_leaves(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *item;
        enum ptw_status st = peek(v, OLD, &item);

        if (item == NULL) {
            return st == PTW_END ? PTW_OK : st;
        }
        st = count_named(v, item);
        if (st == PTW_OK && item->kind == PTW_ITEM_MAPPING) {
            st = count_leaf(v, item, lets_write(v, &item->u.mapping));
        }
        if (st != PTW_OK) {
            return st;
        }
        advance(v, OLD);
    }
}

/* -------------------------------------------------------------------- pages */

/* Compares what both images can read of a page that one of them can't read
 * whole.  What neither can read has no contents but its address. */
static enum ptw_difference_kind compare_parts(struct ptw_verify *v,
                                              uint64_t old_pa, uint64_t new_pa,
                                              uint32_t sequence)
{
    struct ptw_verify_side *s = v->side;
    struct ptw_parts parts;

    ptw_compare_parts(s[OLD].mem, ptw_pa_of(old_pa), s[OLD].page, s[NEW].mem,
                      ptw_pa_of(new_pa), s[NEW].page, &parts);
    if (!parts.same) {
        return PTW_DIFFERS_BYTES;
    }
    if (parts.only_a > 0) {
        return PTW_DIFFERS_UNREADABLE;
    }
    if (parts.only_b > 0 || old_pa != new_pa) {
        return PTW_DIFFERS_KEPT;
    }
    if (parts.both == 0) {
        v->refused++;
        return PTW_DIFFERS_NOT;
    }
    v->certificate.partial++;
    v->contents[0] += mixed(parts.shape, sequence);
    fold_page(v, (const unsigned char *)s[NEW].page, sequence);
    return PTW_DIFFERS_NOT;
}

/* The bytes of an old page and of the new one. */
static enum ptw_difference_kind compare_page(struct ptw_verify *v,
                                             uint64_t old_pa, uint64_t new_pa,
                                             uint32_t sequence)
{
    struct ptw_verify_side *s = v->side;
    const void *was = ptw_page_bytes(s[OLD].mem, old_pa, s[OLD].page);
    const void *is = ptw_page_bytes(s[NEW].mem, new_pa, s[NEW].page);

    if (was == NULL || is == NULL) {
        return compare_parts(v, old_pa, new_pa, sequence);
    }
    if (was != is && memcmp(was, is, PAGE_BYTES) != 0) {
        return PTW_DIFFERS_BYTES;
    }
    fold_page(v, is, sequence);
    return PTW_DIFFERS_NOT;
}

static uint64_t marked(uint64_t pa, unsigned mark)
{
    return ((pa >> PAGE) + 1) | (uint64_t)1 << mark;
}

static struct seen *seen_at(struct ptw_verify *v, uint64_t key, bool *fresh)
{
    return ptw_hash_enter(&v->pages, sizeof(struct seen), key, fresh);
}

static bool is_blank(struct ptw_verify *v, uint64_t new_pa)
{
    struct ptw_verify_side *s = &v->side[NEW];
    const unsigned char *p = ptw_page_bytes(s->mem, new_pa, s->page);

    return p != NULL && p[0] == 0 && memcmp(p, p + 1, PAGE_BYTES - 1) == 0;
}

/* An old page that stands where another one does: that is right only for small
 * pages that were merged, and it must stand nowhere else. */
static enum ptw_difference_kind join_page(struct ptw_verify *v, uint64_t old_pa,
                                          uint64_t new_pa, struct taken *t,
                                          struct seen *block, uint64_t old_bit,
                                          uint32_t *sequence)
{
    bool fresh;
    struct seen *s = seen_at(v, marked(old_pa, JOINED_AT), &fresh);
    struct seen *order;

    if (!fresh) {
        order = ptw_hash_find(&v->pages, sizeof *order,
                              marked(old_pa, SEQUENCE_AT));
        *sequence = order != NULL ? (uint32_t)order->value : 0;
        return s->value == new_pa >> PAGE ? PTW_DIFFERS_NOT
                                          : PTW_DIFFERS_SHARED;
    }
    s->value = new_pa >> PAGE;
    if ((block->value & old_bit) != 0) {
        return PTW_DIFFERS_SHARED;
    }
    if ((v->o.flags & PTW_REBUILD_MERGE) == 0 &&
        ((v->o.flags & PTW_REBUILD_ZEROS) == 0 || !is_blank(v, new_pa))) {
        return PTW_DIFFERS_JOINED;
    }
    block->value |= old_bit;
    t->joined |= (uint64_t)1 << (new_pa >> PAGE & (PAGES - 1));
    v->joins = true;
    *sequence = (uint32_t)v->certificate.pages++;
    order = seen_at(v, marked(old_pa, SEQUENCE_AT), &fresh);
    order->value = *sequence;
    return compare_page(v, old_pa, new_pa, *sequence);
}

/* Notes where the first page is that is one with another: that is wrong if the
 * guest turns out to have a table by which it can make their leaves writable. */
static void note_joined(struct ptw_verify *v, const struct ptw_item *o,
                        const struct ptw_item *n, uint64_t va)
{
    struct ptw_difference none = {0};

    note_leaf(v, OLD, o, va);
    note_leaf(v, NEW, n, va);
    (void)differ(v, PTW_DIFFERS_JOINED, n->space, va);
    v->joined = v->difference;
    v->difference = none;
}

/* Whether an item of the old image is an entry that refers to its own table, is
 * kept, and lets the guest write that table: it can be written by the path that
 * goes through the entry once for each level, and ends there. */
static bool lets_rewrite(const struct ptw_verify *v, const struct ptw_item *o)
{
    const struct ptw_finding *f = &o->u.finding;

    return o->kind == PTW_ITEM_FINDING && f->kind == PTW_FINDING_SELF &&
           ptw_guest_writes(v->regime, PTW_ALL_RIGHTS, f->level + 1u, f->raw);
}

/* The flag bits of the leaf that mapped that new page first: this one, if none
 * did. */
static uint64_t flags_noted(struct ptw_verify *v, uint64_t new_pa,
                            uint64_t flags)
{
    bool fresh;
    struct seen *s = seen_at(v, marked(new_pa, FLAGS_AT), &fresh);

    if (fresh) {
        s->value = flags;
    }
    return s->value;
}

/* One old page and the new page in its place, of a leaf that is writable, or
 * large.  *sequence is how many pages had been seen when the old one was. */
static enum ptw_status pair_page(struct ptw_verify *v, uint64_t old_pa,
                                 uint64_t new_pa, bool writable, bool large,
                                 uint64_t flags, uint32_t *sequence,
                                 enum ptw_difference_kind *kind)
{
    unsigned i = (unsigned)(new_pa >> PAGE & (PAGES - 1));
    uint64_t bit = (uint64_t)1 << i;
    uint64_t old_bit = (uint64_t)1 << (old_pa >> PAGE & (PAGES - 1));
    struct seen *block;
    struct taken *t;
    bool fresh;

    if (room(v, PTW_VERIFY_PAGES) != PTW_OK ||
        room(v, PTW_VERIFY_TAKEN) != PTW_OK) {
        return PTW_E_SPACE;
    }
    block = seen_at(v, (old_pa >> (PAGE + BLOCK)) + 1, &fresh);
    t = ptw_hash_enter(&v->taken, sizeof *t, (new_pa >> (PAGE + BLOCK)) + 1,
                       &fresh);
    t->writable |= writable ? bit : 0;
    t->large |= large ? bit : 0;
    *kind = PTW_DIFFERS_NOT;
    if ((t->taken & bit) == 0) {
        if ((block->value & old_bit) != 0) {
            *kind = PTW_DIFFERS_SHARED;
            return PTW_OK;
        }
        block->value |= old_bit;
        t->taken |= bit;
        t->old[i] = old_pa >> PAGE;
        t->sequence[i] = (uint32_t)v->certificate.pages++;
        *sequence = t->sequence[i];
        if (v->regime->flag_bits != 0) {
            (void)flags_noted(v, new_pa, flags);
        }
        return PTW_OK;
    }
    *sequence = t->sequence[i];
    if (t->old[i] != old_pa >> PAGE) {
        *kind = join_page(v, old_pa, new_pa, t, block, old_bit, sequence);
        /* It is one page, and no leaf of it may say otherwise. */
        if (*kind == PTW_DIFFERS_NOT && v->regime->flag_bits != 0 &&
            flags_noted(v, new_pa, flags) != flags) {
            *kind = PTW_DIFFERS_JOINED;
        }
    }
    if (*kind == PTW_DIFFERS_NOT &&
        (t->joined & (t->writable | t->large) & bit) != 0) {
        *kind = PTW_DIFFERS_JOINED;
    }
    return PTW_OK;
}

/* Which page that large new one is, for the digest: its first page, by how many
 * had been seen before it; if there is none, where it would be. */
static uint64_t name_of(const struct ptw_verify *v, uint64_t new_pa)
{
    const struct taken *t =
        ptw_hash_find(&v->taken, sizeof *t, (new_pa >> (PAGE + BLOCK)) + 1);
    unsigned i = (unsigned)(new_pa >> PAGE & (PAGES - 1));

    return t != NULL && (t->taken >> i & 1) != 0 ? t->sequence[i] : new_pa;
}

/* From pa on there is no memory in the old image, of which pages have a byte,
 * before the address that is returned, or before last + 1. */
static uint64_t nowhere_to(const struct ptw_verify *v, uint64_t pa,
                           uint64_t last)
{
    uint64_t first;
    uint64_t end;

    return ptw_runs_touched(&v->side[OLD].runs, pa, last, &first, &end)
               ? first
               : last + 1;
}

/* The largest piece of a leaf that may start at that offset, of so many bytes at
 * most: a power of two. */
static uint64_t largest_piece(uint64_t offset, uint64_t most)
{
    unsigned bits = 63 - (unsigned)__builtin_clzll(most);
    uint64_t fits = offset & -offset;

    return fits != 0 && fits >> bits == 0 ? fits : (uint64_t)1 << bits;
}

/* The pages of one new leaf, which is writable or not, and the old ones in their
 * places.  What there is no
 * memory for in either image must be at the same address.  A large leaf is gone
 * through once, however often it is mapped. */
static enum ptw_status pair_leaf(struct ptw_verify *v, const struct ptw_item *o,
                                 const struct ptw_item *n, bool writable)
{
    uint64_t offset = n->first.v - o->first.v;
    uint64_t old_pa = o->u.mapping.pa.v + offset;
    uint64_t new_pa = n->u.mapping.pa.v;
    unsigned bits = n->u.mapping.size_log2;
    uint64_t size = (uint64_t)1 << bits;
    uint64_t key = large_key(old_pa, bits) | (uint64_t)writable << WRITES_AT;
    uint64_t flags =
        ptw_attributes_of(v->regime, n->u.mapping.level, n->u.mapping.raw)
            .flag_bits;
    struct seen *whole = NULL;
    uint64_t outside = 0; /* pages */
    uint64_t which = 0;   /* pages they are, for the digest */
    uint64_t nothing = 0; /* to here, there is no memory */
    uint64_t step;
    bool fresh;

    if (bits > PAGE) {
        v->work++;
        whole = ptw_hash_find(&v->pages, sizeof *whole, key);
        if (whole != NULL && whole->value >> OUTSIDE_BITS == new_pa >> PAGE) {
            v->certificate.outside += whole->value & ptw_low_mask(OUTSIDE_BITS);
            fold(v, name_of(v, new_pa));
            return PTW_OK;
        }
    }
    for (uint64_t at = 0; at < size; at += step) {
        enum ptw_difference_kind kind = PTW_DIFFERS_NOT;
        uint32_t sequence = 0;
        enum ptw_status st = PTW_OK;

        if (at >= nothing) {
            nothing = nowhere_to(v, old_pa + at, old_pa + (size - 1)) - old_pa;
        }
        if (at < nothing) {
            step = largest_piece(offset + at, nothing - at);
            outside += step >> PAGE;
            which = mixed(which, old_pa + at);
            if (old_pa != new_pa ||
                ptw_touches(v->side[NEW].mem, new_pa + at, step)) {
                kind = PTW_DIFFERS_KEPT;
            }
        } else {
            step = PAGE_BYTES;
            st = pair_page(v, old_pa + at, new_pa + at, writable, bits > PAGE,
                           flags, &sequence, &kind);
            which = mixed(which, sequence);
        }
        if (v->joins && v->joined.kind == PTW_DIFFERS_NOT) {
            note_joined(v, o, n, n->first.v + at);
        }
        v->work++;
        if (st != PTW_OK) {
            return st;
        }
        if (kind != PTW_DIFFERS_NOT) {
            note_leaf(v, OLD, o, n->first.v + at);
            note_leaf(v, NEW, n, n->first.v + at);
            return differ(v, kind, n->space, n->first.v + at);
        }
    }
    if (bits > PAGE) {
        if (room(v, PTW_VERIFY_PAGES) != PTW_OK) {
            return PTW_E_SPACE;
        }
        whole = seen_at(v, key, &fresh);
        whole->value = new_pa >> PAGE << OUTSIDE_BITS | outside;
    }
    v->certificate.outside += outside;
    fold(v, which);
    return PTW_OK;
}

/* -------------------------------------------------------------------- tables */

/* What a new table that had no counterpart is noted to be. */
#define NO_OLD_TABLE UINT64_MAX

/* Notes which old table a new one stands for.  One that stands for two would
 * show in both what is written to either. */
static enum ptw_status note_table(struct ptw_verify *v,
                                  const struct ptw_item *n, ptw_pa table,
                                  uint64_t old_table)
{
    uint64_t number =
        old_table == NO_OLD_TABLE ? 0 : (old_table >> PTW_TABLE_ALIGN) + 1;
    struct seen *s;
    bool fresh;

    if (room(v, PTW_VERIFY_PAGES) != PTW_OK) {
        return PTW_E_SPACE;
    }
    s = seen_at(v, ((table.v >> PTW_TABLE_ALIGN) + 1) | (uint64_t)1 << TABLE_AT,
                &fresh);
    if (!fresh && s->value != number) {
        v->difference.old_pa.v = old_table == NO_OLD_TABLE ? 0 : old_table;
        note_item(v, NEW, n);
        return differ(v, PTW_DIFFERS_OVERLAP, n->space, n->first.v);
    }
    s->value = number;
    return PTW_OK;
}

/* Whether the page that new table s stands in, page k of t, was not the one that
 * the same table stood in before, at the same place. */
static bool overlaps(const struct taken *t, unsigned k, uint64_t new_table,
                     const struct seen *s)
{
    uint64_t within = new_table & ptw_low_mask(PAGE - PTW_TABLE_ALIGN);

    return (t->joined >> k & 1) != 0 ||
           s->value != (t->old[k] << (PAGE - PTW_TABLE_ALIGN) | within) + 1;
}

/* Marks the new pages that overlap as different. */
static void find_overlaps(struct ptw_verify *v)
{
    for (size_t i = 0; v->pages.record != NULL && i >> v->pages.slots_log2 == 0;
         i++) {
        const struct seen *s =
            (const void *)(v->pages.record + i * sizeof(struct seen));
        uint64_t table = (s->key & ptw_low_mask(TABLE_AT)) - 1;
        uint64_t page = table >> (PAGE - PTW_TABLE_ALIGN);
        unsigned k = (unsigned)(page & (PAGES - 1));
        struct taken *t;

        if (s->key >> TABLE_AT != 1) {
            continue;
        }
        t = ptw_hash_find(&v->taken, sizeof *t, (page >> BLOCK) + 1);
        if (t != NULL && (t->taken >> k & 1) != 0 && overlaps(t, k, table, s)) {
            t->differ |= (uint64_t)1 << k;
            t->overlaps |= (uint64_t)1 << k;
        }
    }
}

/* A new entry in the place of an old one that named that page: it is the same but
 * for where the page is, and so are the bytes and the sharing. */
static enum ptw_status compare_named(struct ptw_verify *v,
                                     const struct ptw_item *old, uint64_t is)
{
    const struct ptw_mapping *m = &old->u.mapping;
    struct ptw_absent_entry e =
        ptw_absent_read(&v->o.absent, v->regime, m->level, is);
    struct ptw_item page = *old;
    enum ptw_status st;
    uint64_t back = 0;

    if (e.kind != PTW_ABSENT_FRAME ||
        ptw_absent_write(&v->o.absent, v->regime, m->level, is, m->pa, &back) !=
            PTW_OK ||
        back != m->raw) {
        v->difference.old_raw = m->raw;
        v->difference.new_raw = is;
        return differ(v, PTW_DIFFERS_ABSENT, old->space, old->first.v);
    }
    page.u.mapping.pa = e.pa;
    page.u.mapping.raw = is;
    st = pair_leaf(v, old, &page, true);
    if (st == PTW_OK) {
        fold(v, old->first.v | m->size_log2);
    }
    return st;
}

/* One entry that was not present, and is not. */
static enum ptw_status compare_entry(struct ptw_verify *v,
                                     const struct ptw_item *n, unsigned level,
                                     uint64_t va, uint64_t was, uint64_t is)
{
    struct ptw_certificate *c = &v->certificate;
    enum ptw_absent_kind kind = PTW_ABSENT_NO_FRAME;
    enum ptw_status st = PTW_OK;
    struct ptw_item old;

    if (was != 0 && follows(v)) {
        kind = named(v, n, level, va, was, &old);
    }
    if (kind == PTW_ABSENT_FRAME) {
        bool readable;

        st = all_readable(v, old.u.mapping.pa.v, old.u.mapping.size_log2,
                          &readable);
        if (st != PTW_OK) {
            return st;
        }
        kind = readable ? PTW_ABSENT_FRAME : PTW_ABSENT_UNKNOWN;
    }
    if (kind == PTW_ABSENT_FRAME) {
        st = compare_named(v, &old, is);
    } else if (is !=
               (v->o.absent.policy == PTW_ABSENT_CLEAR ? (uint64_t)0 : was)) {
        v->difference.old_raw = was;
        v->difference.new_raw = is;
        st = differ(v, PTW_DIFFERS_ABSENT, n->space, va);
    }
    if (st != PTW_OK || was == 0) {
        return st;
    }
    c->absent_followed += kind == PTW_ABSENT_FRAME;
    c->absent_unknown += kind == PTW_ABSENT_UNKNOWN;
    if (kind == PTW_ABSENT_NO_FRAME) {
        *(v->o.absent.policy == PTW_ABSENT_CLEAR ? &c->absent_cleared
                                                 : &c->absent_kept) += 1;
    }
    return PTW_OK;
}

/* Reads entry i of the old table; false when it can't be read, or is present, or
 * there is no old table.  Entries before *gap are known to be unreadable. */
static bool old_absent(struct ptw_verify *v, unsigned level, uint64_t old_table,
                       unsigned i, unsigned *gap, uint64_t *was)
{
    unsigned at = i;

    *was = 0;
    if (old_table == NO_OLD_TABLE || i < *gap) {
        return false;
    }
    if (read_absent(v, OLD, level, ptw_pa_of(old_table), &at, was)) {
        return true;
    }
    *was = 0;
    *gap = at + 1;
    return false;
}

/* Notes the first new entry that is not present and has bits where the old image
 * had no such entry.  It is a difference, which is said at the end: where
 * something is missing as well, that says more. */
static void note_added(struct ptw_verify *v, const struct ptw_item *n,
                       uint64_t va, uint64_t is)
{
    if (v->added.kind == PTW_DIFFERS_NOT) {
        v->added.kind = PTW_DIFFERS_ABSENT;
        v->added.space = n->space;
        v->added.va.v = va;
        v->added.new_raw = is;
    }
}

/* The new entries that are not present, and kept: a guest keeps there what it
 * swapped out, and what it does not want to be touched.  An old one in the place
 * of which an entry is present gave way to a map.  Goes on at v->entry when there
 * was no room. */
static enum ptw_status compare_absent(struct ptw_verify *v,
                                      const struct ptw_item *n, unsigned level,
                                      uint64_t old_table, ptw_pa new_table)
{
    unsigned gap = 0;

    for (; v->entry >> v->regime->arch->format->level[level].bits == 0;
         v->entry++) {
        unsigned i = v->entry;
        uint64_t was;
        uint64_t is;
        uint64_t va;
        bool absent = read_absent(v, NEW, level, new_table, &v->entry, &is);
        bool had = (absent || is != 0) &&
                   old_absent(v, level, old_table, i, &gap, &was);
        enum ptw_status st = PTW_OK;

        if (((had ? was : 0) | (absent ? is : 0)) == 0 ||
            !entry_kept(v, n, level, i, &va)) {
            continue;
        }
        if (!absent) {
            v->certificate.absent_cleared++;
        } else if (had) {
            st = compare_entry(v, n, level, va, was, is);
        } else {
            note_added(v, n, va, is);
        }
        if (st != PTW_OK) {
            return st;
        }
    }
    v->entry = 0;
    return PTW_OK;
}

/* A new table in the place of an old one, or of none. */
static enum ptw_status pair_tables(struct ptw_verify *v,
                                   const struct ptw_item *n, unsigned level,
                                   uint64_t old_table, ptw_pa new_table)
{
    enum ptw_status st = note_table(v, n, new_table, old_table);

    return st == PTW_OK ? compare_absent(v, n, level, old_table, new_table)
                        : st;
}

/* Where the records of the pages of the next items stand, as a hint. */
static void look_ahead(const struct ptw_verify *v)
{
    const struct ptw_verify_side *s = v->side;

    if (s[OLD].next + 1 < s[OLD].items && v->pages.record != NULL) {
        uint64_t pa = s[OLD].item[s[OLD].next + 1].u.mapping.pa.v;

        __builtin_prefetch(ptw_hash_slot(&v->pages, sizeof(struct seen),
                                         (pa >> (PAGE + BLOCK)) + 1));
    }
    if (s[NEW].next + 1 < s[NEW].items && v->taken.record != NULL) {
        uint64_t pa = s[NEW].item[s[NEW].next + 1].u.mapping.pa.v;

        __builtin_prefetch(ptw_hash_slot(&v->taken, sizeof(struct taken),
                                         (pa >> (PAGE + BLOCK)) + 1));
    }
}

/* -------------------------------------------------------------------- bytes */

/* The new pages, in blocks of 64, in the order of their addresses: the block's
 * number, and its slot in the hash table. */
enum { ORDER_SLOT_BITS = 28 };

static enum ptw_status put_in_order(struct ptw_verify *v)
{
    const struct ptw_store *store = &v->store[PTW_VERIFY_ORDER];
    uint64_t *order = store->at;
    size_t wanted = (v->taken.used + 1) * sizeof *order;

    v->blocks = 0;
    if (v->taken.record == NULL) {
        return PTW_OK;
    }
    if (v->taken.slots_log2 > ORDER_SLOT_BITS) {
        return PTW_E_LIMIT;
    }
    if (store->bytes < wanted) {
        return ask(v, PTW_VERIFY_ORDER, wanted);
    }
    for (size_t i = 0; i >> v->taken.slots_log2 == 0; i++) {
        uint64_t key = ptw_hash_key(v->taken.record + i * sizeof(struct taken));

        if (key != 0) {
            order[v->blocks++] = (key - 1) << ORDER_SLOT_BITS | i;
        }
    }
    ptw_sort(order, v->blocks, sizeof *order);
    return PTW_OK;
}

static struct taken *ordered(const struct ptw_verify *v, size_t i)
{
    const uint64_t *order = v->store[PTW_VERIFY_ORDER].at;
    size_t slot = (size_t)(order[i] & ptw_low_mask(ORDER_SLOT_BITS));

    return (void *)(v->taken.record + slot * sizeof(struct taken));
}

/* Compares the bytes of all pages; *same is false when any differ, and then the
 * order is that of the blocks in which they do. */
static void compare_bytes(struct ptw_verify *v, bool *same)
{
    uint64_t *order = v->store[PTW_VERIFY_ORDER].at;
    size_t differ = 0;

    find_overlaps(v);
    for (size_t i = 0; i < v->blocks; i++) {
        struct taken *t = ordered(v, i);

        for (uint64_t left = t->taken; left != 0; left &= left - 1) {
            unsigned k = (unsigned)__builtin_ctzll(left);
            uint64_t new_pa = ((t->key - 1) << (PAGE + BLOCK)) | (uint64_t)k
                                                                     << PAGE;

            v->work++;
            if (compare_page(v, t->old[k] << PAGE, new_pa, t->sequence[k]) !=
                PTW_DIFFERS_NOT) {
                t->differ |= (uint64_t)1 << k;
            }
        }
        if (t->differ != 0) {
            order[differ++] = order[i];
        }
    }
    v->blocks = differ;
    *same = differ == 0;
}

/* Finds the first page at pa or behind it, and not behind `last`, that differs:
 * the block, and which page of it.  NULL: none does. */
static struct taken *differs_from(struct ptw_verify *v, uint64_t pa,
                                  uint64_t last, unsigned *page)
{
    uint64_t block = pa >> (PAGE + BLOCK);
    size_t low = 0;
    size_t high = v->blocks;

    v->work++;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (ordered(v, mid)->key - 1 < block) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    for (; low < v->blocks; low++) {
        struct taken *t = ordered(v, low);
        uint64_t differ = t->differ;

        if (t->key - 1 == block) {
            differ &= ~ptw_low_mask((unsigned)(pa >> PAGE & (PAGES - 1)));
        }
        if (differ != 0) {
            *page = (unsigned)__builtin_ctzll(differ);
            return ((t->key - 1) << BLOCK) + *page <= last >> PAGE ? t : NULL;
        }
    }
    return NULL;
}

/* Says of the first page of a new leaf that differs, if one does, where it is.
 */
static bool locate_in(struct ptw_verify *v, const struct ptw_item *n)
{
    const struct ptw_mapping *m = &n->u.mapping;
    struct ptw_difference *d = &v->difference;
    struct ptw_translation old = {0};
    unsigned k = 0;
    const struct taken *t =
        differs_from(v, m->pa.v, m->pa.v + ptw_low_mask(m->size_log2), &k);
    uint64_t pa;
    uint64_t va;

    if (t == NULL) {
        return false;
    }
    pa = (((t->key - 1) << BLOCK) + k) << PAGE;
    va = n->first.v + (pa - m->pa.v);
    (void)differ(v,
                 (t->overlaps >> k & 1) != 0
                     ? PTW_DIFFERS_OVERLAP
                     : compare_page(v, t->old[k] << PAGE, pa, t->sequence[k]),
                 n->space, va);
    note_leaf(v, NEW, n, va);
    d->old_pa.v = t->old[k] << PAGE;
    if (ptw_lookup(v->regime, v->side[OLD].mem, v->side[OLD].root[n->space],
                   ptw_va_of(va), &old) == PTW_OK) {
        d->old_raw = old.raw;
        d->old_rights = old.rights;
    }
    return true;
}

/* Whether that new page is in the place of the old page at old_pa. */
static bool is_page(const struct ptw_verify *v, uint64_t old_pa,
                    uint64_t new_pa)
{
    const struct taken *t =
        ptw_hash_find(&v->taken, sizeof *t, (new_pa >> (PAGE + BLOCK)) + 1);
    unsigned k = (unsigned)(new_pa >> PAGE & (PAGES - 1));

    return t != NULL && (t->taken >> k & 1) != 0 && t->old[k] == old_pa >> PAGE;
}

/* The same of the pages that entries of a new table name, which are looked at
 * before what its other entries map. */
static bool locate_named(struct ptw_verify *v, const struct ptw_item *n)
{
    unsigned level;
    ptw_pa table;

    if (!follows(v) || !table_of(v, n, &level, &table)) {
        return false;
    }
    for (unsigned i = 0; i >> v->regime->arch->format->level[level].bits == 0;
         i++) {
        struct ptw_translation old = {0};
        struct ptw_absent_entry was;
        struct ptw_absent_entry e;
        struct ptw_item page = *n;
        uint64_t is;
        uint64_t va;

        if (!read_absent(v, NEW, level, table, &i, &is) || is == 0 ||
            !entry_kept(v, n, level, i, &va)) {
            continue;
        }
        e = ptw_absent_read(&v->o.absent, v->regime, level, is);
        if (e.kind != PTW_ABSENT_FRAME ||
            ptw_lookup(v->regime, v->side[OLD].mem, v->side[OLD].root[n->space],
                       ptw_va_of(va), &old) != PTW_NOT_MAPPED ||
            old.level != level) {
            continue;
        }
        was = ptw_absent_read(&v->o.absent, v->regime, level, old.raw);
        if (was.kind != PTW_ABSENT_FRAME || !is_page(v, was.pa.v, e.pa.v)) {
            continue;
        }
        page.first.v = va;
        page.u.mapping = (struct ptw_mapping){
            .pa = e.pa,
            .raw = is,
            .level = (uint8_t)level,
            .size_log2 = (uint8_t)e.size_log2,
        };
        if (locate_in(v, &page)) {
            v->difference.old_raw = old.raw;
            return true;
        }
    }
    return false;
}

/* Finds the first address, as the guest counts, where bytes differ. */
static enum ptw_status locate(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *n;
        enum ptw_status st = peek(v, NEW, &n);

        if (n == NULL) {
            return st == PTW_END ? PTW_E_CHANGED : st;
        }
        if (n->kind == PTW_ITEM_MAPPING ? locate_in(v, n)
                                        : locate_named(v, n)) {
            return PTW_DIFFERENT;
        }
        advance(v, NEW);
    }
}

/* ------------------------------------------------------------------- leaves */

/* How much of the old leaf, from offset `from` on and before offset `to`, is
 * right not to be mapped: what is not kept, or could not be read.  0: not even
 * its next page.  *dropped is what could not be read of that, in pages. */
static enum ptw_status gone_from(struct ptw_verify *v, const struct ptw_item *o,
                                 uint64_t from, uint64_t to, uint64_t *gone,
                                 uint64_t *dropped)
{
    uint64_t va = o->first.v + from;
    uint64_t pa = o->u.mapping.pa.v + from;
    struct leaves *block;
    enum ptw_status st;
    uint64_t read; /* of the block, from that page on: what may be readable */
    uint64_t size;

    *gone = no_page_from(v, o, from, to, dropped);
    if (*gone > 0) {
        return PTW_OK;
    }
    st = try_to_read(v, pa, &block);
    if (st != PTW_OK) {
        return st;
    }
    read = ~block->twice >> (pa >> PAGE & 63);
    size = read == 0 ? (((pa >> (PAGE + BLOCK)) + 1) << (PAGE + BLOCK)) - pa
                     : (uint64_t)__builtin_ctzll(read) << PAGE;
    size = size < to - from ? size : to - from;
    if (size > PAGE_BYTES && kept_of(v, va, va + (size - 1)) != PTW_COVER_ALL) {
        size = PAGE_BYTES;
    }
    *gone = size;
    *dropped = *gone >> PAGE;
    return PTW_OK;
}

/* Nothing is mapped now from offset v->done of the old leaf to before offset
 * `to`, which becomes v->done. */
static enum ptw_status nothing_there(struct ptw_verify *v,
                                     const struct ptw_item *o, uint64_t to)
{
    const struct ptw_mapping *m = &o->u.mapping;
    uint64_t key = large_key(m->pa.v, m->size_log2) | (uint64_t)1 << GONE_AT;
    bool whole = to >> m->size_log2 == 1 && m->size_log2 > PAGE &&
                 kept_of(v, o->first.v, o->last.v) == PTW_COVER_ALL;

    /* That a large leaf is gone is found out once. */
    if (v->done == 0 && whole &&
        ptw_hash_find(&v->leaves, sizeof(struct leaves), key) != NULL) {
        v->work++;
        v->certificate.dropped += to >> PAGE;
        v->done = to;
        return PTW_OK;
    }
    whole = whole && v->done == 0;
    while (v->done < to) {
        uint64_t va = o->first.v + v->done;
        uint64_t gone;
        uint64_t dropped;
        enum ptw_status st = gone_from(v, o, v->done, to, &gone, &dropped);

        if (st != PTW_OK) {
            return st;
        }
        if (gone == 0) {
            note_leaf(v, OLD, o, va);
            return differ(v, PTW_DIFFERS_MISSING, o->space, va);
        }
        v->certificate.dropped += dropped;
        v->done += gone;
    }
    if (whole && ptw_hash_room(&v->leaves, 1)) {
        (void)leaves_at(v, key);
    }
    return PTW_OK;
}

/* Whether the old leaf could be kept whole: found out once for each address and
 * size. */
static enum ptw_status could_stay(struct ptw_verify *v,
                                  const struct ptw_item *o)
{
    const struct ptw_mapping *m = &o->u.mapping;
    uint64_t size = (uint64_t)1 << m->size_log2;
    bool whole = false;

    if (v->stays != UNKNOWN) {
        return PTW_OK;
    }
    v->work++;
    if (kept_of(v, o->first.v, o->last.v) == PTW_COVER_ALL &&
        ptw_runs_count(&v->side[OLD].runs, m->pa.v, m->pa.v + (size - 1)).whole
                << PAGE ==
            size) {
        enum ptw_status st = all_readable(v, m->pa.v, m->size_log2, &whole);

        if (st != PTW_OK) {
            return st;
        }
    }
    v->stays = whole ? YES : NO;
    return PTW_OK;
}

/* Whether an old leaf looks like one that a policy made. */
static bool was_marked(const struct ptw_verify *v, const struct ptw_mapping *m)
{
    return ptw_is_copy_on_write(v->regime, m->level, m->raw);
}

/* Size, rights, policy and attributes of a new leaf within an old one. */
static enum ptw_difference_kind
judge(struct ptw_verify *v, const struct ptw_item *o, const struct ptw_item *n)
{
    const struct ptw_mapping *was = &o->u.mapping;
    const struct ptw_mapping *is = &n->u.mapping;
    const struct ptw_format *a = v->regime->arch->format;
    struct ptw_attributes x =
        ptw_attributes_of(v->regime, was->level, was->raw);
    struct ptw_attributes y = ptw_attributes_of(v->regime, is->level, is->raw);
    unsigned rights = was->rights;
    unsigned own = own_rights(v, was->level, was->raw);
    bool copy = x.copy_on_write;
    uint64_t policy = 0; /* bits that it may have moved */
    uint64_t raw = was->raw;

    if (is->level > was->level || n->last.v > o->last.v ||
        (is->level < was->level && (v->o.flags & PTW_REBUILD_SPLIT) == 0 &&
         v->stays == YES) ||
        (is->level > 0 && (v->o.flags & PTW_REBUILD_SPLIT) != 0)) {
        return PTW_DIFFERS_SIZE;
    }
    if (kept_of(v, n->first.v, n->last.v) != PTW_COVER_ALL) {
        return PTW_DIFFERS_EXTRA;
    }
    if (was_marked(v, was)) {
        if ((v->o.flags & PTW_REBUILD_REFUSE_MARKED) != 0) {
            return PTW_DIFFERS_POLICY;
        }
        if ((v->o.flags & PTW_REBUILD_CLEAR_MARKED) != 0) {
            copy = false;
            raw = ptw_unmarked(a, raw);
        }
    }
    if ((v->o.flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
        can_be_turned(v, was) &&
        ((v->o.flags & PTW_REBUILD_COPY_SHARED) != 0 ||
         !is_shared(v, was->pa.v + (n->first.v - o->first.v), is->size_log2))) {
        copy = true;
        rights &= ~(unsigned)PTW_WRITE;
        own &= ~(unsigned)PTW_WRITE;
        policy = a->leaf_copy_on_write(0) | ~a->leaf_copy_on_write(UINT64_MAX);
    }
    /* What the leaf grants by itself counts too: its table may be reached by
     * another path, that grants more than this one. */
    if (is->rights != rights || own_rights(v, is->level, is->raw) != own) {
        return PTW_DIFFERS_RIGHTS;
    }
    if (y.copy_on_write != copy) {
        return PTW_DIFFERS_POLICY;
    }
    if (x.memory_type != y.memory_type || x.key != y.key ||
        x.global != y.global || x.accessed != y.accessed ||
        x.dirty != y.dirty) {
        return PTW_DIFFERS_ATTRIBUTES;
    }
    /* Software's bits and the others, where a split puts them. */
    for (unsigned level = was->level; level > is->level; level--) {
        raw = a->leaf_split(v->regime, level, raw);
    }
    if (((is->raw ^ raw) & ~policy &
         ~a->address_bits(v->regime, is->level, is->raw)) != 0) {
        return PTW_DIFFERS_ATTRIBUTES;
    }
    return PTW_DIFFERS_NOT;
}

/* Folds in what an entry says besides address and rights; not the bits that the
 * processor sets by itself. */
static void fold_attributes(struct ptw_verify *v, unsigned level, uint64_t raw)
{
    struct ptw_attributes at = ptw_attributes_of(v->regime, level, raw);

    fold(v, (uint64_t)at.memory_type << 16 | (uint64_t)at.key << 8 |
                (uint64_t)at.global << 1 | (uint64_t)at.copy_on_write);
}

static void fold_leaf(struct ptw_verify *v, const struct ptw_item *n)
{
    const struct ptw_mapping *m = &n->u.mapping;

    fold(v, n->first.v | m->size_log2);
    fold(v, m->rights);
    fold_attributes(v, m->level, m->raw);
}

/* Whether that new table may stand where there was none: it leads to what is
 * left out, for a map perhaps.  Its entries for the rest come as items, if
 * there are some. */
static bool may_be_new(const struct ptw_verify *v, const struct ptw_item *n)
{
    return n->kind == PTW_ITEM_TABLE &&
           kept_of(v, n->first.v, n->last.v) != PTW_COVER_ALL;
}

/* Goes on behind such a table, or says that this is none. */
static enum ptw_status take_new_table(struct ptw_verify *v,
                                      const struct ptw_item *n)
{
    enum ptw_status st;

    if (!may_be_new(v, n)) {
        return stands_alone(v, NEW, n);
    }
    st = pair_tables(v, n, n->u.table.level, NO_OLD_TABLE, n->u.table.table);
    if (st == PTW_OK) {
        advance(v, NEW);
    }
    return st;
}

/* An old leaf, from offset v->done on, and whatever stands in its place. */
static enum ptw_status compare_leaf(struct ptw_verify *v,
                                    const struct ptw_item *o)
{
    uint64_t size = (uint64_t)1 << o->u.mapping.size_log2;

    while (v->done < size) {
        const struct ptw_item *n;
        enum ptw_difference_kind kind;
        enum ptw_status st = peek(v, NEW, &n);
        uint64_t next = size; /* where the new image has something again */

        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        if (n != NULL && n->kind != PTW_ITEM_SPACE && n->space == o->space &&
            n->first.v <= o->last.v) {
            if (n->first.v < o->first.v + v->done) {
                st = take_new_table(v, n);
                if (st != PTW_OK) {
                    return st;
                }
                continue;
            }
            if (n->kind == PTW_ITEM_TABLE &&
                n->u.table.level < o->u.mapping.level) {
                st = pair_tables(v, n, n->u.table.level, NO_OLD_TABLE,
                                 n->u.table.table);
                if (st != PTW_OK) {
                    return st;
                }
                /* Of a leaf that was split; or of a map, beside it. */
                if (own_rights(v, n->u.table.level + 1u,
                               n->u.table.attributes) != PTW_ALL_RIGHTS) {
                    uint64_t end = n->last.v - o->first.v + 1;

                    v->narrow = end > v->narrow ? end : v->narrow;
                }
                advance(v, NEW);
                continue;
            }
            if (n->kind != PTW_ITEM_MAPPING) {
                note_leaf(v, OLD, o, n->first.v);
                note_item(v, NEW, n);
                return differ(v,
                              n->kind == PTW_ITEM_FINDING ? kind_of(n, true)
                                                          : PTW_DIFFERS_TABLE,
                              n->space, n->first.v);
            }
            next = n->first.v - o->first.v;
        }
        st = nothing_there(v, o, next);
        if (st != PTW_OK) {
            return st;
        }
        if (next == size) {
            break;
        }
        if (n->u.mapping.level < o->u.mapping.level) {
            st = could_stay(v, o);
            if (st != PTW_OK) {
                return st;
            }
        }
        kind = next < v->narrow ? PTW_DIFFERS_RIGHTS : judge(v, o, n);
        if (kind != PTW_DIFFERS_NOT) {
            note_leaf(v, OLD, o, n->first.v);
            note_leaf(v, NEW, n, n->first.v);
            return differ(v, kind, n->space, n->first.v);
        }
        look_ahead(v);
        st = pair_leaf(v, o, n, lets_write(v, &n->u.mapping));
        if (st != PTW_OK) {
            return st;
        }
        fold_leaf(v, n);
        v->certificate.marked_before += was_marked(v, &o->u.mapping);
        v->done += (uint64_t)1 << n->u.mapping.size_log2;
        advance(v, NEW);
    }
    v->narrow = 0;
    v->done = 0;
    v->stays = UNKNOWN;
    v->certificate.leaves++;
    advance(v, OLD);
    return PTW_OK;
}

/* ---------------------------------------------------------------- structure */

static bool same_spaces(const struct ptw_space *x, const struct ptw_space *y)
{
    return x->kind == y->kind && x->kind != PTW_SPACE_BAD &&
           x->same_as == y->same_as;
}

static bool same_tables(const struct ptw_table *x, const struct ptw_table *y)
{
    return x->level == y->level && x->rights == y->rights &&
           x->attributes == y->attributes;
}

static bool same_aliases(const struct ptw_verify *v, const struct ptw_item *o,
                         const struct ptw_item *n)
{
    unsigned levels[2];
    struct ptw_alias_ref x = ptw_alias_view(v->regime, o, &levels[OLD]);
    struct ptw_alias_ref y = ptw_alias_view(v->regime, n, &levels[NEW]);

    return levels[OLD] == levels[NEW] && x.owner == y.owner &&
           x.their_va.v == y.their_va.v && x.rights == y.rights &&
           x.attributes == y.attributes;
}

static bool same_selves(const struct ptw_verify *v, const struct ptw_finding *x,
                        const struct ptw_finding *y)
{
    const struct ptw_format *a = v->regime->arch->format;

    return y->kind == PTW_FINDING_SELF && x->level == y->level &&
           x->rights == y->rights &&
           ptw_attribute_bits(a, v->regime, x->level + 1u, x->raw) ==
               ptw_attribute_bits(a, v->regime, y->level + 1u, y->raw);
}

/* Counts an old item that is not a leaf, and folds in its new counterpart. */
static void count_item(struct ptw_verify *v, const struct ptw_item *n)
{
    struct ptw_certificate *c = &v->certificate;
    unsigned level = 0;
    struct ptw_alias_ref ref;

    fold(v, (uint64_t)n->kind << 32 | n->space);
    fold(v, n->first.v);
    switch (n->kind) {
    case PTW_ITEM_SPACE:
        c->spaces += n->u.space_info.kind == PTW_SPACE_WALKED;
        c->tables += n->u.space_info.kind == PTW_SPACE_WALKED;
        fold(v, n->u.space_info.same_as);
        break;
    case PTW_ITEM_TABLE:
        c->tables++;
        fold_attributes(v, n->u.table.level + 1u, n->u.table.attributes);
        fold(v, (uint64_t)n->u.table.level << 8 | n->u.table.rights);
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(v->regime, n, &level);
        c->aliases++;
        fold_attributes(v, level + 1, ref.attributes);
        fold(v, ref.their_va.v);
        fold(v, (uint64_t)ref.owner << 32 | level << 8 | ref.rights);
        break;
    case PTW_ITEM_FINDING:
        c->selves++;
        fold(v, (uint64_t)n->u.finding.level << 8 | n->u.finding.rights);
        break;
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_HOLE:
        break;
    }
}

/* Whether the new image is right to have nothing in place of an old finding. */
static bool may_vanish(const struct ptw_verify *v, const struct ptw_item *o)
{
    return o->kind == PTW_ITEM_FINDING &&
           (o->u.finding.kind != PTW_FINDING_SELF ||
            kept_of(v, o->first.v, o->last.v) != PTW_COVER_ALL);
}

/* Whether both images fault there for the same reason. */
static bool same_faults(const struct ptw_item *o, const struct ptw_item *n)
{
    const struct ptw_finding *x = &o->u.finding;
    const struct ptw_finding *y = &n->u.finding;

    return x->kind != PTW_FINDING_SELF && n->kind == o->kind &&
           n->space == o->space && n->first.v == o->first.v &&
           n->last.v == o->last.v && y->kind == x->kind &&
           y->level == x->level && y->rights == x->rights && y->raw == x->raw &&
           (x->kind == PTW_FINDING_BAD_ENTRY || y->table.v == x->table.v);
}

/* Whether one item comes before another one, as items come. */
static bool comes_before(const struct ptw_item *x, const struct ptw_item *y)
{
    if (x->space != y->space) {
        return x->space < y->space;
    }
    if ((x->kind == PTW_ITEM_SPACE) != (y->kind == PTW_ITEM_SPACE)) {
        return x->kind == PTW_ITEM_SPACE;
    }
    return x->first.v < y->first.v;
}

/* An old item other than a leaf, and a new one. */
static enum ptw_status compare_items(struct ptw_verify *v,
                                     const struct ptw_item *o,
                                     const struct ptw_item *n)
{
    bool same = n != NULL && o->kind == n->kind && o->space == n->space &&
                o->first.v == n->first.v;
    enum ptw_status st = PTW_OK;

    if (same) {
        switch (o->kind) {
        case PTW_ITEM_SPACE:
            same = same_spaces(&o->u.space_info, &n->u.space_info);
            break;
        case PTW_ITEM_TABLE:
            same = same_tables(&o->u.table, &n->u.table);
            break;
        case PTW_ITEM_ALIAS:
            same = same_aliases(v, o, n);
            break;
        case PTW_ITEM_FINDING:
            same = same_selves(v, &o->u.finding, &n->u.finding);
            break;
        case PTW_ITEM_MAPPING:
        case PTW_ITEM_HOLE:
            break;
        }
    }
    if (!same) {
        if (n != NULL && !comes_before(o, n)) {
            note_item(v, NEW, n);
        }
        return stands_alone(v, OLD, o);
    }
    if (o->kind == PTW_ITEM_SPACE && o->u.space_info.kind == PTW_SPACE_WALKED) {
        st = pair_tables(v, n, ptw_top(v->regime->arch->format),
                         o->u.space_info.root.v, n->u.space_info.root);
    } else if (o->kind == PTW_ITEM_TABLE) {
        st = pair_tables(v, n, o->u.table.level, o->u.table.table.v,
                         n->u.table.table);
    }
    if (st != PTW_OK) {
        return st;
    }
    v->rewrites = v->rewrites || lets_rewrite(v, o);
    count_item(v, n);
    advance(v, OLD);
    advance(v, NEW);
    return PTW_OK;
}

/* What was noted on the way: an entry that was added; and where the guest can
 * change rights, a page that is one with another. */
static enum ptw_status compare_noted(struct ptw_verify *v)
{
    if (v->added.kind != PTW_DIFFERS_NOT) {
        v->difference = v->added;
        return PTW_DIFFERENT;
    }
    if (v->rewrites && v->joined.kind != PTW_DIFFERS_NOT) {
        v->difference = v->joined;
        return PTW_DIFFERENT;
    }
    return PTW_OK;
}

static enum ptw_status compare(struct ptw_verify *v)
{
    for (;;) {
        const struct ptw_item *o;
        const struct ptw_item *n = NULL;
        enum ptw_status st = peek(v, OLD, &o);

        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        st = peek(v, NEW, &n);
        if (st != PTW_OK && st != PTW_END) {
            return st;
        }
        if (o != NULL && may_vanish(v, o)) {
            v->certificate.bad++;
            advance(v, OLD);
            if (n != NULL && same_faults(o, n)) {
                advance(v, NEW);
            }
            continue;
        }
        if (n != NULL && (o == NULL || comes_before(n, o)) && v->done == 0) {
            st = take_new_table(v, n);
            if (st != PTW_OK) {
                return st;
            }
            continue;
        }
        if (o == NULL) {
            return compare_noted(v);
        }
        if (o->kind == PTW_ITEM_MAPPING) {
            st = compare_leaf(v, o);
            if (st != PTW_OK) {
                return st;
            }
            continue;
        }
        st = compare_items(v, o, n);
        if (st != PTW_OK) {
            return st;
        }
    }
}

/* One phase; whether it begins or goes on, v->begun says. */
static enum ptw_status run_phase(struct ptw_verify *v)
{
    enum ptw_status st = PTW_OK;

    switch ((enum verify_phase)v->phase) {
    case COUNT_LEAVES:
        st = v->begun ? PTW_OK : begin_walk(v, OLD);
        v->begun = st == PTW_OK;
        return st == PTW_OK ? count_leaves(v) : st;
    case COMPARE:
        st = v->begun ? PTW_OK : begin_walk(v, OLD);
        if (st == PTW_OK && !v->begun) {
            st = begin_walk(v, NEW);
        }
        v->begun = st == PTW_OK;
        return st == PTW_OK ? compare(v) : st;
    case COMPARE_BYTES:
        st = put_in_order(v);
        if (st == PTW_OK) {
            bool same;

            compare_bytes(v, &same);
            v->phase = same ? OVER : v->phase;
        }
        return st;
    case LOCATE:
        st = v->begun ? PTW_OK : begin_walk(v, NEW);
        v->begun = st == PTW_OK;
        return st == PTW_OK ? locate(v) : st;
    case OVER:
        break;
    }
    return PTW_E_ARG;
}

/* Finds out where the old memory is, once. */
static enum ptw_status look_at_memory(struct ptw_verify *v)
{
    struct ptw_verify_side *s = &v->side[OLD];
    struct ptw_store *store = &v->store[PTW_VERIFY_OLD_MEMORY];
    size_t bytes = ptw_runs_bytes(s->mem);

    if (s->runs.runs > 0) {
        return PTW_OK;
    }
    if (store->bytes < bytes) {
        return ask(v, PTW_VERIFY_OLD_MEMORY, bytes);
    }
    ptw_runs_make(&s->runs, s->mem, store->at);
    v->work += s->mem->regions;
    return PTW_OK;
}

enum ptw_status ptw_verify_run(struct ptw_verify *v)
{
    enum ptw_status st = v->phase == OVER ? PTW_E_ARG : PTW_OK;

    v->wanted = 0;
    if (st == PTW_OK) {
        st = look_at_memory(v);
    }
    while (st == PTW_OK && v->phase != OVER) {
        st = run_phase(v);
        if (st == PTW_OK && v->phase != OVER) {
            v->phase++;
            v->begun = false;
        }
    }
    if (st == PTW_OK) {
        v->certificate.pages -= v->refused + v->certificate.partial;
        v->certificate.outside += v->refused;
        fold(v, v->contents[0]);
        fold(v, v->contents[1]);
    }
    if (st != PTW_E_SPACE) {
        v->phase = OVER;
    }
    return st;
}
