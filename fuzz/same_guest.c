/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an image is the guest that it was made from, naively: both trees are
 * gone through side by side, entry by entry, and what was seen is written down.
 *
 * Twice: first to count which pages have how many leaves, and which of these
 * write, since that decides what becomes copy-on-write; then to compare. */
#include "same_guest.h"

#include "check.h"
#include "conventions.h"
#include "halves.h"
#include "same_rules.h"

#include <stdlib.h>
#include <string.h>

#define HEX(v) ((unsigned long long)(v))

enum {
    SLOTS_LOG2 = 13,
    LARGE_SLOTS_LOG2 = 19, /* where a page is as large as 1 GiB */
    ANSWERS = 4096,
    FEW_ANSWERS = 256 /* while fuzzing */
};

/* Numbers by keys that are not 0. */
struct notes {
    uint64_t *key;
    uint64_t *value;
    uint32_t *slot; /* which slots are used, in the order of their notes */
    unsigned slots_log2;
    unsigned used;
};

/* Of a new page, beside the old page that it is. */
enum { JOINED = 1, LARGE = 2, WRITTEN = 4 };

/* Of a new page: the flag bits of its leaves are known, and they differ. */
enum { KNOWN = 1, MIXED = 2 };

/* Of an old page: how many leaves it has, and whether one of them writes. */
enum { ONE_LEAF = 2, WRITER = 1 };

struct naive {
    struct fc_guest *g;
    const struct fc_image *m;
    struct ptw_rebuild *rb;
    const struct ptw_regime *r;
    unsigned levels;
    unsigned entry_bytes;
    unsigned flags;
    bool strict;
    bool comparing; /* else: counting leaves */
    bool different;
    bool unsure;
    bool rewrites;         /* the guest can write tables through a slot */
    bool moved;            /* a page is elsewhere now, or gone */
    bool runs;             /* a new leaf says that it is part of a run */
    uint64_t first_joined; /* address of the first page that was joined */
    unsigned answers_left; /* of the oracle */
    struct ptw_rebuild_counts c;
    uint64_t refused;     /* entries */
    uint64_t gone;        /* pages */
    struct notes *tables; /* new table and level: old table */
    struct notes *whole;  /* old table and level: new table */
    struct notes *pages;  /* old page: new page */
    struct notes *news;   /* new page: old page, and marks */
    struct notes *leaves; /* old page: leaves, and whether one writes */
    struct notes *turned; /* old pages of leaves made copy-on-write */
    struct notes *lost;   /* old pages that can't be read */
    struct notes *frames; /* new table: old table */
    struct notes *kinds;  /* new page: flag bits of its leaves, and marks */
    unsigned space;       /* whose tables are compared */
    uint64_t path[ORACLE_MOST_LEVELS]; /* flag bits of the entries that lead to
                                          the old tables of the path */
    uint64_t seen[2]; /* the first two kinds of flag bits, | KNOWN, */
    bool many_kinds;  /* and there are others */
};

/* An old leaf. */
struct leaf {
    uint64_t raw;
    uint64_t pa;
    uint64_t va;
    unsigned level;
    unsigned rights; /* of itself */
};

enum { NOTES = 9 };

static struct notes notes[NOTES];

struct fc_difference fc_difference;

static unsigned slots_of(const struct notes *s)
{
    return 1u << s->slots_log2;
}

/* Where that key stands, or would: an open hash table, in which pages that
 * follow each other do so, too. */
static unsigned find(const struct notes *s, uint64_t key)
{
    uint64_t page = key / FZ_PAGE;
    uint64_t i = ((page / 64 + 1) * 0x9E3779B97F4A7C15) >> (64 - s->slots_log2);

    i = (i + page % 64 + key % FZ_PAGE / 2) % slots_of(s);

    while (s->key[i] != key && s->key[i] != 0) {
        i = (i + 1) % slots_of(s);
    }
    return (unsigned)i;
}

static void forget(struct notes *s)
{
    for (unsigned i = 0; i < s->used; i++) {
        s->key[s->slot[i]] = 0;
        s->value[s->slot[i]] = 0;
    }
    s->used = 0;
}

/* All notes start empty, with room for the pages of that image: memory that is
 * not used is not touched. */
static void begin_notes(const struct fc_image *m)
{
    static uint64_t store[NOTES][2][1 << LARGE_SLOTS_LOG2];
    static uint32_t used[NOTES][1 << LARGE_SLOTS_LOG2];

    for (unsigned i = 0; i < NOTES; i++) {
        struct notes *s = &notes[i];

        forget(s);
        s->key = store[i][0];
        s->value = store[i][1];
        s->slot = used[i];
        s->slots_log2 =
            m->counts.pages > FC_PAGES ? LARGE_SLOTS_LOG2 : SLOTS_LOG2;
    }
}

static uint64_t *note(struct naive *n, struct notes *s, uint64_t key,
                      bool *fresh)
{
    unsigned i = find(s, key);

    *fresh = s->key[i] == 0;
    if (*fresh && s->used == slots_of(s) / 4 * 3) {
        n->unsure = true;
        return NULL;
    }
    if (*fresh) {
        s->slot[s->used++] = i;
    }
    s->key[i] = key;
    return &s->value[i];
}

static const uint64_t *noted(const struct notes *s, uint64_t key)
{
    unsigned i = find(s, key);

    return s->key[i] == key ? &s->value[i] : NULL;
}

/* The image breaks that rule, if it binds. */
static void differ(struct naive *n, enum fc_rule rule, uint64_t va,
                   uint64_t was, uint64_t is)
{
    const char *what = fc_rules[rule].broken;

    if ((fc_rules[rule].binds & (n->strict ? FC_REBUILD : FC_VERIFY)) == 0) {
        return;
    }
    if (n->strict && n->comparing) {
        fz_fail(ASK_GUEST, "the image: %s: at %llx it was %llx and is %llx",
                what, HEX(va), HEX(was), HEX(is));
    }
    if (!n->different) {
        fc_difference.what = what;
        fc_difference.va = va;
        fc_difference.was = was;
        fc_difference.is = is;
    }
    n->different = true;
}

static bool over(const struct naive *n)
{
    return n->different || n->unsure;
}

static const struct oracle_mode *mode_of(const struct naive *n)
{
    return &n->g->w->mode;
}

static uint64_t page_bytes(const struct naive *n)
{
    return n->g->w->page_bytes;
}

/* What a table takes of an image. */
static uint64_t table_place(const struct naive *n)
{
    return n->g->w->unit;
}

/* All rights that there are. */
static unsigned all_rights(const struct naive *n)
{
    return mode_of(n)->format->rights;
}

static unsigned shift_of(const struct naive *n, unsigned level)
{
    return mode_of(n)->format->level[level].shift;
}

static unsigned entries_of(const struct naive *n, unsigned level)
{
    return mode_of(n)->format->level[level].entries;
}

static uint64_t table_bytes(const struct naive *n, unsigned level)
{
    return oracle_table_bytes(mode_of(n)->format, level);
}

/* A table by its address and level; never 0, for bit 3.  A root that is shorter than
 * others of its level is a table by itself. */
static uint64_t table_key(const struct naive *n, uint64_t pa, unsigned level)
{
    bool shorter = level + 1 == n->levels && fz_shorter_root(n->g->w, n->space);

    return pa << 4 | 8 | (shorter ? 7 : level);
}

static uint64_t size_of(const struct naive *n, unsigned level)
{
    return (uint64_t)1 << shift_of(n, level);
}

/* Where a leaf of that level has its address, and an entry that of a table. */
static uint64_t leaf_mask(const struct naive *n, unsigned level)
{
    return mode_of(n)->format->leaf_bits(mode_of(n), level);
}

static uint64_t table_mask(const struct naive *n)
{
    return mode_of(n)->format->table_bits(mode_of(n));
}

/* ------------------------------------------------------------------- leaves */

static bool all_readable(const struct naive *n, uint64_t pa, uint64_t bytes)
{
    if (fc_cover(n->g, pa, bytes) != PTW_COVER_ALL) {
        return false;
    }
    for (uint64_t at = 0; at < bytes; at += page_bytes(n)) {
        if (!fc_readable(n->g, pa + at)) {
            return false;
        }
    }
    return true;
}

/* Whether the image has nothing of so many bytes at that address. */
static bool is_outside(const struct naive *n, uint64_t pa, uint64_t bytes)
{
    uint64_t last = pa + (bytes - 1);

    for (uint64_t at = pa - pa % FZ_PAGE; at <= last; at += FZ_PAGE) {
        if (fc_covers(n->m, at)) {
            return false;
        }
    }
    return true;
}

