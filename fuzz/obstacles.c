/* SPDX-License-Identifier: Apache-2.0 */
#include "obstacles.h"

#include "check.h"

/* Tables that are looked at; of more, nobody can be sure. */
enum { MOST_TABLES = 1024 };

#define AS_SET(status) (1u << (status))

/* Each of these says that an edit can't be made for what is in the tables. */
enum {
    OF_TABLES =
        AS_SET(PTW_E_LARGE) | AS_SET(PTW_E_SHARED) | AS_SET(PTW_E_RIGHTS) |
        AS_SET(PTW_E_WIDTH) | AS_SET(PTW_BAD_ENTRY) | AS_SET(PTW_E_BUS) |
        AS_SET(PTW_E_READONLY) | AS_SET(PTW_E_SPACE) | AS_SET(PTW_E_LIMIT)
};

struct survey {
    const struct fe_host *h;
    const struct fz_case *w;
    const struct fe_record *q;
    enum fe_op op; /* a link is a protect here */
    struct fe_obstacles found;
    uint64_t first; /* offsets */
    uint64_t last;
    unsigned rights; /* that the path has to grant */
    bool counted;    /* who refers to tables is counted */
    bool movable;
    uint64_t reads;   /* of upper entries, and of leaves that are protected */
    unsigned tables;  /* looked at */
    bool unsure_tail; /* there were more */
};

static void found(struct survey *s, enum ptw_status st)
{
    s->found.may |= AS_SET(st);
    s->found.must |= AS_SET(st);
}

static void maybe(struct survey *s, enum ptw_status st)
{
    s->found.may |= AS_SET(st);
}

/* An entry of that table has to be written: the copy of a shared table can be,
 * and one that may move is written where the host leaves it.  Where a table is at
 * two levels, one that is not shared may be taken for shared, and be copied. */
static void has_to_be_written(struct survey *s, const struct fm_node *table,
                              unsigned level, bool shared)
{
    const struct fm_region *r =
        fm_region_of(&s->h->m, table->pa, fm_table_bytes(&s->h->m, level));
    enum ptw_status st = r == NULL ? PTW_E_BUS : PTW_E_READONLY;
    bool copied =
        s->counted && s->h->crooked && (s->q->flags & PTW_EDIT_UNSHARE) != 0;

    if (shared || (r != NULL && r->writable)) {
        return;
    }
    if (copied || (r != NULL && s->movable)) {
        maybe(s, st);
    } else {
        found(s, st);
    }
}

static bool can_be_read(const struct survey *s, uint64_t pa)
{
    unsigned bytes = s->h->m.entry_bytes;
    const struct fm_region *r = fm_region_of(&s->h->m, pa, bytes);

    return r != NULL && r->readable && !fm_refuses(&s->h->m, pa, bytes);
}

/* Whether the parts of a large leaf of that level are leaves of the level below,
 * whose entries can hold their addresses. */
static bool parts_fit(const struct survey *s, unsigned level, uint64_t pa)
{
    const struct oracle_mode *mode = &s->w->mode;
    uint64_t last = pa + (((uint64_t)1 << fz_shift(s->w, level)) - 1);
    unsigned bits = mode->format->leaf_pa_bits(mode, level - 1);

    return last >> bits == 0;
}

/* Whether a map can put one leaf there. */
static bool takes_large(const struct survey *s, unsigned level)
{
    const struct oracle_mode *mode = &s->w->mode;
    uint64_t span = ((uint64_t)1 << fz_shift(s->w, level)) - 1;

    return (s->q->flags & PTW_EDIT_LARGE) != 0 &&
           mode->format->large(mode, level) &&
           ((s->q->pa ^ s->first) & span) == 0;
}

/* Whether the last leaf of [first, last], part of a map below an entry of that
 * level, can hold its address.  It is as large as it may be. */
