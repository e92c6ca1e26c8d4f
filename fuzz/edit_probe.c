/* SPDX-License-Identifier: Apache-2.0 */
#include "edit_probe.h"

#define HEX(v) ((unsigned long long)(v))

/* ------------------------------------------------------------------- a list */

/* The pages of a list stand in no order.  Before them come some of the same
 * addresses, which lead elsewhere: those behind count. */
enum { TWINS = 2 };

static struct ptw_page page[FE_LIST + TWINS];

static unsigned twins_of(const struct fe_record *q)
{
    return q->list > TWINS ? TWINS : 0;
}

/* Which page of the range the i-th of the list is. */
static uint64_t place_of(const struct fe_record *q, uint64_t i)
{
    unsigned twins = twins_of(q);

    i = i < twins ? i + 1 : i - twins;
    /* A prime above all numbers of pages. */
    return i * 7919 % q->list * q->apart * q->page_bytes;
}

static uint64_t frame_of(const struct fe_record *q, uint64_t i)
{
    return q->pa + place_of(q, i < twins_of(q) ? q->list - 1 : i);
}

static size_t make_list(const struct fe_record *q)
{
    size_t pages = (size_t)q->list + twins_of(q);

    for (size_t i = 0; i < pages; i++) {
        page[i].va.v = q->first + place_of(q, i);
        page[i].pa.v = frame_of(q, i);
        page[i].next = 0;
    }
    return pages;
}

static enum ptw_status map_list(struct ptw_movable_tables *mt, bool movable,
                                const struct fe_record *q, size_t pages,
                                size_t *refused)
{
    struct ptw_map_many_request many = {
        .page = page,
        .pages = pages,
        .size_log2 = q->list_log2,
        .rights = q->rights,
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .flags = q->flags | fe_exec_flag(q),
        .max_reads = q->max_reads,
    };

    *refused = SIZE_MAX;
    return movable ? ptw_map_many_movable(mt, &many, refused)
                   : ptw_map_many(&mt->tables, &many, refused);
}

/* A page of a list as a map of its own. */
static struct fe_record alone(const struct fe_record *q, size_t i)
{
    struct fe_record one = *q;

    one.list = 0;
    one.first = page[i].va.v;
    one.last = one.first + (q->page_bytes - 1);
    one.pa = page[i].pa.v;
    return one;
}

/* What stands in the way of a page of a list by itself. */
static struct fe_obstacles page_obstacles(const struct fe_host *h,
                                          const struct ptw_tables *t,
                                          const struct fe_record *q,
                                          bool movable, size_t i)
{
    struct fe_record one = alone(q, i);
    struct fe_obstacles o = fe_find_obstacles(h, &one, t, movable);

    if (((one.first | one.pa) & (q->page_bytes - 1)) != 0) {
        o.may |= 1u << PTW_E_ALIGN;
        o.must |= 1u << PTW_E_ALIGN;
        o.before = true;
    }
    return o;
}

/* What a list has to say: the first page that is refused for what it is, or else
 * the first one that is refused for the tables. */
struct verdict {
    bool refuses;
    size_t page;
    unsigned may;  /* what it says then */
    bool before;   /* before tables are looked at */
    bool unsure;   /* a page before that one may be refused */
    unsigned ever; /* what any page may say */
};

static struct verdict verdict_of(const struct fe_host *h,
                                 const struct ptw_tables *t,
                                 const struct fe_record *q, bool movable,
                                 size_t pages)
{
    struct verdict v = {false, 0, 0, false, false, 0};

    for (size_t i = 0; i < pages; i++) {
        struct fe_obstacles o = page_obstacles(h, t, q, movable, i);

        /* The limit is that of the list: whatever stands behind it in the way
         * of this page may not be seen. */
        if ((o.must >> PTW_E_LIMIT & 1) != 0 && !o.before) {
            o.must = 0;
        }
        v.ever |= o.may;
        if (o.must != 0 && (!v.refuses || (o.before && !v.before))) {
            v = (struct verdict){true, i, o.may, o.before, v.unsure, v.ever};
        } else if (o.may != 0 && !v.refuses) {
            v.unsure = true;
        }
    }
    return v;
}

/* Statuses for which no single page is to blame. */
static bool is_of_all(enum ptw_status st)
{
    return st == PTW_E_ARG || st == PTW_E_LIMIT || st == PTW_E_SPACE ||
           st == PTW_E_CHANGED;
}