/* A device, as the verifier has it (verify.h, outside): nothing of the page can
 * be read in either memory, and both map it at the same address.  A rebuild
 * keeps none. */
static bool is_device(const struct naive *n, uint64_t was, uint64_t is)
{
    if (n->strict || was != is || !is_outside(n, is, page_bytes(n))) {
        return false;
    }
    for (uint64_t at = 0; at < page_bytes(n); at++) {
        if (fc_readable_byte(n->g, was + at)) {
            return false;
        }
    }
    return true;
}

static void same_bytes(struct naive *n, uint64_t va, uint64_t was, uint64_t is)
{
    if (is_device(n, was, is)) {
        return;
    }
    if (!fc_readable(n->g, was)) {
        differ(n, FC_UNREADABLE, va, was, is);
        return;
    }
    if (n->m->lost == 0 && fc_known_zeros(n->g, was) &&
        fc_left_zeros(n->m, is)) {
        return;
    }
    for (uint64_t i = 0; i < page_bytes(n); i += FZ_PAGE) {
        const uint8_t *page = fc_page(n->m, is + i);
        uint8_t bytes[FZ_PAGE];
        size_t at = 0;

        if (page == NULL) {
            differ(n, FC_PAGE_OUTSIDE, va, was, is);
            return;
        }
        fc_copy(n->g, was + i, bytes, FZ_PAGE);
        if (memcmp(bytes, page, FZ_PAGE) != 0) {
            while (bytes[at] == page[at]) {
                at++;
            }
            at -= at % 8;
            differ(n, FC_BYTES, va, was + i + at, is + i + at);
            return;
        }
    }
}

/* Whether the new page is there, and all zeros. */
static bool is_zeros(const struct naive *n, uint64_t is)
{
    for (uint64_t at = 0; at < page_bytes(n); at += FZ_PAGE) {
        const uint8_t *page = fc_page(n->m, is + at);

        if (page == NULL || page[0] != 0 ||
            memcmp(page, page + 1, FZ_PAGE - 1) != 0) {
            return false;
        }
    }
    return true;
}

/* A leaf maps that new page with these flag bits. */
static void note_flags(struct naive *n, uint64_t is, uint64_t flags)
{
    bool fresh;
    uint64_t *k = note(n, n->kinds, is | 1, &fresh);

    if (k == NULL) {
        return;
    }
    flags |= KNOWN;
    if (fresh) {
        *k = flags;
    } else if ((*k & ~(uint64_t)MIXED) != flags) {
        *k |= MIXED;
    }
    for (unsigned i = 0; i < 2; i++) {
        n->seen[i] = n->seen[i] == 0 ? flags : n->seen[i];
        if (n->seen[i] == flags) {
            return;
        }
    }
    n->many_kinds = true;
}

/* That no page stands for others whose leaves have other flag bits. */
static void check_kinds(struct naive *n)
{
    for (unsigned k = 0; k < n->kinds->used; k++) {
        unsigned i = n->kinds->slot[k];
        const uint64_t *page = noted(n->news, n->kinds->key[i]);

        if (page != NULL && (*page & JOINED) != 0 &&
            (n->kinds->value[i] & MIXED) != 0) {
            differ(n, FC_FLAGS_JOINED, 0, n->kinds->key[i] - 1,
                   n->kinds->value[i]);
        }
    }
}

/* One of several new pages of the same content, if they are to become one: small
 * ones that the guest writes through no leaf, under the same flag bits. */
struct joinable {
    uint64_t is;
    uint64_t flags;
    uint64_t mixed; /* the content */
};

/* Whether a new page, note i, is one that a rebuild with those flags joins with
 * others of its content; *j is that. */
static bool is_joinable(const struct naive *n, unsigned i, struct joinable *j)
{
    uint64_t key = n->news->key[i];
    const uint64_t *flags = noted(n->kinds, key);

    *j = (struct joinable){key - 1, flags != NULL ? *flags : 0, 0};
    if ((n->news->value[i] & (LARGE | WRITTEN)) != 0 ||
        (j->flags & MIXED) != 0 ||
        ((n->flags & PTW_REBUILD_MERGE) == 0 && !is_zeros(n, j->is))) {
        return false;
    }
    for (uint64_t at = 0; at < page_bytes(n); at += 8) {
        const uint8_t *page = fc_page(n->m, j->is + at / FZ_PAGE * FZ_PAGE);
        uint64_t word;

        if (page == NULL) {
            return false;
        }
        memcpy(&word, page + at % FZ_PAGE, sizeof word);
        j->mixed = (j->mixed ^ word) * 0x9E3779B97F4A7C15;
        j->mixed ^= j->mixed >> 29;
    }
    return true;
}

/* That no two new pages are left that were to become one.  Where a part of a
 * large page can't be read, the rest keeps its place; of a third kind of flag bits
 * it is not known which pages have them; and of pages of zeros alone, those become
 * one that have the flag bits of the first one. */
static void check_joined(struct naive *n)
{
    static struct joinable page[FC_PAGES];
    unsigned pages = 0;

    if ((n->flags & (PTW_REBUILD_MERGE | PTW_REBUILD_ZEROS)) == 0 ||
        n->rewrites || n->many_kinds ||
        ((n->flags & PTW_REBUILD_MERGE) == 0 && n->seen[1] != 0) ||
        n->c.dropped[PTW_DROP_UNREADABLE] > 0) {
        return;
    }
    for (unsigned k = 0; k < n->news->used && pages < FC_PAGES; k++) {
        struct joinable j;

        if (!is_joinable(n, n->news->slot[k], &j)) {
            continue;
        }
        for (unsigned i = 0; i < pages; i++) {
            if (page[i].mixed == j.mixed && page[i].flags == j.flags) {
                differ(n, FC_NOT_JOINED, 0, page[i].is, j.is);
            }
        }
        page[pages++] = j;
    }
}

/* One old page and the new one in its place. */
static void same_page(struct naive *n, uint64_t va, uint64_t was, uint64_t is,
                      unsigned marks)
{
    bool fresh;
    bool new_fresh;
    uint64_t *p = note(n, n->pages, was | 1, &fresh);
    uint64_t *q = note(n, n->news, is | 1, &new_fresh);

    if (p == NULL || q == NULL) {
        return;
    }
    if (fresh) {
        /* Of any byte of the page. */
        uint64_t within = (was / FZ_PAGE * 0x9E37 + 0x123) % page_bytes(n);
        ptw_pa now = {0};

        *p = is;
        same_bytes(n, va, was, is);
        if (is < n->m->base || is - n->m->base >= n->m->counts.page_bytes) {
            differ(n, FC_PLACE, va, was, is);
        }
        if (n->strict &&
            (ptw_rebuild_page(n->rb, ptw_pa_of(was | within), &now) != PTW_OK ||
             now.v != (is | within))) {
            differ(n, FC_TOLD, va, is, now.v);
        }
    } else if (*p != is) {
        differ(n, FC_ONE_IS_TWO, va, *p, is);
    }
    if (new_fresh) {
        *q = was;
    } else if (fresh) {
        bool zeros = is_zeros(n, is);

        *q |= JOINED;
        n->first_joined = n->c.merged == 0 ? va : n->first_joined;
        n->c.merged++;
        if ((n->flags & PTW_REBUILD_MERGE) == 0 &&
            ((n->flags & PTW_REBUILD_ZEROS) == 0 || !zeros)) {
            differ(n, FC_TWO_ARE_ONE, va, was, is);
        }
    }
    n->c.writable_pages += (marks & ~*q & WRITTEN) != 0;
    *q |= marks;
    if ((*q & JOINED) != 0 && (*q & (LARGE | WRITTEN)) != 0) {
        differ(n, FC_WRITTEN_JOINED, va, was, is);
    }
}

/* Whether the guest can write through that leaf, whatever leads to it. */
static bool writes(const struct naive *n, uint64_t raw)
{
    return oracle_writes(&n->g->w->mode, true, raw);
}

/* A leaf that can be made copy-on-write. */
static bool can_turn(const struct naive *n, unsigned level, uint64_t raw)
{
    return writes(n, raw) &&
           !writes(n, oracle_write_protected(mode_of(n), level, raw));
}

/* Whether any of those pages has a leaf that writes and another leaf: they
 * would drift apart, were the writer to get a copy. */
static bool is_shared(const struct naive *n, uint64_t pa, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += page_bytes(n)) {
        const uint64_t *l = noted(n->leaves, (pa + at) | 1);

        if (l != NULL && (*l & WRITER) != 0 && *l >= 2 * ONE_LEAF) {
            return true;
        }
    }
    return false;
}