static bool last_leaf_fits(const struct survey *s, unsigned level,
                           uint64_t first, uint64_t last)
{
    const struct oracle_mode *mode = &s->w->mode;
    uint64_t span;

    for (;; level--) {
        span = ((uint64_t)1 << fz_shift(s->w, level)) - 1;
        if (level == 0 || (takes_large(s, level) && last - first >= span &&
                           ((last + 1) & span) == 0)) {
            break;
        }
    }
    return (s->q->pa + ((last & ~span) - s->first)) >>
               mode->format->leaf_pa_bits(mode, level) ==
           0;
}

/* Whether a leaf that reaches to the end of a map may hold its address, however
 * large it is. */
static bool end_may_fit(const struct survey *s)
{
    const struct oracle_mode *mode = &s->w->mode;
    uint64_t end = s->q->pa + (s->last - s->first);

    for (unsigned level = 0; level < s->w->levels; level++) {
        uint64_t span = ((uint64_t)1 << fz_shift(s->w, level)) - 1;

        if ((level == 0 || takes_large(s, level)) &&
            (end & ~span) >> mode->format->leaf_pa_bits(mode, level) == 0) {
            return true;
        }
    }
    return false;
}

/* An upper entry, for the addresses from `at` on, that leads to no table. */
static void survey_site(struct survey *s, const struct fm_node *table,
                        unsigned level, bool shared, uint64_t at,
                        const struct oracle_entry *e)
{
    uint64_t span = ((uint64_t)1 << fz_shift(s->w, level)) - 1;
    bool covered = at >= s->first && at + span <= s->last;
    bool whole = covered && (s->op != DO_MAP || takes_large(s, level));
    bool leaf = e->kind == ORACLE_MAPS;

    if (e->kind == ORACLE_NOT_PRESENT && s->op != DO_MAP) {
        return;
    }
    if (e->kind == ORACLE_RESERVED && (!whole || s->op == DO_PROTECT)) {
        found(s, PTW_BAD_ENTRY);
    }
    if (s->op != DO_UNMAP && (table->rights & s->rights) != s->rights) {
        found(s, PTW_E_RIGHTS);
    }
    if (leaf && !whole && (s->q->flags & PTW_EDIT_SPLIT) == 0) {
        found(s, PTW_E_LARGE);
    }
    if (leaf && !covered && (s->q->flags & PTW_EDIT_SPLIT) != 0 &&
        !parts_fit(s, level, e->pa)) {
        found(s, PTW_E_WIDTH);
    }
    if (s->op == DO_MAP &&
        !last_leaf_fits(s, level, at > s->first ? at : s->first,
                        at + span < s->last ? at + span : s->last)) {
        found(s, PTW_E_WIDTH);
    }
    has_to_be_written(s, table, level, shared);
}

/* A table of leaves. */
static void survey_leaves(struct survey *s, const struct fm_node *table,
                          uint64_t base, bool shared)
{
    const struct oracle_mode *mode = &s->w->mode;
    unsigned shift = fz_shift(s->w, 0);
    unsigned i = s->first > base ? (unsigned)((s->first - base) >> shift) : 0;

    if (s->op != DO_UNMAP && (table->rights & s->rights) != s->rights) {
        found(s, PTW_E_RIGHTS);
    }
    if (s->op == DO_MAP) {
        uint64_t end = base + (((uint64_t)fz_entries(s->w, 0) << shift) - 1);

        end = end < s->last ? end : s->last;
        if (!last_leaf_fits(s, 0, end, end)) {
            found(s, PTW_E_WIDTH);
        }
    }
    if (s->op != DO_PROTECT) {
        has_to_be_written(s, table, 0, shared);
        return;
    }
    for (; i < fz_entries(s->w, 0) && base + ((uint64_t)i << shift) <= s->last;
         i++) {
        uint64_t pa = table->pa + (uint64_t)i * s->h->m.entry_bytes;
        struct oracle_entry e;

        s->reads++;
        if (!can_be_read(s, pa)) {
            found(s, PTW_E_BUS);
            continue;
        }
        e = oracle_decode(
            mode, fm_load(&s->h->m, false, pa, s->h->m.entry_bytes), 0, i);
        if (e.kind == ORACLE_RESERVED) {
            found(s, PTW_BAD_ENTRY);
        } else if (e.kind != ORACLE_NOT_PRESENT) {
            has_to_be_written(s, table, 0, shared);
        }
    }
}