static void check_verdict(const struct fe_host *h, const struct verdict *v,
                          bool movable, size_t pages, size_t refused,
                          enum ptw_status st)
{
    bool high = st == PTW_E_WIDTH && h->high >= 0;
    /* A table that was asked to move, and stays where it can't be written. */
    bool stays = movable && st == PTW_E_READONLY && (v->ever >> st & 1) != 0;

    if (st == PTW_OK) {
        if (v->refuses) {
            fz_fail(ASK_STATUS,
                    "page %zu of a list has to be refused by %x, and all are "
                    "mapped",
                    v->page, v->may);
        }
        return;
    }
    if (refused > pages || (is_of_all(st) && refused != pages)) {
        fz_fail(ASK_STATUS, "page %zu of a list of %zu is refused: %s", refused,
                pages, ptw_status_text(st));
        return;
    }
    if (refused == pages) {
        if ((!is_of_all(st) && !high && !stays && !h->refused) ||
            (v->refuses && v->before && st != PTW_E_ARG)) {
            fz_fail(ASK_STATUS, "no page of a list is refused, and it says: %s",
                    ptw_status_text(st));
        }
        return;
    }
    if (v->unsure && !v->before) {
        if ((v->ever >> st & 1) == 0) {
            fz_fail(ASK_STATUS, "page %zu of a list is refused: %s", refused,
                    ptw_status_text(st));
        }
        return;
    }
    if (!v->refuses || refused != v->page || (v->may >> st & 1) == 0) {
        fz_fail(ASK_STATUS,
                "page %zu of a list, at %llx, is refused: %s; and not page "
                "%zu by %x",
                refused, HEX(page[refused].va.v), ptw_status_text(st), v->page,
                v->may);
    }
}

void fe_check_list(struct fe_host *h, struct ptw_movable_tables *mt,
                   const struct fe_record *q, bool movable, size_t refused,
                   enum ptw_status st)
{
    size_t pages = (size_t)q->list + twins_of(q);
    struct verdict v;

    for (size_t i = 0; i < pages; i++) {
        if (page[i].va.v != q->first + place_of(q, i) ||
            page[i].pa.v != frame_of(q, i)) {
            fz_fail(ASK_ASKED, "page %zu of a list is another one now", i);
        }
    }
    /* Of one that was made the tables are others now. */
    if (!h->restless && !h->tainted && st != PTW_OK && h->moved == 0) {
        v = verdict_of(h, &mt->tables, q, movable, pages);
        check_verdict(h, &v, movable, pages, refused, st);
    }
}

/* -------------------------------------------------------------------- a call */

enum ptw_status fe_call(struct ptw_movable_tables *mt,
                        const struct fe_record *q, bool movable,
                        size_t *refused)
{
    struct ptw_tables *t = &mt->tables;
    unsigned flags = q->flags | fe_exec_flag(q);
    struct ptw_map_request m = {
        .first = {q->first},
        .last = {q->last},
        .pa = {q->pa},
        .rights = q->rights,
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .flags = flags,
        .max_reads = q->max_reads,
    };
    struct ptw_range_request r = {
        {q->first}, {q->last}, q->rights, flags, q->max_reads};

    *refused = 0;
    switch (q->op) {
    case DO_MAP:
        if (q->list != 0) {
            return map_list(mt, movable, q, make_list(q), refused);
        }
        return movable ? ptw_map_movable(mt, &m) : ptw_map(t, &m);
    case DO_UNMAP:
        return movable ? ptw_unmap_movable(mt, &r) : ptw_unmap(t, &r);
    case DO_PROTECT:
    case DO_LINK:
        break;
    }
    return movable ? ptw_protect_movable(mt, &r) : ptw_protect(t, &r);
}

/* ----------------------------------------------------------------- variation */

/* Of many tables: an entry may cost a copy of a table, in each pass. */
enum { MANY_READS = 1024 };

/* What is varied. */
enum part {
    OF_FIRST,
    OF_LAST,
    OF_BOTH, /* the range moves */
    OF_FRAME,
    OF_RIGHTS,
    OF_FLAGS,
    OF_TYPE,
    OF_KEY,
    OF_FLAG_BITS,
    OF_ROOT,
    OF_READS,
    OF_SIZE, /* a list: of its pages */
    OF_PAGE, /* a list: one of them */
    PARTS
};

/* A bit of an address; one of those that have to be 0 in one of a page of that
 * size is as likely as any other. */
static uint64_t some_bit(uint64_t page_bytes, uint64_t r)
{
    unsigned bits = 64;

    for (; (r & 1) != 0 && page_bytes >> (bits - 1) == 0; bits--) {
    }

    return (uint64_t)1 << (r >> 1) % bits;
}