static void count_leaves(struct naive *n, const struct leaf *l, uint64_t pa,
                         uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += page_bytes(n)) {
        bool fresh;
        bool before = is_shared(n, pa + at, page_bytes(n));
        uint64_t *page = note(n, n->leaves, (pa + at) | 1, &fresh);

        if (page == NULL) {
            return;
        }
        *page += ONE_LEAF;
        *page |= writes(n, l->raw) ? WRITER : 0;
        n->c.shared_writable += !before &&
                                is_shared(n, pa + at, page_bytes(n)) &&
                                fc_readable(n->g, pa + at);
    }
}

/* Where in its table the entry of that level for va stands. */
static unsigned index_of(const struct naive *n, unsigned level, uint64_t va)
{
    return (unsigned)(va >> shift_of(n, level)) & (entries_of(n, level) - 1);
}

/* An old leaf, as it has to be in the image, and a new one in the place of it or
 * of a part of it. */
struct two_leaves {
    const struct leaf *old;
    uint64_t bits;   /* that it has to have, without an address */
    unsigned rights; /* likewise */
    bool marked;     /* before any policy */
    bool turned;     /* it becomes copy-on-write */
    unsigned level;  /* of the new one */
    uint64_t raw;    /* its entry, by itself */
    bool in_a_run;   /* it says that it is a part of one */
    struct ptw_entry e;
    unsigned less; /* rights that the tables of a split took */
};

static bool has_refused_mark(const struct naive *n, const struct two_leaves *t)
{
    return t->marked && (n->flags & PTW_REBUILD_REFUSE_MARKED) != 0;
}

static bool is_in_a_run(const struct naive *n, const struct two_leaves *t)
{
    (void)n;
    return t->in_a_run;
}

/* It may say so where the old one does and all pages are where they were. */
static bool is_in_a_new_run(const struct naive *n, const struct two_leaves *t)
{
    return t->in_a_run &&
           oracle_alone(mode_of(n), t->old->level, t->old->raw) == t->old->raw;
}

static bool has_other_bits(const struct naive *n, const struct two_leaves *t)
{
    return (t->raw & ~leaf_mask(n, t->level)) != t->bits;
}

static bool loses_rights(const struct naive *n, const struct two_leaves *t)
{
    (void)n;
    return (t->rights & t->less) != 0;
}

/* Its table may be reached by another path, too. */
static bool withholds_rights(const struct naive *n, const struct two_leaves *t)
{
    (void)n;
    return t->less != 0;
}

static bool is_another(const struct naive *n, const struct two_leaves *t)
{
    return !t->turned && has_other_bits(n, t);
}

/* Other bits may make the same leaf copy-on-write, of those that any marked leaf
 * has or has not. */
static bool is_not_as_turned(const struct naive *n, const struct two_leaves *t)
{
    struct ptw_attributes x = ptw_attributes_of(n->r, t->level, t->bits);
    struct ptw_attributes y = ptw_attributes_of(n->r, t->level, t->raw);
    uint64_t marks = oracle_mark(mode_of(n), t->level, 0) |
                     ~oracle_mark(mode_of(n), t->level, UINT64_MAX);

    return t->turned &&
           ((t->e.rights & ~t->less) != (t->rights & ~t->less) ||
            (t->rights & t->less) != 0 || x.memory_type != y.memory_type ||
            x.key != y.key || x.global != y.global ||
            x.accessed != y.accessed || x.dirty != y.dirty ||
            ((t->bits ^ t->raw) & ~marks & ~leaf_mask(n, t->level)) != 0 ||
            x.copy_on_write != y.copy_on_write);
}

/* What is asked of each leaf, in this order. */
static const struct leaf_rule {
    enum fc_rule rule;
    bool (*breaks)(const struct naive *n, const struct two_leaves *t);
} leaf_rules[] = {
    {FC_MARK, has_refused_mark},       {FC_NO_RUN, is_in_a_run},
    {FC_NEW_RUN, is_in_a_new_run},     {FC_BITS, has_other_bits},
    {FC_RIGHTS_BY_PATH, loses_rights}, {FC_RIGHTS_WITHHELD, withholds_rights},
    {FC_SAME_BITS, is_another},        {FC_TURNED, is_not_as_turned},
};

/* A new leaf of that level: bits, rights, and its pages.  less: rights that the
 * tables of a split took. */
static void same_leaf(struct naive *n, const struct leaf *l, unsigned level,
                      uint64_t va, uint64_t raw, unsigned less, bool counting)
{
    uint64_t pa = l->pa + (va - l->va);
    uint64_t size = size_of(n, level);
    struct two_leaves t = {
        .old = l,
        .bits = oracle_alone(mode_of(n), l->level, l->raw) &
                ~leaf_mask(n, l->level),
        .rights = l->rights,
        .marked = oracle_marked(mode_of(n), l->level, l->raw),
        .turned = (n->flags & PTW_REBUILD_COPY_ON_WRITE) != 0 &&
                  can_turn(n, l->level, l->raw) &&
                  ((n->flags & PTW_REBUILD_COPY_SHARED) != 0 ||
                   !is_shared(n, pa, size)),
        .level = level,
        .raw = oracle_alone(mode_of(n), level, raw),
        .in_a_run = oracle_alone(mode_of(n), level, raw) != raw,
        .e = ptw_decode(n->r, level, index_of(n, level, va), raw),
        .less = less,
    };

    for (unsigned from = l->level; from > level; from--) {
        t.bits = mode_of(n)->format->split(mode_of(n), from, t.bits);
    }
    if (t.turned) {
        t.bits = oracle_mark(mode_of(n), l->level, t.bits);
        t.rights &= ~(unsigned)PTW_WRITE;
    }
    if (t.marked && (n->flags & PTW_REBUILD_CLEAR_MARKED) != 0) {
        t.bits &= ~mode_of(n)->format->mark_bits;
    }
    for (size_t i = 0; i < sizeof leaf_rules / sizeof leaf_rules[0]; i++) {
        if (leaf_rules[i].breaks(n, &t)) {
            differ(n, leaf_rules[i].rule, va, l->raw, raw);
        }
    }
    if (over(n)) {
        return;
    }
    n->runs = n->runs || t.in_a_run;
    n->moved = n->moved || t.e.pa.v != pa;
    if (counting) {
        n->c.leaves++;
        n->c.large += level > 0;
        n->c.copy_on_write += t.turned;
        n->c.marked_before += t.marked;
    }
    for (uint64_t at = 0; at < size && t.turned; at += page_bytes(n)) {
        bool fresh;

        (void)note(n, n->turned, (pa + at) | 1, &fresh);
    }
    for (uint64_t at = 0; at < size && !over(n); at += page_bytes(n)) {
        same_page(n, va + at, pa + at, t.e.pa.v + at,
                  (level > 0 ? LARGE : 0u) | (writes(n, t.raw) ? WRITTEN : 0u));
        note_flags(n, t.e.pa.v + at, t.raw & mode_of(n)->flag_bits);
    }
}

/* Nothing is there in place of what that leaf maps from va on. */
static void nothing(struct naive *n, const struct leaf *l, unsigned level,
                    uint64_t va, bool counting)
{
    uint64_t size = size_of(n, level);
    uint64_t pa = l->pa + (va - l->va);
    enum ptw_cover kept = fc_kept(n->g, va, va + (size - 1));

    if (kept == PTW_COVER_NONE) {
        return;
    }
    if (kept == PTW_COVER_ALL && fc_cover(n->g, pa, size) == PTW_COVER_NONE) {
        n->moved = true;
        n->c.dropped[PTW_DROP_OUTSIDE] += counting ? size / page_bytes(n) : 0;
        return;
    }
    if (level == 0) {
        n->moved = true;
        if (fc_readable(n->g, pa)) {
            differ(n, FC_MISSING, va, pa, 0);
        } else if (fc_cover(n->g, pa, size) != PTW_COVER_ALL) {
            n->c.dropped[PTW_DROP_PARTIAL] += counting;
        } else {
            bool fresh;

            n->c.dropped[PTW_DROP_UNREADABLE] += counting;
            n->gone += note(n, n->lost, pa | 1, &fresh) != NULL && fresh;
        }
        return;
    }
    for (uint64_t at = 0; at < size && !over(n); at += size_of(n, level - 1)) {
        nothing(n, l, level - 1, va + at, counting);
    }
}

/* --------------------------------------------------------------------- maps */

/* The map that has an address of that range, or NULL. */
static const struct ptw_map_request *map_in(const struct naive *n,
                                            uint64_t first, uint64_t last)
{
    for (size_t i = 0; i < n->g->o.maps; i++) {
        if (n->g->map[i].first.v <= last && n->g->map[i].last.v >= first) {
            return &n->g->map[i];
        }
    }
    return NULL;
}