static bool is_shared(const struct survey *s, const struct fm_node *table)
{
    int number = fm_table(&s->h->m, table->pa);

    return s->counted && number >= 0 && s->h->m.table[number].refs > 1;
}

/* An edit goes into a table.  Returns false when it is refused there. */
static bool survey_entered(struct survey *s, const struct fm_node *table,
                           unsigned level, bool *shared)
{
    *shared = *shared || is_shared(s, table);
    if (s->counted && s->h->crooked) {
        maybe(s, PTW_E_SHARED);
    }
    if (*shared && (s->q->flags & PTW_EDIT_UNSHARE) == 0) {
        found(s, PTW_E_SHARED);
        return false;
    }
    if (*shared || (s->counted && s->h->crooked)) {
        /* The copy may be refused for what can't be read, and what it leads to
         * may have to be listed. */
        maybe(s, PTW_E_SPACE);
        if (!table->whole) {
            maybe(s, PTW_E_BUS);
        }
    } else if (s->movable) {
        has_to_be_written(s, table, level, false);
    }
    if (!*shared && s->movable && s->h->crooked) {
        maybe(s, PTW_E_READONLY); /* if it is not taken for shared */
        maybe(s, PTW_E_BUS);
    }
    return true;
}

/* A table of that level, whose first entry stands for `base`. */
static void survey_table(struct survey *s, const struct fm_node *table,
                         unsigned level, uint64_t base, bool shared)
{
    const struct oracle_mode *mode = &s->w->mode;
    unsigned shift = fz_shift(s->w, level);
    unsigned i = s->first > base ? (unsigned)((s->first - base) >> shift) : 0;

    if (s->tables++ >= MOST_TABLES) {
        s->unsure_tail = true;
        return;
    }
    if (!survey_entered(s, table, level, &shared)) {
        return;
    }
    if (level == 0) {
        survey_leaves(s, table, base, shared);
        return;
    }
    for (; i < fz_entries(s->w, level) &&
           base + ((uint64_t)i << shift) <= s->last;
         i++) {
        uint64_t pa = table->pa + (uint64_t)i * s->h->m.entry_bytes;
        uint64_t at = base + ((uint64_t)i << shift);
        struct oracle_entry e;
        struct fm_node below;

        s->reads++;
        if (!can_be_read(s, pa)) {
            found(s, PTW_E_BUS);
            continue;
        }
        e = mode->format->decode(
            mode, fm_load(&s->h->m, false, pa, s->h->m.entry_bytes), level);
        if (e.kind != ORACLE_TABLE) {
            survey_site(s, table, level, shared, at, &e);
            continue;
        }
        below = fm_child(&s->h->m, false, table, level, i);
        if (below.kind != FM_TABLE) {
            found(s, PTW_E_BUS);
            continue;
        }
        /* One that is copied, or becomes empty, is referred to in another
         * way. */
        if (is_shared(s, &below) ||
            (s->op == DO_UNMAP && (s->q->flags & PTW_EDIT_RECLAIM) != 0)) {
            has_to_be_written(s, table, level, shared);
        }
        survey_table(s, &below, level - 1, at, shared);
    }
}

