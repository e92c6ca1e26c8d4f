/* SPDX-License-Identifier: Apache-2.0 */
/* The private parts of a verification that several of its files use: its
 * records, and the small functions that look at them and at the two walks. */
#ifndef PTW_VF_STATE_H
#define PTW_VF_STATE_H

#include "absent.h"
#include "hash.h"
#include "mem.h"
#include "ptwalk/verify.h"
#include "regime.h"
#include "runs.h"
#include "walk/memo.h"

enum { OLD, NEW };

/* Pages are noted in blocks of 1 << BLOCK. */
enum { BLOCK = 6, PAGES = 1 << BLOCK };

struct seen {       /* of PTW_VERIFY_PAGES */
    uint64_t key;   /* number of 64 old pages + 1; or one with a mark */
    uint64_t value; /* which of the 64 were seen; or what the mark says */
};

/* Marks in the key.  Of old pages (number + 1): */
enum {
    SIZED_AT = 48,    /* and the size: the new page, and how much is outside */
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

/* Of PTW_VERIFY_LEAVES, for 64 old pages.  With a mark in the key, which of
 * them are known to be readable (once) or not (twice); or, of a large page, 1
 * or 0. */
struct leaves {
    uint64_t key;     /* their number + 1; of a large page, with a mark */
    uint64_t once;    /* that a leaf maps */
    uint64_t twice;   /* that two or more do */
    uint64_t written; /* that a leaf lets the guest write */
};

/* ptw_vf_ask notes the storage that is needed, and returns PTW_E_SPACE. */
static inline enum ptw_status
ptw_vf_ask(struct ptw_verify *v, enum ptw_verify_store which, size_t wanted)
{
    v->state.short_of = which;
    v->wanted = wanted;
    return PTW_E_SPACE;
}

/* ptw_vf_hash_of returns the hash table that has its records in that storage,
 * and the size of a record.  It returns NULL for other storage. */
static inline struct ptw_hash *
ptw_vf_hash_of(struct ptw_verify *v, enum ptw_verify_store which, size_t *size)
{
    switch (which) {
    case PTW_VERIFY_PAGES:
        *size = sizeof(struct seen);
        return &v->state.pages;
    case PTW_VERIFY_TAKEN:
        *size = sizeof(struct taken);
        return &v->state.taken;
    case PTW_VERIFY_LEAVES:
        *size = sizeof(struct leaves);
        return &v->state.leaves;
    case PTW_VERIFY_OLD_TABLES:
    case PTW_VERIFY_NEW_TABLES:
    case PTW_VERIFY_ORDER:
    case PTW_VERIFY_MEMORY:
    case PTW_VERIFY_STORES:
        break;
    }
    return NULL;
}

/* ptw_vf_room asks for storage unless four records more have room. */
static inline enum ptw_status ptw_vf_room(struct ptw_verify *v,
                                          enum ptw_verify_store which)
{
    size_t size = 0;
    struct ptw_hash *h = ptw_vf_hash_of(v, which, &size);