static bool maps_touch(const struct naive *n, uint64_t first, uint64_t last)
{
    return map_in(n, first, last) != NULL;
}

static bool maps_cover(const struct naive *n, uint64_t va)
{
    return maps_touch(n, va, va);
}

static uint64_t new_entry(struct naive *n, uint64_t table, unsigned i)
{
    uint64_t pa = table + (uint64_t)i * n->entry_bytes;
    const uint8_t *page = fc_page(n->m, pa);

    if (page == NULL || pa % n->entry_bytes != 0) {
        differ(n, FC_TABLE_OUTSIDE, 0, 0, table);
        return 0;
    }
    return fc_get_at(page + pa % FZ_PAGE, n->entry_bytes);
}

static bool among_tables(const struct naive *n, uint64_t pa)
{
    return pa >= n->m->tables_at && pa - n->m->tables_at < n->m->table_bytes;
}

/* An entry where nothing is kept: what it leads to are maps. */
static void only_maps(struct naive *n, uint64_t raw, unsigned level,
                      uint64_t va)
{
    struct ptw_entry e = ptw_decode(n->r, level, 0, raw);
    uint64_t size = size_of(n, level);
    bool fresh;

    if (raw == 0 || over(n)) {
        return;
    }
    if (!maps_touch(n, va, va + (size - 1)) || e.kind == PTW_ENTRY_BAD ||
        e.kind == PTW_ENTRY_ABSENT) {
        differ(n, FC_EXTRA, va, 0, raw);
        return;
    }
    if (e.kind == PTW_ENTRY_TABLE) {
        if (!among_tables(n, e.pa.v)) {
            differ(n, FC_TABLE_PLACE, va, 0, e.pa.v);
            return;
        }
        (void)note(n, n->tables, table_key(n, e.pa.v, level - 1), &fresh);
        if (fresh && ((raw ^ n->g->w->root_flags[n->space]) &
                      mode_of(n)->flag_bits) != 0) {
            differ(n, FC_MAP_TABLE_FLAGS, va, n->g->w->root_flags[n->space],
                   raw);
        }
        for (unsigned i = 0; i < entries_of(n, level - 1); i++) {
            only_maps(n, new_entry(n, e.pa.v, i), level - 1,
                      va + i * size_of(n, level - 1));
        }
        return;
    }
    for (uint64_t at = 0; at < size; at += page_bytes(n)) {
        const struct ptw_map_request *q = map_in(n, va + at, va + at);

        if (q == NULL) {
            differ(n, FC_MAPPED, va + at, 0, raw);
            return;
        }
        if ((raw & mode_of(n)->flag_bits) != q->attributes.flag_bits) {
            differ(n, FC_MAP_FLAGS, va + at, q->attributes.flag_bits, raw);
        }
    }
}

/* ------------------------------------------------------------------- tables */

/* Whether any page of what that leaf maps from va on is kept, and can be
 * read. */
static bool keeps_any(const struct naive *n, const struct leaf *l,
                      unsigned level, uint64_t va)
{
    uint64_t size = size_of(n, level);
    uint64_t pa = l->pa + (va - l->va);

    if (fc_kept(n->g, va, va + (size - 1)) == PTW_COVER_NONE ||
        fc_cover(n->g, pa, size) == PTW_COVER_NONE) {
        return false;
    }
    if (level == 0) {
        return fc_readable(n->g, pa);
    }
    for (uint64_t at = 0; at < size; at += size_of(n, level - 1)) {
        if (keeps_any(n, l, level - 1, va + at)) {
            return true;
        }
    }
    return false;
}

/* Counts that leaf for each page, from va on, that is kept and that memory has
 * whole: a page that it has not is no page that two leaves could share. */
static void count_pages(struct naive *n, const struct leaf *l, unsigned level,
                        uint64_t va)
{
    uint64_t size = size_of(n, level);
    uint64_t pa = l->pa + (va - l->va);

    enum ptw_cover kept = fc_kept(n->g, va, va + (size - 1));
    enum ptw_cover cover = fc_cover(n->g, pa, size);

    if (kept == PTW_COVER_ALL && cover == PTW_COVER_ALL) {
        count_leaves(n, l, pa, size);
    } else if (level > 0 && kept != PTW_COVER_NONE && cover != PTW_COVER_NONE) {
        for (uint64_t at = 0; at < size && !over(n);
             at += size_of(n, level - 1)) {
            count_pages(n, l, level - 1, va + at);
        }
    }
}

/* A new table where there was none: it stands for nothing else. */
static void new_table(struct naive *n, uint64_t table, unsigned level,
                      uint64_t va)
{
    enum { NO_TABLE = 1 }; /* no table is at an odd address */

    bool fresh[2];
    uint64_t *old = note(n, n->frames, table | 1, &fresh[0]);

    if (old != NULL) {
        *old = fresh[0] ? NO_TABLE : *old;
    }
    (void)note(n, n->tables, table_key(n, table, level), &fresh[1]);
    if (!n->unsure && (!fresh[0] || !fresh[1])) {
        differ(n, FC_NEW_TABLE_SHARED, va, 0, table);
    }
}

/* What there is in place of an old leaf, or of a part of it. */
static void check_leaf(struct naive *n, const struct leaf *l, unsigned level,
                       uint64_t va, uint64_t raw, unsigned less, bool counting)
{
    struct ptw_entry e = ptw_decode(n->r, level, 0, raw);
    uint64_t size = size_of(n, level);
    uint64_t pa = l->pa + (va - l->va);
    enum ptw_cover kept = fc_kept(n->g, va, va + (size - 1));

    if (over(n)) {
        return;
    }
    if (kept == PTW_COVER_NONE) {
        if (n->strict) {
            only_maps(n, raw, level, va);
        }
        return;
    }
    if (n->comparing && level > 0 && e.kind != PTW_ENTRY_LEAF &&
        kept == PTW_COVER_ALL && (n->flags & PTW_REBUILD_SPLIT) == 0 &&
        (n->strict || level == l->level) && all_readable(n, pa, size)) {
        differ(n, FC_SIZE, va, l->raw, raw);
    }
    if (n->strict && e.kind == PTW_ENTRY_TABLE && !keeps_any(n, l, level, va)) {
        e.kind = PTW_ENTRY_ABSENT; /* but for maps */
    }
    if (!n->comparing && counting && e.kind != PTW_ENTRY_TABLE) {
        count_pages(n, l, level, va);
    }
    switch (e.kind) {
    case PTW_ENTRY_ABSENT:
        if (n->strict) {
            only_maps(n, raw, level, va);
        } else if (raw != 0) {
            differ(n, FC_ABSENT, va, l->raw, raw);
        }
        if (n->comparing) {
            nothing(n, l, level, va, counting);
        }
        break;
    case PTW_ENTRY_LEAF:
        if (kept != PTW_COVER_ALL ||
            (level > 0 && (n->flags & PTW_REBUILD_SPLIT) != 0)) {
            differ(n, FC_CUT, va, l->raw, raw);
            return;
        }
        if (n->comparing) {
            same_leaf(n, l, level, va, raw, less, counting);
        }
        break;
    case PTW_ENTRY_TABLE:
        if (counting) {
            new_table(n, e.pa.v, level - 1, va);
        }
        if (!among_tables(n, e.pa.v) || e.rights != all_rights(n)) {
            differ(n, FC_SMALL_TABLE, va, l->raw, raw);
        }
        if (counting && (raw & mode_of(n)->flag_bits) != n->path[l->level]) {
            differ(n, FC_SMALL_TABLE_FLAGS, va, n->path[l->level], raw);
        }
        if (counting) {
            n->c.tables++;
            n->c.split += level == l->level;
        }
        for (unsigned i = 0; i < entries_of(n, level - 1) && !over(n); i++) {
            check_leaf(n, l, level - 1, va + i * size_of(n, level - 1),
                       new_entry(n, e.pa.v, i),
                       less | (~e.rights & all_rights(n)), counting);
        }
        break;
    case PTW_ENTRY_BAD:
        differ(n, FC_BAD, va, l->raw, raw);
        break;
    }
}

/* -------------------------------------------------------------- not present */

/* The pages of a large one that can't be read as a whole: they are in the
 * image, and nothing leads to them. */
static void left_over(struct naive *n, uint64_t va, uint64_t pa, uint64_t size)
{
    for (uint64_t at = 0; at < size && n->strict && !over(n);
         at += page_bytes(n)) {
        ptw_pa now;

        if (!fc_readable(n->g, pa + at)) {
            continue;
        }
        if (ptw_rebuild_page(n->rb, ptw_pa_of(pa + at), &now) != PTW_OK) {
            differ(n, FC_LARGE_MISSING, va + at, pa + at, 0);
            return;
        }
        same_page(n, va + at, pa + at, now.v, LARGE | WRITTEN);
    }
}