/* What is wrong with the arguments. */
static void survey_arguments(struct survey *s, const struct ptw_tables *t)
{
    const struct fz_case *w = s->w;
    const struct fe_record *q = s->q;
    const struct oracle_mode *mode = &w->mode;
    uint64_t page = fz_page_bytes(w) - 1;
    uint64_t span = q->last - q->first;
    uint64_t root = s->h->m.root[q->root];

    if (q->first > q->last) {
        found(s, PTW_E_RANGE);
        span = 0;
    }
    if (((q->first | (q->last + 1)) & page) != 0 ||
        (s->op == DO_MAP && (q->pa & page) != 0) ||
        root % fm_table_bytes(&s->h->m, w->levels - 1) != 0) {
        found(s, PTW_E_ALIGN);
    }
    if (q->first <= q->last && !fz_one_half(w, q->first, q->last)) {
        found(s, PTW_NOT_CANONICAL);
    }
    if (fe_is_high(&s->h->m, root) || (root & mode->flag_bits) != 0) {
        found(s, PTW_E_WIDTH);
    }
    if (s->op == DO_MAP && q->pa > UINT64_MAX - span) {
        found(s, PTW_E_RANGE);
    } else if (s->op == DO_MAP &&
               (!end_may_fit(s) ||
                fz_meets_flag_bits(w, q->pa, q->pa + span))) {
        found(s, PTW_E_WIDTH);
    }
    if (s->op == DO_MAP
            ? !fz_can_map(w, q->rights, q->copy_on_write, q->grant_exec,
                          &q->attributes)
            : s->op != DO_UNMAP && !fz_can_grant(w, q->rights, q->grant_exec)) {
        found(s, PTW_E_RIGHTS);
    }
    if ((q->flags & PTW_EDIT_UNSHARE) != 0 && t->shares == NULL) {
        found(s, PTW_E_ARG);
    }
    if ((q->table_flags & ~mode->flag_bits) != 0) {
        maybe(s, PTW_E_ARG); /* one table of leaves may be all that it takes */
    }
}

struct fe_obstacles fe_find_obstacles(const struct fe_host *h,
                                      const struct fe_record *q,
                                      const struct ptw_tables *t, bool movable)
{
    const struct fz_case *w = h->w;
    uint64_t mask = oracle_offset(&w->mode, UINT64_MAX);
    struct survey s = {
        .h = h,
        .w = w,
        .q = q,
        .op = q->op == DO_LINK ? DO_PROTECT : q->op,
        .first = q->first & mask,
        .last = q->last & mask,
        .rights = fz_granted(w, q->copy_on_write && q->op == DO_MAP
                                    ? q->rights & ~(unsigned)PTW_WRITE
                                    : q->rights),
        .counted = t->shares != NULL,
        .movable = movable,
    };
    struct fm_node root = fm_open_root(&h->m, h->m.root[q->root]);
    unsigned arguments;

    survey_arguments(&s, t);
    arguments = s.found.must;
    if (arguments != 0) {
        s.found.before = true;
        return s.found;
    }
    if (root.kind != FM_TABLE) {
        found(&s, PTW_E_BUS);
        return s.found;
    }
    survey_table(&s, &root, w->levels - 1, 0, false);
    if (q->max_reads != 0 && s.reads > q->max_reads) {
        found(&s, PTW_E_LIMIT);
    }
    if (h->movable || q->list != 0 || s.unsure_tail) {
        maybe(&s, PTW_E_LIMIT);
    }
    s.found.many = s.unsure_tail;
    if (s.unsure_tail) {
        s.found.may |= OF_TABLES;
    } else if (!movable && q->list == 0 && s.found.must == 0) {
        s.found.reads = s.reads;
    }
    if (q->list != 0) {
        s.found.must = 0; /* of the pages between, nothing is asked */
    }
    return s.found;
}

/* -------------------------------------------------------------------- links */

/* Regions that are looked at; of more, nobody can be sure. */
enum { MOST_REGIONS = 1024 };

/* The way from a root of so many levels to the entry of that level for an offset.
 * Returns what that entry says, or the one above it that ends the way; *table is
 * its table. */