    return ptw_hash_room(h, 4)
               ? PTW_OK
               : ptw_vf_ask(v, which, ptw_hash_wanted(h, size, 4));
}

/* ptw_vf_peek shows the next item of that image.  It returns PTW_END, with
 * *item NULL, behind the last one. */
static inline enum ptw_status ptw_vf_peek(struct ptw_verify *v, unsigned which,
                                          const struct ptw_item **item)
{
    struct ptw_verify_side *s = &v->state.side[which];
    enum ptw_status st;
    uint64_t reads;

    *item = NULL;
    if (s->next == s->items) {
        s->next = 0;
        reads = ptw_walk_counts(&s->walk).reads;
        st = ptw_walk_next(&s->walk, s->item, PTW_VERIFY_BATCH, &s->items);
        v->work += s->items + (ptw_walk_counts(&s->walk).reads - reads);
        if (st != PTW_OK) {
            return st == PTW_E_SPACE
                       ? ptw_vf_ask(v, (enum ptw_verify_store)which,
                                    ptw_memo_bytes(
                                        ptw_slots_used(s->memo.slots_log2 + 1)))
                       : st;
        }
    }
    *item = &s->item[s->next];
    return PTW_OK;
}

/* ptw_vf_advance goes on to the item behind the one that ptw_vf_peek shows. */
static inline void ptw_vf_advance(struct ptw_verify *v, unsigned which)
{
    v->state.side[which].next++;
}

/* ptw_vf_kept_of says how much of [first, last] is kept. */
static inline enum ptw_cover ptw_vf_kept_of(const struct ptw_verify *v,
                                            uint64_t first, uint64_t last)
{
    struct ptw_va_range whole = {v->o.first, v->o.last};
    struct ptw_va_range part = {{first}, {last}};

    return ptw_range_kept(whole, v->o.leave_out, v->o.leave_outs, part);
}

/* ptw_vf_page_bytes returns the size of the smallest page. */
static inline size_t ptw_vf_page_bytes(const struct ptw_verify *v)
{
    return (size_t)1 << v->state.page_log2;
}

/* ptw_vf_lets_write says whether the guest writes through that leaf, by
 * whatever path: its table may be reached by another path than this. */
static inline bool ptw_vf_lets_write(const struct ptw_verify *v,
                                     const struct ptw_mapping *m)
{
    return ptw_guest_writes(v->state.regime, PTW_ALL_RIGHTS, m->level, m->raw);
}

/* ptw_vf_own_rights returns what an entry grants by itself. */
static inline unsigned ptw_vf_own_rights(const struct ptw_verify *v,
                                         unsigned level, uint64_t raw)
{
    return ptw_decode(v->state.regime, level, 0, raw).rights;
}

/* ptw_vf_large_key returns the key of a large page: its number and its size. */
static inline uint64_t ptw_vf_large_key(const struct ptw_verify *v, uint64_t pa,
                                        unsigned size_log2)
{
    return ((pa >> v->state.page_log2) + 1) | (uint64_t)size_log2 << SIZED_AT;
}

/* ptw_vf_leaves_at returns the record of old leaves with that key.  There is
 * room. */
static inline struct leaves *ptw_vf_leaves_at(struct ptw_verify *v,
                                              uint64_t key)
{
    bool fresh;

    return ptw_hash_enter(&v->state.leaves, sizeof(struct leaves), key, &fresh);
}

/* ptw_vf_regime_of returns the regime of the space that the item is of, in both
 * images; ptw_vf_top the level of its root. */
static inline const struct ptw_regime *
ptw_vf_regime_of(const struct ptw_verify *v, const struct ptw_item *item)
{
    return v->state.side[OLD].root[item->space].regime;
}

static inline unsigned ptw_vf_top(const struct ptw_verify *v,
                                  const struct ptw_item *item)
{
    return ptw_top(v->state.regime->arch->format, ptw_vf_regime_of(v, item));
}

/* ptw_vf_index_bits returns the log2 of the number of entries of the table of
 * that level. */
static inline unsigned ptw_vf_index_bits(const struct ptw_verify *v,
                                         const struct ptw_item *item,
                                         unsigned level)
{
    return ptw_index_bits(v->state.regime->arch->format,
                          ptw_vf_regime_of(v, item), level);
}

/* ptw_vf_table_of finds the table that an item enters.  It returns false when
 * the item enters none. */
static inline bool ptw_vf_table_of(const struct ptw_verify *v,
                                   const struct ptw_item *item, unsigned *level,
                                   ptw_pa *table)
{
    if (item->kind == PTW_ITEM_SPACE &&
        item->u.space_info.kind == PTW_SPACE_WALKED) {
        *level = ptw_vf_top(v, item);
        *table = item->u.space_info.root.table;
        return true;
    }
    if (item->kind == PTW_ITEM_TABLE) {
        *level = item->u.table.level;
        *table = item->u.table.table;
        return true;
    }
    return false;
}

/* ptw_vf_entry_kept says whether anything is kept of entry i of the table
 * that the item enters, and where the entry begins. */
static inline bool ptw_vf_entry_kept(const struct ptw_verify *v,
                                     const struct ptw_item *item,
                                     unsigned level, unsigned i, uint64_t *va)
{
    const struct ptw_format *a = v->state.regime->arch->format;
    uint64_t offset = (uint64_t)i << a->level[level].shift;

    *va = level == ptw_vf_top(v, item)
              ? ptw_va_from(a, ptw_vf_regime_of(v, item), offset)
              : item->first.v + offset;
    return ptw_vf_kept_of(v, *va, *va + ptw_low_mask(a->level[level].shift)) !=
           PTW_COVER_NONE;
}

/* ptw_vf_read_absent reads entry *i of a table of that image, as
 * ptw_get_absent does. */
static inline bool ptw_vf_read_absent(struct ptw_verify *v, unsigned which,
                                      const struct ptw_item *item,
                                      unsigned level, ptw_pa table, unsigned *i,
                                      uint64_t *raw)
{
    struct ptw_verify_side *s = &v->state.side[which];

    v->work++;
    return ptw_get_absent(s->mem, &s->cache, ptw_vf_regime_of(v, item), level,
                          table.v, i, raw);
}

/* ptw_vf_follows says whether pages are followed that entries name which are
 * not present. */
static inline bool ptw_vf_follows(const struct ptw_verify *v)
{
    return v->o.absent.policy >= PTW_ABSENT_LINUX;
}

/* ptw_vf_seen_at returns the record of seen pages with that key.  There is
 * room. */
static inline struct seen *ptw_vf_seen_at(struct ptw_verify *v, uint64_t key,
                                          bool *fresh)
{
    return ptw_hash_enter(&v->state.pages, sizeof(struct seen), key, fresh);
}

#endif