/* An entry that was not present, and kept at least in part; raw is not 0. */
static void check_absent(struct naive *n, uint64_t raw, uint64_t new_raw,
                         unsigned level, uint64_t va, bool counting)
{
    enum ptw_absent_policy policy = n->g->o.absent.policy;
    uint64_t size = size_of(n, level);
    bool whole = fc_kept(n->g, va, va + (size - 1)) == PTW_COVER_ALL;
    struct ptw_entry now = ptw_decode(n->r, level, 0, new_raw);
    bool cleared = policy == PTW_ABSENT_CLEAR;
    struct fz_named was = {.what = FZ_NAMES_NOTHING};
    struct leaf l = {oracle_write_bit(mode_of(n), level), 0, va, level,
                     PTW_WRITE};
    struct fz_named is;

    if (n->strict ? !whole && maps_touch(n, va, va + (size - 1))
                  : now.kind != PTW_ENTRY_ABSENT) {
        n->c.absent_cleared += counting;
        if (n->strict && n->comparing) {
            only_maps(n, new_raw, level, va);
        }
        return;
    }
    if (policy > PTW_ABSENT_CLEAR) {
        was = fz_named(mode_of(n), &n->g->o.absent, level, raw);
    }
    if (was.what == FZ_NAMES_FRAME &&
        (!whole || fc_cover(n->g, was.pa, size) != PTW_COVER_ALL)) {
        was.what = FZ_NAMES_WHO_KNOWS;
    }
    if (was.what == FZ_NAMES_FRAME && !n->comparing && counting) {
        l.pa = was.pa;
        count_leaves(n, &l, was.pa, size);
    }
    if (was.what == FZ_NAMES_FRAME && !all_readable(n, was.pa, size)) {
        was.what = FZ_NAMES_WHO_KNOWS;
        if (n->comparing && level > 0) {
            left_over(n, va, was.pa, size);
        }
    }
    if (counting) {
        n->c.absent_cleared += cleared;
        n->c.absent_kept += !cleared && was.what == FZ_NAMES_NOTHING;
        n->c.absent_followed += was.what == FZ_NAMES_FRAME;
        n->c.absent_unknown += was.what == FZ_NAMES_WHO_KNOWS;
    }
    if (!n->comparing) {
        return;
    }
    if (was.what != FZ_NAMES_FRAME) {
        if (new_raw != (cleared ? 0 : raw)) {
            differ(n, FC_ABSENT, va, raw, new_raw);
        }
        return;
    }
    is = fz_named(mode_of(n), &n->g->o.absent, level, new_raw);
    if (is.what != FZ_NAMES_FRAME || is.rest != was.rest) {
        differ(n, FC_NAMED, va, raw, new_raw);
        return;
    }
    for (uint64_t at = 0; at < size && !over(n); at += page_bytes(n)) {
        same_page(n, va + at, was.pa + at, is.pa + at,
                  WRITTEN | (size > page_bytes(n) ? LARGE : 0u));
    }
}

static void check_table(struct naive *n, uint64_t was, uint64_t is,
                        unsigned level, uint64_t va, bool counting);

/* Where nothing was, and the image is judged as ptw_verify does: an entry leads
 * to nothing that is kept. */
static void still_nothing(struct naive *n, uint64_t raw, unsigned level,
                          uint64_t va, bool counting)
{
    struct ptw_entry e = ptw_decode(n->r, level, 0, raw);
    enum ptw_cover kept = fc_kept(n->g, va, va + (size_of(n, level) - 1));

    if (over(n) || kept == PTW_COVER_NONE || raw == 0) {
        return;
    }
    if (e.kind != PTW_ENTRY_TABLE || kept == PTW_COVER_ALL) {
        differ(n, FC_EXTRA, va, 0, raw);
        return;
    }
    if (counting) {
        new_table(n, e.pa.v, level - 1, va);
    }
    for (unsigned i = 0; i < entries_of(n, level - 1) && !over(n); i++) {
        still_nothing(n, new_entry(n, e.pa.v, i), level - 1,
                      va + i * size_of(n, level - 1), counting);
    }
}

/* Whether an old entry that is dropped and the new one fault for the same
 * reason, which ptw_verify lets pass (verify.h, bad): they have the same bits
 * and are reserved, or lead to the same table, of which nothing can be read.
 * Which rights the way to that table grants is not known here. */
static bool still_faults(struct naive *n, const struct ptw_entry *e,
                         uint64_t raw, const struct ptw_entry *now,
                         uint64_t new_raw, unsigned level)
{
    if (now->kind != e->kind) {
        return false;
    }
    if (e->kind == PTW_ENTRY_TABLE && now->pa.v == e->pa.v &&
        is_outside(n, now->pa.v, table_bytes(n, level - 1))) {
        n->unsure = n->unsure || now->rights != e->rights;
        return true;
    }
    return e->kind == PTW_ENTRY_BAD && raw == new_raw;
}

/* Behind a new table that is smaller than a page there are zeros. */
static void nothing_behind(struct naive *n, uint64_t table, unsigned level,
                           uint64_t va)
{
    for (uint64_t at = table_bytes(n, level); n->strict && at < table_place(n);
         at++) {
        if (fc_page(n->m, table + at)[(table + at) % FZ_PAGE] != 0) {
            differ(n, FC_TABLE_END, va, table, table + at);
            return;
        }
    }
}

/* Notes which old table the new one is; false when it can't be. */
static bool note_pair(struct naive *n, uint64_t was, uint64_t is,
                      unsigned level, uint64_t va)
{
    bool fresh;
    uint64_t *old;

    if (fc_page(n->m, is) == NULL) {
        differ(n, FC_TABLE_OUTSIDE, va, was, is);
        return false;
    }
    if (!among_tables(n, is)) {
        differ(n, FC_TABLE_PLACE, va, was, is);
    }
    old = note(n, n->frames, is | 1, &fresh);
    if (old == NULL) {
        return false;
    }
    if (fresh) {
        *old = was;
        nothing_behind(n, is, level, va);
    } else if (*old != was) {
        differ(n, FC_LEVELS_ARE_ONE, va, was, is);
        return false;
    }
    return true;
}

/* An old table and the new one in its place. */
static void check_pair(struct naive *n, uint64_t was, uint64_t is,
                       unsigned level, uint64_t va, bool whole, bool counting)
{
    bool fresh;
    bool whole_fresh = false;
    uint64_t *old;

    if (!note_pair(n, was, is, level, va)) {
        return;
    }
    if (!whole && !n->strict) {
        /* A walk does not tell which tables that are cut are one, when it meets
         * them at other addresses. */
        uint64_t at = (va + 1) * 0x9E3779B97F4A7C15;
        uint64_t *now =
            note(n, n->whole, (table_key(n, was, level) ^ at) | 8, &fresh);

        if (now == NULL) {
            return;
        }
        if (fresh) {
            *now = is;
        } else if (*now != is) {
            differ(n, FC_TABLE_IS_TWO, va, *now, is);
            return;
        }
        check_table(n, was, is, level, va, counting && fresh);
        return;
    }
    old = note(n, n->tables, table_key(n, is, level), &fresh);
    if (old == NULL) {
        return;
    }
    if (fresh) {
        *old = was;
    } else if (*old != was) {
        differ(n, FC_TABLES_ARE_ONE, va, was, is);
        return;
    }
    if (whole) {
        uint64_t *now =
            note(n, n->whole, table_key(n, was, level), &whole_fresh);

        if (now == NULL) {
            return;
        }
        if (whole_fresh) {
            *now = is;
        } else if (*now != is) {
            differ(n, FC_TABLE_IS_TWO, va, *now, is);
            return;
        }
    }
    if (counting) {
        n->c.tables += fresh;
        n->c.aliases += !fresh;
    }
    if (fresh || !whole) {
        check_table(n, was, is, level, va, counting && fresh);
    }
}