static void vary(const struct fz_case *w, struct fe_record *q, enum part part,
                 uint64_t r, uint64_t reads)
{
    uint64_t bit = some_bit(w->page_bytes, r);

    switch (part) {
    case OF_FIRST:
        q->first ^= bit;
        break;
    case OF_LAST:
        q->last ^= bit;
        break;
    case OF_BOTH:
        q->first ^= bit;
        q->last ^= bit;
        break;
    case OF_FRAME:
        q->pa ^= bit;
        break;
    case OF_RIGHTS:
        q->rights ^= 1u << r % 7;
        break;
    case OF_FLAGS:
        q->flags ^= 1u << r % 4;
        break;
    case OF_TYPE:
        q->attributes.memory_type ^= 1u << r % 5;
        break;
    case OF_KEY:
        q->attributes.key ^= 1u << r % 6;
        break;
    case OF_FLAG_BITS:
        q->attributes.flag_bits ^= bit;
        break;
    case OF_READS:
        /* One less than it takes, or any number. */
        q->max_reads = reads <= 1     ? q->max_reads
                       : (r & 1) != 0 ? reads - 1
                                      : 1 + (r >> 1) % (reads - 1);
        break;
    case OF_SIZE:
    case OF_PAGE:
    case OF_ROOT:
    case PARTS:
        break;
    }
}

/* A call that was refused: nothing is another one than before, and nothing was
 * asked of the host. */
static void check_nothing_happened(const struct fe_host *h,
                                   const struct ptw_tables *t, uint64_t root,
                                   enum ptw_status st)
{
    uint64_t pa;

    if (h->takes != 0 || h->moves != 0 || h->given_back != 0 ||
        t->root.table.v != root) {
        fz_fail(ASK_UNCHANGED, "an edit that is refused (%s) asks for tables",
                ptw_status_text(st));
    }
    if (!fm_same_bytes(&h->m, &pa)) {
        fz_fail(ASK_UNCHANGED, "an edit that is refused (%s) changed %llx",
                ptw_status_text(st), HEX(pa));
    }
}

uint64_t fe_read_limit(uint64_t max_reads, const struct fe_obstacles *o)
{
    return o->many && (max_reads == 0 || max_reads > MANY_READS) ? MANY_READS
                                                                 : max_reads;
}

static void probe(struct fe_host *h, struct ptw_movable_tables *mt,
                  const struct fe_record *q, bool movable, enum part part,
                  uint64_t bit)
{
    struct ptw_tables *t = &mt->tables;
    uint64_t *root = &h->m.root[q->root];
    uint64_t was = *root;
    struct fe_obstacles o;
    enum ptw_status st;
    size_t refused;

    *root ^= part == OF_ROOT ? bit : 0;
    t->root.table.v = *root;
    o = fe_find_obstacles(h, q, t, movable);
    if (o.must != 0) {
        struct fe_record limited = *q;

        limited.max_reads = fe_read_limit(q->max_reads, &o);
        st = fe_call(mt, &limited, movable, &refused);
        if ((o.may >> st & 1) == 0) {
            fz_fail(ASK_STATUS,
                    "operation %d on %llx to %llx at %llx, rights %x, flags "
                    "%x, root %llx, %llu reads: %s; it must fail by %x",
                    (int)q->op, HEX(q->first), HEX(q->last), HEX(q->pa),
                    q->rights, q->flags, HEX(*root), HEX(q->max_reads),
                    ptw_status_text(st), o.must);
        }
        check_nothing_happened(h, t, *root, st);
    }
    *root = was;
    t->root.table.v = was;
}

/* Pages of a size that leaves don't have. */
static void probe_size(struct fe_host *h, struct ptw_movable_tables *mt,
                       const struct fe_record *q, bool movable, uint64_t r)
{
    const struct oracle_mode *mode = &h->w->mode;
    struct fe_record other = *q;
    size_t pages = make_list(q);
    size_t refused;
    enum ptw_status st;

    /* Sizes of levels that have no leaves, and those beside them. */
    other.list_log2 =
        (r & 1) == 0
            ? 1 + (unsigned)(r >> 1) % 63
            : fz_shift(h->w, (unsigned)(r >> 1 & 0xFF) % h->w->levels) +
                  (unsigned)(r >> 9) % 3 - 1;
    for (unsigned level = 0; level < h->w->levels; level++) {
        if (other.list_log2 == fz_shift(h->w, level) &&
            (level == 0 || mode->format->large(mode, level))) {
            return;
        }
    }
    st = map_list(mt, movable, &other, pages, &refused);
    if (st != PTW_E_ARG || refused != pages) {
        fz_fail(ASK_STATUS, "a list of pages of 2^%u bytes, of which %zu: %s",
                other.list_log2, refused, ptw_status_text(st));
    }
    check_nothing_happened(h, &mt->tables, h->m.root[q->root], st);
}