static struct oracle_entry survey_way(struct survey *s, uint64_t root,
                                      unsigned levels, uint64_t offset,
                                      unsigned to, bool ours,
                                      struct fm_node *table, unsigned *level,
                                      bool *shared)
{
    const struct oracle_mode *mode = &s->w->mode;
    struct oracle_entry e = {ORACLE_NOT_PRESENT, 0, 0};

    *table = fm_at_from(&s->h->m, false, levels, root, offset, levels);
    if (to == levels) {
        if (table->kind != FM_TABLE) {
            found(s, PTW_E_BUS);
        }
        e.kind = ORACLE_TABLE;
        *level = to;
        return e;
    }
    for (*level = levels - 1;; --*level) {
        unsigned i = (unsigned)(offset >> fz_shift(s->w, *level)) &
                     (fz_entries(s->w, *level) - 1);
        uint64_t pa = table->pa + (uint64_t)i * s->h->m.entry_bytes;

        if (table->kind != FM_TABLE) {
            found(s, PTW_E_BUS);
            return e;
        }
        if (ours && !survey_entered(s, table, *level, shared)) {
            return e;
        }
        s->reads += ours;
        if (!can_be_read(s, pa)) {
            found(s, PTW_E_BUS);
            return e;
        }
        e = mode->format->decode(
            mode, fm_load(&s->h->m, false, pa, s->h->m.entry_bytes), *level);
        if (*level == to || e.kind != ORACLE_TABLE) {
            return e;
        }
        *table = fm_child(&s->h->m, false, table, *level, i);
        if (ours && is_shared(s, table)) {
            maybe(s, PTW_E_READONLY); /* the entry leads to the copy then */
            maybe(s, PTW_E_BUS);
        }
    }
}

static void survey_region(struct survey *s, const struct fe_link *link,
                          uint64_t i)
{
    uint64_t at = i << fz_shift(s->w, link->level);
    struct fm_node table;
    unsigned level;
    bool shared = false;
    struct oracle_entry target =
        survey_way(s, link->owner, link->levels, link->theirs + at, link->level,
                   false, &table, &level, &shared);
    struct oracle_entry ours;

    if (target.kind == ORACLE_MAPS) {
        found(s, PTW_E_LARGE);
    } else if (target.kind == ORACLE_RESERVED) {
        found(s, PTW_BAD_ENTRY);
    }
    ours = survey_way(s, link->root, s->w->levels, link->first + at,
                      link->level, true, &table, &level, &shared);
    if (ours.kind == ORACLE_MAPS) {
        found(s, PTW_E_LARGE);
    } else if (ours.kind == ORACLE_RESERVED && level > link->level) {
        found(s, PTW_BAD_ENTRY);
    }
    if (target.kind == ORACLE_TABLE) {
        maybe(s, PTW_E_SPACE); /* it may have to be listed */
        if ((table.rights & link->rights) != link->rights) {
            maybe(s, PTW_E_RIGHTS);
        }
    }
    if (target.kind == ORACLE_TABLE || level == link->level) {
        has_to_be_written(s, &table, level, shared);
    }
    if (ours.kind == ORACLE_TABLE && level == link->level) {
        maybe(s, PTW_E_IN_USE); /* see fm_loses */
        maybe(s, PTW_E_BUS);    /* whether it is empty */
    }
}

struct fe_obstacles fe_find_link_obstacles(const struct fe_host *h,
                                           const struct fe_link *link,
                                           bool movable)
{
    struct fe_record q = {.flags = link->flags};
    struct survey s = {
        .h = h,
        .w = h->w,
        .q = &q,
        .op = DO_LINK,
        .rights = link->rights,
        .counted = true,
        .movable = movable,
    };

    if (link->owner % link->bytes != 0) {
        found(&s, PTW_E_ALIGN);
    }
    if (fe_is_high(&h->m, link->owner) ||
        (link->owner & h->w->mode.flag_bits) != 0) {
        found(&s, PTW_E_WIDTH);
    }
    if (s.found.must != 0) {
        return s.found;
    }
    for (uint64_t i = 0; i < link->regions && i < MOST_REGIONS; i++) {
        survey_region(&s, link, i);
    }
    if (link->max_reads != 0 && s.reads > link->max_reads) {
        maybe(&s, PTW_E_LIMIT);
    }
    s.found.many = link->regions > MOST_REGIONS;
    if (s.found.many) {
        s.found.may |= OF_TABLES | AS_SET(PTW_E_IN_USE);
    }
    return s.found;
}