static void check_entry(struct naive *n, uint64_t was, uint64_t is,
                        unsigned level, unsigned i, uint64_t va, bool counting)
{
    uint64_t last = va + (size_of(n, level) - 1);
    enum ptw_cover kept = fc_kept(n->g, va, last);
    uint64_t new_raw = new_entry(n, is, i);
    uint64_t raw = 0;
    struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
    struct ptw_entry now = ptw_decode(n->r, level, 0, new_raw);
    bool readable = fc_entry(n->g, was + (uint64_t)i * n->entry_bytes,
                             n->entry_bytes, &raw);
    bool self;
    bool faults = false;
    enum ptw_drop why = PTW_DROPS;

    if (kept == PTW_COVER_NONE) {
        if (n->strict) {
            only_maps(n, new_raw, level, va);
        }
        return;
    }
    if (readable) {
        e = ptw_decode(n->r, level, i, raw);
    }
    self = e.kind == PTW_ENTRY_TABLE && e.pa.v == was &&
           table_bytes(n, level) == table_bytes(n, level - 1);
    if (!readable ||
        (e.kind == PTW_ENTRY_TABLE &&
         fc_cover(n->g, e.pa.v, table_bytes(n, level - 1)) == PTW_COVER_NONE)) {
        why = PTW_DROP_TABLE;
        n->refused += counting;
    } else if (e.kind == PTW_ENTRY_BAD) {
        why = PTW_DROP_BAD_ENTRY;
    } else if (self && kept != PTW_COVER_ALL) {
        why = PTW_DROP_SELF;
    }
    if (why != PTW_DROPS) {
        n->c.dropped[why] += counting;
        faults = still_faults(n, &e, raw, &now, new_raw, level);
        e.kind = PTW_ENTRY_ABSENT;
        raw = 0;
    }
    if (e.kind == PTW_ENTRY_ABSENT) {
        if (why == PTW_DROPS && raw != 0) {
            check_absent(n, raw, new_raw, level, va, counting);
        } else if (n->strict) {
            only_maps(n, new_raw, level, va);
        }
        if (!n->strict && !faults &&
            (raw == 0 || now.kind != PTW_ENTRY_ABSENT)) {
            still_nothing(n, new_raw, level, va, counting);
        }
    } else if (e.kind == PTW_ENTRY_LEAF) {
        struct leaf l = {raw, e.pa.v, va, level, e.rights};

        check_leaf(n, &l, level, va, new_raw, 0, counting);
    } else if (now.kind != PTW_ENTRY_TABLE ||
               ((raw ^ new_raw) & ~table_mask(n)) != 0 ||
               (now.pa.v == is ? e.pa.v != was : self)) {
        /* A table that starts where this one does, and is larger, may be
         * another one in the image. */
        differ(n, FC_TABLE, va, raw, new_raw);
    } else if (self) {
        /* By the path that goes through the entry, where it is a leaf at
         * last. */
        bool writes =
            oracle_writes(mode_of(n), (e.rights & ORACLE_WRITE) != 0, raw);

        n->rewrites = n->rewrites || writes;
        n->c.writable_selves += counting && writes;
    } else {
        n->path[level - 1] = raw & mode_of(n)->flag_bits;
        check_pair(n, e.pa.v, now.pa.v, level - 1, va, kept == PTW_COVER_ALL,
                   counting);
    }
}

static uint64_t address_of(const struct naive *n, unsigned level, uint64_t va,
                           unsigned i)
{
    return oracle_address(mode_of(n), va + ((uint64_t)i << shift_of(n, level)));
}

static void check_table(struct naive *n, uint64_t was, uint64_t is,
                        unsigned level, uint64_t va, bool counting)
{
    for (unsigned i = 0; i < entries_of(n, level) && !over(n); i++) {
        uint64_t raw;

        /* Most entries are nothing on both sides. */
        if (new_entry(n, is, i) != 0 ||
            !fc_entry(n->g, was + (uint64_t)i * n->entry_bytes, n->entry_bytes,
                      &raw) ||
            raw != 0) {
            check_entry(n, was, is, level, i, address_of(n, level, va, i),
                        counting);
        }
    }
}

/* No new table is a page as well, unless it was the same page before. */
static void only_tables(struct naive *n)
{
    for (unsigned k = 0; k < n->frames->used; k++) {
        unsigned i = n->frames->slot[k];
        uint64_t key = n->frames->key[i];
        uint64_t at = key % page_bytes(n) - 1; /* of the table in its page */

        for (uint64_t more = 0; more < table_place(n); more += page_bytes(n)) {
            const uint64_t *old = noted(n->news, key - at + more);

            if (old != NULL && ((*old & JOINED) != 0 ||
                                *old / page_bytes(n) * page_bytes(n) + at !=
                                    n->frames->value[i] + more)) {
                differ(n, FC_TABLE_IS_PAGE, 0, *old, n->frames->key[i]);
            }
        }
    }
}

bool fc_plain;

/* Whether each old table is one new one, and none is a page as well. */
static bool is_plain(struct naive *n)
{
    forget(n->lost);
    for (unsigned i = 0; i < n->frames->used; i++) {
        uint64_t was = n->frames->value[n->frames->slot[i]];
        bool fresh = true;

        if (note(n, n->lost, was | 1, &fresh) == NULL || !fresh) {
            return false;
        }
        for (uint64_t at = was - was % page_bytes(n); at < was + table_place(n);
             at += page_bytes(n)) {
            if (noted(n->pages, at | 1) != NULL) {
                return false;
            }
        }
    }
    return true;
}

/* From here on it is about that space. */
static void turn_to(struct naive *n, unsigned space)
{
    fz_turn(n->g->w, space);
    n->levels = n->g->w->levels;
    n->space = space;
}

/* How much of what a space can map is kept. */
static enum ptw_cover kept_of(const struct naive *n, unsigned space)
{
    const struct oracle_mode *mode = &fz_half_of(n->g->w, space)->mode;

    return fc_kept(n->g, oracle_first(mode), oracle_last(mode));
}

/* Whether two spaces have one root: of two halves, it is one table only if nothing
 * of it is left out, and where nothing is kept, nobody looks at it. */
static bool same_space(const struct naive *n, unsigned a, unsigned b)
{
    const struct fz_case *w = n->g->w;

    if (a == b || !fz_same_root(w, a, b) || !w->halves) {
        return fz_same_root(w, a, b);
    }
    return oracle_first(&fz_half_of(w, a)->mode) ==
                   oracle_first(&fz_half_of(w, b)->mode)
               ? kept_of(n, a) != PTW_COVER_NONE
               : kept_of(n, a) == PTW_COVER_ALL &&
                     kept_of(n, b) == PTW_COVER_ALL;
}

static void check_spaces(struct naive *n)
{
    const struct fz_case *w = n->g->w;

    memset(&n->c, 0, sizeof n->c);
    n->rewrites = false;
    n->moved = false;
    n->runs = false;
    n->refused = 0;
    n->gone = 0;
    forget(n->tables);
    forget(n->whole);
    forget(n->pages);
    forget(n->news);
    forget(n->lost);
    forget(n->frames);
    forget(n->turned);
    forget(n->kinds);
    memset(n->seen, 0, sizeof n->seen);
    n->many_kinds = false;
    for (unsigned i = 0; i < w->roots && !over(n); i++) {
        unsigned same = 0;
        enum ptw_cover kept;

        while (!same_space(n, same, i)) {
            same++;
        }
        if (same < i) {
            if (n->m->root[i].table.v != n->m->root[same].table.v) {
                differ(n, FC_ROOT, 0, n->m->root[same].table.v,
                       n->m->root[i].table.v);
            }
            continue;
        }
        n->c.spaces++;
        turn_to(n, i);
        n->path[n->levels - 1] = w->root_flags[i];
        kept = w->halves ? kept_of(n, i) : PTW_COVER_ALL;
        if (n->strict || kept != PTW_COVER_NONE) {
            check_pair(n, w->root[i], n->m->root[i].table.v, n->levels - 1,
                       oracle_first(mode_of(n)), kept == PTW_COVER_ALL, true);
        } else {
            (void)note_pair(n, w->root[i], n->m->root[i].table.v, n->levels - 1,
                            0);
        }
    }
    fz_turn_back(n->g->w);
    if (n->comparing && !over(n)) {
        only_tables(n);
        check_kinds(n);
        check_joined(n);
    }
    if (n->comparing && !over(n) && n->moved && n->runs) {
        differ(n, FC_RUN_MOVED, 0, 0, 0);
    }
    if (n->comparing && !over(n) && n->rewrites && n->c.merged > 0) {
        differ(n, FC_REWRITABLE_JOINED, n->first_joined, 0, 0);
    }
}

/* ------------------------------------------------------------------- counts */

static void same_count(const char *what, uint64_t counted, uint64_t is)
{
    if (counted != is) {
        fz_fail(ASK_FIGURES, "counts.%s is %llu, and should be %llu", what,
                HEX(counted), HEX(is));
    }
}

/* Pages whose leaves have different flag bits are counted.  Pages with more
 * than one leaf may be, where there are more than two kinds, or entries that
 * are not present. */