/* How many entries a list of smallest pages reads at least, in the way of which
 * nothing stands: of each level, those that lead to its pages, each once. */
static uint64_t list_reads(const struct fe_host *h, const struct ptw_tables *t,
                           const struct fe_record *q, bool movable,
                           size_t pages)
{
    static uint64_t seen[ORACLE_MOST_LEVELS * (FE_LIST + TWINS)];
    uint64_t reads = 0;

    for (size_t i = 0; i < pages; i++) {
        uint64_t mine = page_obstacles(h, t, q, movable, i).reads;

        for (unsigned level = h->w->levels; level-- > 0 && mine > 0; mine--) {
            uint64_t key = (page[i].va.v >> fz_shift(h->w, level)) << 4 | level;
            uint64_t k = 0;

            while (k < reads && seen[k] != key) {
                k++;
            }
            seen[k] = key;
            reads += k == reads;
        }
    }
    return reads;
}

/* A list that may read less than that. */
static void probe_list_reads(struct fe_host *h, struct ptw_movable_tables *mt,
                             const struct fe_record *q, bool movable,
                             uint64_t r)
{
    struct fe_record other = *q;
    size_t pages = make_list(q);
    struct verdict v = verdict_of(h, &mt->tables, q, movable, pages);
    uint64_t reads = list_reads(h, &mt->tables, q, movable, pages);
    size_t refused;
    enum ptw_status st;

    if (q->page_bytes != h->w->page_bytes || v.ever != 0 || reads < 2) {
        return;
    }
    other.max_reads = (r & 1) != 0 ? reads - 1 : 1 + (r >> 1) % (reads - 1);
    st = map_list(mt, movable, &other, pages, &refused);
    if (st != PTW_E_LIMIT || refused != pages) {
        fz_fail(ASK_STATUS,
                "a list may read %llu entries, and reads %llu: %s, page %zu",
                HEX(other.max_reads), HEX(reads), ptw_status_text(st), refused);
    }
    check_nothing_happened(h, &mt->tables, h->m.root[q->root], st);
}

/* One page of a list is another one. */
static void probe_page(struct fe_host *h, struct ptw_movable_tables *mt,
                       const struct fe_record *q, bool movable, uint64_t r)
{
    size_t pages = make_list(q);
    size_t i = (size_t)(r >> 32) % pages;
    uint64_t bit = some_bit(q->page_bytes, r);
    struct verdict v;
    size_t refused;
    enum ptw_status st;

    *((r >> 16 & 1) != 0 ? &page[i].va.v : &page[i].pa.v) ^= bit;
    v = verdict_of(h, &mt->tables, q, movable, pages);
    if (!v.refuses) {
        return;
    }
    st = map_list(mt, movable, q, pages, &refused);
    check_verdict(h, &v, movable, pages, refused, st);
    check_nothing_happened(h, &mt->tables, h->m.root[q->root], st);
}

void fe_probe(struct fe_host *h, struct ptw_movable_tables *mt,
              const struct fe_record *q, bool movable,
              const struct fe_obstacles *o)
{
    unsigned probes = h->w->thorough ? PARTS : 1;
    uint64_t random = h->w->seed ^ q->first ^ q->last * 3 ^ (uint64_t)q->op;

    for (unsigned i = 0; i < probes && !h->restless; i++) {
        uint64_t r = fz_random(&random);
        enum part part = h->w->thorough ? (enum part)i : r % PARTS;
        struct fe_record other = *q;

        r >>= 8;
        if (part == OF_SIZE || part == OF_PAGE) {
            if (q->list != 0) {
                (part == OF_SIZE ? probe_size : probe_page)(h, mt, q, movable,
                                                            r);
            }
            continue;
        }
        if (part == OF_READS && q->list != 0) {
            probe_list_reads(h, mt, q, movable, r);
            continue;
        }
        vary(h->w, &other, part, r, o->reads);
        other.list = 0;
        probe(h, mt, &other, movable, part, some_bit(h->w->page_bytes, r));
    }
}

uint64_t fe_least_reads(const struct fe_host *h, const struct fe_record *q,
                        bool movable, const struct fe_obstacles *o)
{
    bool known = !movable && !h->restless && h->w->thorough && o->reads != 0;

    return known && (q->max_reads == 0 || q->max_reads > o->reads)
               ? o->reads
               : q->max_reads;
}