static void count_kinds(const struct naive *n)
{
    bool exact = !n->many_kinds && n->c.absent_followed == 0;
    uint64_t is = n->m->counts.flags_differ;
    uint64_t mixed = 0;
    uint64_t more = 0;

    for (unsigned k = 0; k < n->kinds->used; k++) {
        unsigned i = n->kinds->slot[k];
        const uint64_t *old = noted(n->news, n->kinds->key[i]);
        const uint64_t *leaves;

        if (old == NULL) {
            continue;
        }
        leaves = noted(n->leaves, (*old & ~(page_bytes(n) - 1)) | 1);
        if ((n->kinds->value[i] & MIXED) != 0) {
            mixed++;
        } else if (leaves != NULL && *leaves >= 2 * ONE_LEAF && !exact) {
            more++;
        }
    }
    if (is < mixed || is > mixed + more) {
        fz_fail(ASK_FIGURES,
                "counts.flags_differ is %llu, and should be %llu, or up to "
                "%llu more",
                HEX(is), HEX(mixed), HEX(more));
    }
}

static void check_counts(const struct naive *n)
{
    const struct ptw_rebuild_counts *is = &n->m->counts;
    const struct ptw_rebuild_counts *c = &n->c;

    uint64_t pages = n->news->used;

    same_count("spaces", is->spaces, c->spaces);
    same_count("aliases", is->aliases, c->aliases);
    same_count("leaves", is->leaves, c->leaves);
    same_count("large", is->large, c->large);
    same_count("split", is->split, c->split);
    same_count("copy_on_write", is->copy_on_write, c->copy_on_write);
    same_count("copy_on_write_pages", is->copy_on_write_pages, n->turned->used);
    same_count("writable_pages", is->writable_pages, c->writable_pages);
    same_count("marked_before", is->marked_before, c->marked_before);
    same_count("merged", is->merged, c->merged);
    same_count("writable_selves", is->writable_selves, c->writable_selves);
    same_count("absent_kept", is->absent_kept, c->absent_kept);
    same_count("absent_cleared", is->absent_cleared, c->absent_cleared);
    same_count("absent_followed", is->absent_followed, c->absent_followed);
    same_count("absent_unknown", is->absent_unknown, c->absent_unknown);
    same_count("pages", is->pages, pages);
    count_kinds(n);
    same_count("zeros", is->zeros,
               pages - (n->m->pages + n->m->left) / (page_bytes(n) / FZ_PAGE));
    same_count("tables", is->tables, n->tables->used);
    same_count("bytes", is->bytes,
               is->page_bytes + is->tables * table_place(n));
    same_count("dropped[outside]", is->dropped[PTW_DROP_OUTSIDE],
               c->dropped[PTW_DROP_OUTSIDE]);
    same_count("dropped[partial]", is->dropped[PTW_DROP_PARTIAL],
               c->dropped[PTW_DROP_PARTIAL]);
    same_count("dropped[unreadable]", is->dropped[PTW_DROP_UNREADABLE],
               c->dropped[PTW_DROP_UNREADABLE]);
    same_count("dropped[bad entry]", is->dropped[PTW_DROP_BAD_ENTRY],
               c->dropped[PTW_DROP_BAD_ENTRY]);
    same_count("dropped[self]", is->dropped[PTW_DROP_SELF],
               c->dropped[PTW_DROP_SELF]);
    /* Refused entries come in runs. */
    if ((is->dropped[PTW_DROP_TABLE] > 0) != (n->refused > 0) ||
        is->dropped[PTW_DROP_TABLE] > n->refused) {
        fz_fail(ASK_FIGURES,
                "counts.dropped[table] is %llu, %llu entries were refused",
                HEX(is->dropped[PTW_DROP_TABLE]), HEX(n->refused));
    }
}

/* --------------------------------------------------------------- the oracle */

static struct oracle_answer answer[ANSWERS];

bool fc_through_self(const struct fz_case *w, const struct oracle_ram *ram,
                     size_t rams, uint64_t root, const struct oracle_answer *a)
{
    const struct oracle_format *f = w->mode.format;
    uint64_t above = root;

    for (unsigned level = w->levels - 1; level-- > a->level;) {
        uint64_t table;

        if (!oracle_table_at(&w->mode, ram, rams, root, a->first, level,
                             &table)) {
            return false;
        }
        if (table == above &&
            oracle_table_bytes(f, level + 1) == oracle_table_bytes(f, level)) {
            return true;
        }
        above = table;
    }
    return false;
}

/* Every page of one side, as the oracle sees it, is on the other. */
static void check_answers(struct naive *n, const struct oracle_ram *ram[2],
                          const size_t rams[2], const uint64_t root[2],
                          unsigned from)
{
    const struct oracle_mode *mode = &n->g->w->mode;
    size_t count =
        oracle_walk(mode, ram[from], rams[from], root[from], 0, UINT64_MAX,
                    answer, n->g->w->thorough ? ANSWERS : FEW_ANSWERS);

    for (size_t i = 0; i < count && n->answers_left > 0; i++) {
        const struct oracle_answer *a = &answer[i];
        uint64_t size = a->last - a->first + 1;
        uint64_t step = size > 8 * page_bytes(n) ? size / 8 : page_bytes(n);

        if (a->kind != ORACLE_LEAF ||
            fc_through_self(n->g->w, ram[from], rams[from], root[from], a)) {
            continue;
        }
        for (uint64_t at = 0; at < size; at += step) {
            uint64_t va = a->first + at;
            struct oracle_answer b;
            const uint64_t *now;
            bool kept =
                fc_kept(n->g, va, va + (page_bytes(n) - 1)) == PTW_COVER_ALL;
            unsigned before;
            unsigned after;
            unsigned may_lose;
            uint64_t was;
            uint64_t is;

            if (!kept && from == 1 && !maps_cover(n, va)) {
                fz_fail(ASK_GUEST, "the oracle: %llx is mapped now", HEX(va));
            }
            if (!kept || (from == 0 && !fc_readable(n->g, a->pa + at))) {
                continue;
            }
            n->answers_left--;
            b = oracle_translate(mode, ram[!from], rams[!from], root[!from],
                                 va);
            if (b.kind != ORACLE_LEAF) {
                fz_fail(ASK_GUEST,
                        "the oracle: %llx is mapped in one image only, %s",
                        HEX(va), from == 0 ? "the old" : "the new");
            }
            was = (from == 0 ? a->pa : b.pa) +
                  (va - (from == 0 ? a->first : b.first));
            is = (from == 1 ? a->pa : b.pa) +
                 (va - (from == 1 ? a->first : b.first));
            now = noted(n->pages, was | 1);
            before = from == 0 ? a->rights : b.rights;
            after = from == 0 ? b.rights : a->rights;
            may_lose = (n->flags & PTW_REBUILD_COPY_ON_WRITE) != 0
                           ? (unsigned)ORACLE_WRITE
                           : 0;
            if (now == NULL || *now != is ||
                (before & ~may_lose) != (after & ~may_lose) ||
                (after & ~before) != 0) {
                fz_fail(ASK_GUEST,
                        "the oracle: %llx was %llx, rights %x, and is %llx, "
                        "rights %x",
                        HEX(va), HEX(was), before, HEX(is), after);
            }
        }
    }
}

static void ask_oracle(struct naive *n)
{
    const struct fz_case *w = n->g->w;
    struct oracle_ram new_ram[2] = {
        {n->m->tables_at, n->m->tables_at + n->m->table_bytes - 1,
         n->m->tables},
    };
    const struct oracle_ram *ram[2] = {n->g->w->ram, new_ram};
    size_t rams[2] = {n->g->w->rams, 1};

    n->answers_left = w->thorough ? 4096 : 512;
    for (unsigned i = 0; i < w->roots && i < 3; i++) {
        uint64_t root[2] = {w->root[i], n->m->root[i].table.v};

        turn_to(n, i);
        check_answers(n, ram, rams, root, 0);
        check_answers(n, ram, rams, root, 1);
        for (size_t k = 0; k < n->g->o.maps; k++) {
            const struct ptw_map_request *q = &n->g->map[k];
            uint64_t va = q->last.v & ~(page_bytes(n) - 1);
            unsigned rights = q->rights | w->mode.format->granted(&w->mode);
            struct oracle_answer a;

            if (!fz_one_half(w, q->first.v, q->last.v)) {
                continue; /* another half does */
            }
            a = oracle_translate(&w->mode, new_ram, 1, root[1], va);
            if (a.kind != ORACLE_LEAF ||
                a.pa + (va - a.first) != q->pa.v + (va - q->first.v) ||
                a.rights != (q->copy_on_write ? rights & ~(unsigned)PTW_WRITE
                                              : rights)) {
                fz_fail(ASK_GUEST, "the map %zu at %llx is %llx, rights %x", k,
                        HEX(va), HEX(a.pa), a.rights);
            }
        }
    }
    fz_turn_back(n->g->w);
}

bool fc_same(struct fc_guest *g, const struct fc_image *m,
             struct ptw_rebuild *rb, bool *unsure)
{
    struct naive n = {
        .g = g,
        .m = m,
        .rb = rb,
        .r = &g->w->regime,
        .levels = g->w->levels,
        .entry_bytes = g->w->entry_bytes,
        .flags = g->o.flags,
        .strict = rb != NULL,
        .tables = &notes[0],
        .whole = &notes[1],
        .pages = &notes[2],
        .news = &notes[3],
        .leaves = &notes[4],
        .lost = &notes[5],
        .frames = &notes[6],
        .turned = &notes[7],
        .kinds = &notes[8],
    };
    uint64_t shared;

    fc_plain = false;
    if ((n.flags & PTW_REBUILD_COPY_SHARED) != 0) {
        n.flags |= PTW_REBUILD_COPY_ON_WRITE;
    }
    begin_notes(m);
    if (n.strict || (n.flags & PTW_REBUILD_COPY_ON_WRITE) != 0) {
        check_spaces(&n);
    }
    shared = n.c.shared_writable;
    if (!n.unsure) {
        n.different = false;
        n.comparing = true;
        check_spaces(&n);
    }
    *unsure = n.unsure;
    if (n.strict && !n.unsure) {
        same_count("shared_writable", m->counts.shared_writable, shared);
        check_counts(&n);
        ask_oracle(&n);
        fc_plain = is_plain(&n);
    }
    return !n.different;
}

/* Whether memory has any page, whole, of what that leaf maps and is kept. */
static bool has_any(const struct naive *n, const struct leaf *l, unsigned level,
                    uint64_t va)
{
    uint64_t size = size_of(n, level);
    enum ptw_cover kept = fc_kept(n->g, va, va + (size - 1));
    enum ptw_cover cover = fc_cover(n->g, l->pa + (va - l->va), size);

    if (level == 0 || kept == PTW_COVER_NONE || cover == PTW_COVER_NONE) {
        return kept == PTW_COVER_ALL && cover == PTW_COVER_ALL;
    }
    for (uint64_t at = 0; at < size; at += size_of(n, level - 1)) {
        if (has_any(n, l, level - 1, va + at)) {
            return true;
        }
    }
    return false;
}

static bool is_marked(struct fc_guest *g, uint64_t table, uint64_t va)
{
    struct naive n = {.g = g, .entry_bytes = g->w->entry_bytes};

    for (unsigned level = g->w->levels; level-- > 0;) {
        unsigned i = (unsigned)(va >> shift_of(&n, level)) %
                     g->w->mode.format->level[level].entries;
        struct ptw_entry e;
        uint64_t raw;

        if (!fc_entry(g, table + (uint64_t)i * n.entry_bytes, n.entry_bytes,
                      &raw)) {
            return false;
        }
        e = ptw_decode(&g->w->regime, level, i, raw);
        if (e.kind == PTW_ENTRY_LEAF) {
            struct leaf l = {raw, e.pa.v, va, level, e.rights};

            return oracle_marked(&g->w->mode, level, raw) &&
                   va % size_of(&n, level) == 0 && has_any(&n, &l, level, va);
        }
        if (e.kind != PTW_ENTRY_TABLE || e.pa.v == table) {
            return false;
        }
        table = e.pa.v;
    }
    return false;
}

bool fc_marked(struct fc_guest *g, unsigned space, uint64_t va)
{
    bool is;

    fz_turn(g->w, space);
    is = is_marked(g, space < g->w->roots ? g->w->root[space] : 1, va);
    fz_turn_back(g->w);
    return is;
}

/* Tables of the guest, and the levels at which they were met, a bit each. */
struct met {
    uint64_t table[512];
    unsigned levels[512];
    unsigned tables;
};

/* At which levels that table was met, as far as it was; NULL: no more tables can be
 * noted. */
static unsigned *levels_of(struct met *met, uint64_t table)
{
    unsigned i = 0;

    while (i < met->tables && met->table[i] != table) {
        i++;
    }
    if (i == sizeof met->table / sizeof met->table[0]) {
        return NULL;
    }
    if (i == met->tables) {
        met->table[met->tables++] = table;
        met->levels[i] = 0;
    }
    return &met->levels[i];
}

/* Whether that table, or one below it, is met at a second level; an entry that
 * refers to its own table is not followed. */
static bool meets_again(const struct naive *n, struct met *met, uint64_t table,
                        unsigned level)
{
    unsigned *levels = levels_of(met, table);

    if (levels == NULL) {
        return true; /* it is not known */
    }
    if ((*levels >> level & 1) != 0) {
        return false;
    }
    *levels |= 1u << level;
    if ((*levels & (*levels - 1)) != 0) {
        return true;
    }
    for (unsigned k = 0; level > 0 && k < entries_of(n, level); k++) {
        struct ptw_entry e;
        uint64_t raw;

        if (!fc_entry(n->g, table + (uint64_t)k * n->entry_bytes,
                      n->entry_bytes, &raw)) {
            continue;
        }
        e = ptw_decode(n->r, level, k, raw);
        if (e.kind == PTW_ENTRY_TABLE && e.pa.v != table &&
            meets_again(n, met, e.pa.v, level - 1)) {
            return true;
        }
    }
    return false;
}

/* Whether the way down from that table leads to another one, at that level. */
static bool leads_to(const struct naive *n, struct met *met, uint64_t table,
                     unsigned level, uint64_t other, unsigned other_level)
{
    unsigned *levels = levels_of(met, table);
    bool found = levels == NULL; /* it is not known */

    if (level <= other_level || found || (*levels >> level & 1) != 0) {
        return found;
    }
    *levels |= 1u << level;
    for (unsigned k = 0; k < entries_of(n, level) && !found; k++) {
        struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
        uint64_t raw;

        if (fc_entry(n->g, table + (uint64_t)k * n->entry_bytes, n->entry_bytes,
                     &raw)) {
            e = ptw_decode(n->r, level, k, raw);
        }
        found = e.kind == PTW_ENTRY_TABLE &&
                ((e.pa.v == other && level - 1 == other_level) ||
                 leads_to(n, met, e.pa.v, level - 1, other, other_level));
    }
    return found;
}

bool fc_below_earlier(struct fc_guest *g, unsigned space)
{
    static struct met met;
    struct naive n = {
        .g = g, .r = &g->w->regime, .entry_bytes = g->w->entry_bytes};
    bool below = false;

    for (unsigned i = 0; i < space && space < g->w->roots && !below; i++) {
        met.tables = 0;
        turn_to(&n, i);
        below =
            leads_to(&n, &met, g->w->root[i], n.levels - 1, g->w->root[space],
                     fz_half_of(g->w, space)->levels - 1);
    }
    fz_turn_back(g->w);
    return below;
}

bool fc_two_levels(struct fc_guest *g)
{
    static struct met met;
    struct naive n = {.g = g,
                      .r = &g->w->regime,
                      .levels = g->w->levels,
                      .entry_bytes = g->w->entry_bytes};

    bool again = false;

    met.tables = 0;
    for (unsigned i = 0; i < g->w->roots && n.levels > 0 && !again; i++) {
        turn_to(&n, i);
        again = meets_again(&n, &met, g->w->root[i], n.levels - 1);
    }
    fz_turn_back(g->w);
    return again;
}

bool fc_mapped(struct fc_guest *g, unsigned which, uint64_t *pa)
{
    struct naive n = {.g = g, .levels = g->w->levels};
    const struct oracle_ram *old_ram = g->w->ram;
    size_t rams = g->w->rams;
    size_t pages = 0;
    size_t count;

    for (unsigned i = 0; i < g->w->roots && pages <= which; i++) {
        turn_to(&n, i);
        count = oracle_walk(&g->w->mode, old_ram, rams, g->w->root[i], 0,
                            UINT64_MAX, answer, ANSWERS);
        for (size_t k = 0; k < count && pages <= which; k++) {
            const struct oracle_answer *a = &answer[k];
            uint64_t at = which % ((a->last - a->first) / page_bytes(&n) + 1) *
                          page_bytes(&n);

            if (a->kind != ORACLE_LEAF ||
                fc_through_self(g->w, old_ram, rams, g->w->root[i], a)) {
                continue;
            }
            *pa = a->pa + at;
            pages++;
        }
    }
    fz_turn_back(g->w);
    return pages > 0;
}
