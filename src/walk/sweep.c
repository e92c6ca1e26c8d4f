/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep of tables of leaves, which are nearly all of the work.
 *
 * It takes a block of entries at a time.  A kernel (blocks.h) loads the block
 * and answers with two masks: which entries are present, and which follow the
 * entry before them.  In a walk for runs, an entry follows that is the one
 * before plus a step, in all bits but those that need not be alike; in a walk
 * for leaves, one that is alike in all bits beside the address.  So the entries
 * fall into stretches, and what holds of the first one holds of all: it alone
 * is decoded, and it only where it differs from the first one of an earlier
 * stretch in more than its address.
 *
 * The kernel and the format say nothing else to each other: one sweep serves
 * all formats, and the rare decoding is a call. */
#include "sweep.h"
#include "hash.h"

enum mode { RUNS, LEAVES, LINES };

/* What stays as it is for the time of a sweep. */
struct field {
    struct ptw_walk *w;
    const struct ptw_format *a;
    const struct ptw_regime *r;
    uint64_t base;   /* address of entry 0 of the table */
    unsigned shift;  /* log2 of the bytes of a page, */
    unsigned step;   /* and of the step from one entry to the next */
    unsigned rights; /* of the path */
    enum mode mode;  /* a constant */
    const struct ptw_kernels *k;
};

/* What the sweep knows of kinds of leaves: where neighbours differ, it is mostly
 * by turns. */
struct kinds {
    const struct ptw_leaf_kind *last;   /* the one asked for last, or NULL, */
    const struct ptw_leaf_kind *before; /* and the one before that, or NULL */
    const struct ptw_leaf_kind *open;   /* of the last leaf of the open run, or
                                           NULL */
};

/* How the open run goes on: the entry that follows, and how many leaves there
 * may be from it on before an address carries into bits that are not the
 * address's. */
struct expected {
    uint64_t raw;
    uint64_t left; /* 0: the open run does not go on, or there is none */
};

static uint64_t page_at(const struct field *f, unsigned index)
{
    return f->base + ((uint64_t)index << f->shift);
}

static bool is_alike(const struct field *f, const struct ptw_leaf_kind *j,
                     uint64_t raw)
{
    return ((raw ^ j->raw) & f->r->plain_alike) == 0;
}

/* The first of the two places where there may be leaves like raw; the other one
 * is beside it. */
static unsigned place_of(const struct field *f, uint64_t raw)
{
    return (unsigned)ptw_scatter(raw & f->r->plain_alike, PTW_LEAF_KINDS_LOG2);
}

static bool is_at(const struct field *f, unsigned place, uint64_t raw)
{
    return (f->w->kinds_known >> place & 1) != 0 &&
           is_alike(f, &f->w->kind[place], raw);
}

/* What is known of leaves like raw, or NULL: the last ones, those before them,
 * which is most of it, or others. */
PTW_ENGINE const struct ptw_leaf_kind *known_kind(const struct field *f,
                                                  struct kinds *k, uint64_t raw)
{
    const struct ptw_leaf_kind *last = k->last;

    if (PTW_LIKELY(last != NULL && is_alike(f, last, raw))) {
        return last;
    }
    if (k->before != NULL && is_alike(f, k->before, raw)) {
        k->last = k->before;
    } else {
        unsigned place = place_of(f, raw);

        if (!is_at(f, place, raw)) {
            place ^= 1;
            if (!is_at(f, place, raw)) {
                return NULL;
            }
        }
        k->last = &f->w->kind[place];
    }
    k->before = last;
    return k->last;
}

/* The leaf raw, which grants these rights, and those by itself, stands for
 * those like it. */
static void learn_kind(const struct field *f, struct kinds *k, uint64_t raw,
                       unsigned rights, unsigned alone)
{
    unsigned place = place_of(f, raw);
    struct ptw_leaf_kind *j;

    place ^= f->w->kinds_known >> place & 1;
    j = &f->w->kind[place];
    j->raw = raw;
    j->rights = rights;
    j->alone = alone;
    j->leaf_class =
        f->mode == RUNS ? f->a->leaf_class(f->r, f->rights, raw, 0) : 0;
    f->w->kinds_known |= 1u << place;
    k->before = k->last != j ? k->last : NULL;
    k->last = j;
}

/* Whether leaves of both kinds can be of one run. */
PTW_ENGINE bool is_run_of(const struct field *f, const struct ptw_leaf_kind *a,
                          const struct ptw_leaf_kind *b)
{
    return a == b ||
           (a->rights == b->rights && a->leaf_class == b->leaf_class &&
            (!f->w->c.list || a->alone == b->alone));
}

/* ------------------------------------------------------------------- hints */

/* How many tables ahead the first lines of a table are fetched into the cache,
 * and how many bytes of it.  From there on the host's own prefetching follows
 * the sweep; what it does not do is to begin with a table. */
enum { TABLES_AHEAD = 8, HOST_LINE = 64, BYTES_AHEAD = 8 * HOST_LINE };

/* Where the table lies that entry `index` of the table above leads to; NULL: it
 * leads to none, or that is no direct memory. */
static const unsigned char *led_to(struct ptw_walk *w, unsigned index)
{
    const struct ptw_regime *r = w->c.regime;
    const struct ptw_format *a = r->arch->format;
    struct ptw_entry e =
        a->decode(r, *ptw_slot(&w->window, 1, index), 1, index);
    const struct ptw_region *region;

    if (e.kind != PTW_ENTRY_TABLE) {
        return NULL;
    }
    region = ptw_find_range(w->c.mem, e.pa.v, ptw_table_bytes(a, r, 0));
    return region != NULL && region->host != NULL ? ptw_host(region, e.pa.v)
                                                  : NULL;
}

void ptw_look_ahead(struct ptw_walk *w)
{
    const struct ptw_path_table *up = &w->c.at[1];
    const struct ptw_format *a = w->c.regime->arch->format;
    uint64_t bytes = ptw_table_bytes(a, w->c.regime, 0);
    unsigned next;
    unsigned end;

    if (w->ahead_of == w->c.at[0].table && w->ahead != NULL) {
        return;
    }
    w->ahead_of = w->c.at[0].table;
    w->ahead = NULL;
    if (a->levels < 2 || w->c.top == 0) {
        return;
    }
    next = up->index + 1u;
    for (unsigned i = next; i < up->fetched && w->ahead == NULL; i++) {
        w->ahead = led_to(w, i);
    }
    end = next + TABLES_AHEAD < up->fetched ? next + TABLES_AHEAD : up->fetched;
    if (w->hinted_of != up->table || w->hinted < next || w->hinted > end) {
        w->hinted_of = up->table;
        w->hinted = next;
    }
    for (; w->hinted < end; w->hinted++) {
        const unsigned char *host = led_to(w, w->hinted);

        for (unsigned at = 0; host != NULL && at < BYTES_AHEAD && at < bytes;
             at += HOST_LINE) {
            __builtin_prefetch(host + at);
        }
    }
}

/* ------------------------------------------------------------------- blocks */

/* What the kernels are asked, but for where: ask_from says that. */
static struct ptw_question question(const struct field *f)
{
    bool runs = f->mode == RUNS;
    struct ptw_question q = {
        .step = runs ? (uint64_t)1 << f->step : 0,
        .alike = runs ? f->r->rule[0].alike : f->r->plain_alike,
        .present = (unsigned)__builtin_ctzll(f->a->present),
    };

    return q;
}

/* It is asked of the entries from index on; the one before them is to be taken
 * for `before`. */
PTW_ENGINE void ask_from(const struct field *f, struct ptw_question *q,
                         unsigned index, uint64_t before)
{
    const struct ptw_walk *w = f->w;

    q->before = before;
    q->ahead = ptw_entry_host(
        f->a, w->ahead != NULL ? w->ahead : w->c.at[0].host, index);
}

/* Gives the entries of the window from index on, n of them, their masks.
 * joined: the first one may follow what is expected. */
static void put_masks(struct ptw_walk *w, unsigned index, unsigned n,
                      struct ptw_masks m, bool joined)
{
    unsigned at = index % PTW_LEAF_WINDOW;

    w->present = m.present << at;
    w->follows = (joined ? m.follows : m.follows & ~(uint64_t)1) << at;
    w->masked = index + n;
}

/* Fetches a block of whole lines from index on; before: what the entry before
 * it is like, if anything.  Returns how many entries that are; 0: there is no
 * whole line, or it is not to be read. */
PTW_ENGINE unsigned fetch_block(const struct field *f, struct ptw_question *q,
                                unsigned index, bool joined, uint64_t before)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    unsigned at = index % PTW_LEAF_WINDOW;
    unsigned n = t->last + 1u - index;

    n = n < PTW_LEAF_WINDOW - at ? n : PTW_LEAF_WINDOW - at;
    n = n < w->c.reads_left ? n : (unsigned)w->c.reads_left;
    if (index % PTW_LINE != 0 || n < PTW_LINE) {
        return 0;
    }
    n -= n % PTW_LINE;
    w->c.reads_left -= n;
    ask_from(f, q, index, before);
    put_masks(w, index, n,
              f->k->block(q, ptw_entry_host(f->a, t->host, index), n / PTW_LINE,
                          &w->window.leaf[at]),
              joined);
    return n;
}

_Static_assert((int)PTW_LEAF_WINDOW == (int)PTW_BLOCK,
               "a mask has a bit for each slot");

enum { LONG_RUN = 64 };

/* Lets the open run, if it is long, go on by whole lines from index on.
 * Returns how many entries those are; if the line behind them was fetched,
 * *fetched says how far it reaches. */
static PTW_APART unsigned long_run(const struct field *f,
                                   struct ptw_question *q, struct ptw_sink *out,
                                   unsigned index, struct expected *x,
                                   unsigned *fetched)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    uint64_t line[PTW_LINE];
    uint64_t n = t->last + 1u - index;
    unsigned lines;
    unsigned done;

    n = n < w->c.reads_left ? n : w->c.reads_left;
    n = n < x->left ? n : x->left;
    lines = (unsigned)(n / PTW_LINE);
    if (lines == 0 || index % PTW_LINE != 0) {
        return 0;
    }
    ask_from(f, q, index, x->raw - q->step);
    done = f->k->run(q, ptw_entry_host(f->a, t->host, index), lines, line);
    w->c.reads_left -= (uint64_t)done * PTW_LINE;
    out->open->last.v += (uint64_t)done * PTW_LINE << f->shift;
    x->raw += (uint64_t)done * PTW_LINE << f->step;
    x->left -= (uint64_t)done * PTW_LINE;
    index += done * PTW_LINE;
    *fetched = index;
    if (done < lines) {
        w->c.reads_left -= PTW_LINE;
        *fetched += PTW_LINE;
        memcpy(ptw_slot(&w->window, 0, index), line, sizeof line);
        q->before = x->raw - q->step;
        put_masks(w, index, PTW_LINE, ptw_masks_of(q, line, PTW_LINE), true);
    }
    return done * PTW_LINE;
}

/* A run that was as long before is likely to go on for longer. */
PTW_ENGINE bool is_long(const struct field *f, const struct ptw_item *run)
{
    return (run->last.v - run->first.v) >> f->shift >= LONG_RUN - 1;
}

/* --------------------------------------------------------------------- runs */

/* What the entry at `first` has to be to continue the open run. */
static struct expected expect(const struct field *f, const struct ptw_sink *out,
                              uint64_t first)
{
    const struct ptw_format *a = f->a;
    const struct ptw_regime *r = f->r;
    struct expected x = {0, 0};
    const struct ptw_mapping *m;
    uint64_t pages;
    uint64_t pa;
    uint64_t last;

    if (!ptw_continues(out, PTW_ITEM_MAPPING, first)) {
        return x;
    }
    m = &out->open->u.mapping;
    if (m->level != 0 || (m->raw & a->irregular) != 0 ||
        (m->above != f->rights &&
         (m->rights != (f->rights & a->decode(r, m->raw, 0, 0).rights) ||
          a->leaf_class(r, m->above, m->raw, 0) !=
              a->leaf_class(r, f->rights, m->raw, 0)))) {
        return x;
    }
    pages = (first - out->open->first.v) >> f->shift;
    pa = m->pa.v + (pages << f->shift);
    last = ptw_run_last(r, m->pa.v);
    x.raw = m->raw + (pages << f->step);
    x.left = pa <= last ? ((last - pa) >> f->shift) + 1 : 0;
    return x;
}

/* The leaf at `first` begins a run, or goes on with one; the `more` leaves
 * behind it follow it.  Returns how many of them belong to the run. */
static unsigned run_from(const struct field *f, struct ptw_sink *out,
                         uint64_t first, uint64_t raw,
                         const struct ptw_entry *e, unsigned more,
                         struct expected *x)
{
    uint64_t left = (ptw_run_last(f->r, e->pa.v) - e->pa.v) >> f->shift;

    ptw_emit_leaf(f->a, f->w, out, true, 0, first, raw, e);
    more = more < left ? more : (unsigned)left;
    out->open->last.v += (uint64_t)more << f->shift;
    x->raw = raw + (((uint64_t)more + 1) << f->step);
    x->left = left - more;
    return more;
}

/* --------------------------------------------------------------- quick ways */

/* What the quick ways keep at hand.  Each makes one of these for itself:
 * nothing else can write to it, so that it need not be read again after each
 * item. */
struct shape {
    /* Bits of a leaf that are its address, and how much higher they stand in
     * the address, as a factor; the same for the rest of it. */
    uint64_t address;
    uint64_t by;
    uint64_t moved;
    uint64_t moved_by;
    uint64_t page;        /* bytes of one */
    struct ptw_item item; /* with all that leaves alike have in common */
};

PTW_ENGINE struct shape shape_of(const struct field *f)
{
    struct shape s;
    struct ptw_mapping *m = &s.item.u.mapping;

    s.address = f->r->plain_address;
    s.by = f->r->plain_by;
    s.moved = f->r->moved;
    s.moved_by = f->r->moved_by;
    s.page = (uint64_t)1 << f->shift;
    s.item.kind = PTW_ITEM_MAPPING;
    s.item.space = f->w->c.space;
    m->level = 0;
    m->size_log2 = (uint8_t)f->shift;
    m->above = (uint8_t)f->rights;
    return s;
}

PTW_ENGINE uint64_t plain_pa(const struct shape *s, uint64_t raw)
{
    return (raw & s->address) * s->by + (raw & s->moved) * s->moved_by;
}

/* Writes leaves of one run.  What they have in common comes first and last in
 * an item and in a mapping, and is copied as it is. */
PTW_ENGINE void put(const struct shape *s, struct ptw_item *item,
                    uint64_t first, uint64_t bytes, uint64_t pa, uint64_t raw,
                    unsigned rights)
{
    struct ptw_mapping *m = &item->u.mapping;

    memcpy(item, &s->item, offsetof(struct ptw_item, first));
    item->first.v = first;
    item->last.v = first + (bytes - 1);
    m->pa.v = pa;
    m->raw = raw;
    m->rights = rights;
    memcpy(&m->level, &s->item.u.mapping.level,
           sizeof *m - offsetof(struct ptw_mapping, level));
}

/* The stretches of a block from entry `at` on, below `end`: a bit for each
 * entry that is present and does not follow the one before it, and for each
 * that is the first of some that are not present. */
PTW_ENGINE uint64_t stretches(uint64_t present, uint64_t follows, unsigned at,
                              unsigned end)
{
    uint64_t first = (present ^ follows) | (~present & (present << 1 | 1));

    return (first | (uint64_t)1 << at) & ptw_low_mask(end) & ~ptw_low_mask(at);
}

/* How many entries of the window from `at` on the open run goes on by. */
PTW_ENGINE unsigned go_on(const struct field *f, struct ptw_sink *out,
                          unsigned at, struct expected *x)
{
    uint64_t other = ~(f->w->follows >> at);
    unsigned n =
        other == 0 ? PTW_LEAF_WINDOW : (unsigned)__builtin_ctzll(other);

    n = n < x->left ? n : (unsigned)x->left;
    out->open->last.v += (uint64_t)n << f->shift;
    x->raw += (uint64_t)n << f->step;
    x->left -= n;
    return n;
}

/* What goes on with a stretch of so many bytes that begins with raw. */
PTW_ENGINE void go_on_behind(const struct field *f, struct expected *x,
                             uint64_t raw, uint64_t pa, uint64_t bytes)
{
    x->raw = raw + (bytes >> f->shift << f->step);
    x->left =
        ((ptw_run_last(f->r, pa) - pa + ((uint64_t)1 << f->shift) - bytes) >>
         f->shift);
}

/* Gives the runs of a block from index on, as long as leaves are of kinds that
 * are known and each run has an item of the caller's to itself.  Returns the
 * entry that comes next.  What is open, if anything, is an item of the
 * caller's.  It stops at leaves of another kind than the last one, and where
 * leaves go on with a run in a way that the masks do not show, but for mixed, a
 * constant. */
PTW_ENGINE unsigned block_runs(const struct field *f, struct ptw_sink *out,
                               unsigned index, unsigned fetched,
                               const struct shape *s, struct kinds *kinds,
                               struct expected *x, bool mixed)
{
    struct ptw_walk *w = f->w;
    const uint64_t *entry = w->window.leaf;
    const struct ptw_item *full = &out->item[out->room];
    const struct ptw_leaf_kind *kind = kinds->last;
    const uint64_t judged = kind->raw;
    const unsigned rights = kind->rights;
    const uint64_t alike = f->r->plain_alike;
    unsigned at = index % PTW_LEAF_WINDOW;
    unsigned end = at + (fetched - index);
    uint64_t present = w->present;
    uint64_t next_pa = 1; /* no page has it */
    /* Of the run given last, if nothing is behind it: the kind of its last leaf,
     * if it is known (of mixed alone); and its bytes, if it is one stretch, else
     * *x is right. */
    const struct ptw_leaf_kind *given = mixed ? kinds->open : NULL;
    uint64_t bytes = 0;
    struct ptw_item *item;
    const struct ptw_item *none; /* where item stands if it gave nothing */
    uint64_t left;
    uint64_t va;

    if (x->left > 0 && (w->follows >> at & 1) != 0) {
        at += go_on(f, out, at, x);
    }
    left = at < end ? stretches(present, w->follows, at, end) : 0;
    va = page_at(f, index) + (at - index % PTW_LEAF_WINDOW) * s->page;
    item = &out->item[out->count];
    if (out->open != NULL) {
        item++;
        if (out->open->kind == PTW_ITEM_MAPPING &&
            out->open->last.v + 1 == va) {
            next_pa = out->open->u.mapping.pa.v + (va - out->open->first.v);
        }
    }
    none = item;
    while (left != 0) {
        uint64_t rest = left & (left - 1);
        unsigned next = rest != 0 ? (unsigned)__builtin_ctzll(rest) : end;
        uint64_t raw = entry[at];
        uint64_t pa;
        bool joins;

        if ((present >> at & 1) == 0) {
            if ((w->flags & PTW_WALK_HOLES) != 0) {
                break;
            }
            va += (next - at) * s->page;
            at = next;
            next_pa = 1;
            given = NULL;
            bytes = 0;
            x->left = 0;
            left = rest;
            continue;
        }
        if (mixed) {
            kind = known_kind(f, kinds, raw);
        }
        pa = plain_pa(s, raw);
        if (mixed ? kind == NULL : ((raw ^ judged) & alike) != 0) {
            break;
        }
        joins = mixed && pa == next_pa && given != NULL &&
                is_run_of(f, given, kind);
        if ((pa == next_pa && given == NULL) || (item == full && !joins)) {
            break;
        }
        bytes = s->page;
        next -= at;
        if (next != 1) {
            uint64_t most = ptw_run_last(f->r, pa) - pa;

            bytes = next * s->page;
            if (bytes - s->page > most) {
                /* The rest is another stretch. */
                bytes = most + s->page;
                next = (unsigned)(bytes >> f->shift);
                rest |= (uint64_t)1 << (at + next);
            }
        }
        given = mixed ? kind : NULL;
        at += next;
        left = rest;
        if (joins) {
            item[-1].last.v += bytes;
            go_on_behind(f, x, raw, pa, bytes);
            va += bytes;
            next_pa = pa + bytes;
            bytes = 0;
            continue;
        }
        put(s, item++, va, bytes, pa, raw, mixed ? kind->rights : rights);
        va += bytes;
        next_pa = pa + bytes;
    }
    if (mixed) {
        kinds->open = given;
    }
    if (item != none) {
        if (!mixed) {
            kinds->open = kind;
        }
        out->open = item - 1;
        out->count = (size_t)(out->open - out->item);
        if (bytes != 0) {
            go_on_behind(f, x, out->open->u.mapping.raw,
                         out->open->u.mapping.pa.v, bytes);
        }
    }
    return index + (at - index % PTW_LEAF_WINDOW);
}

static PTW_APART unsigned mixed_runs(const struct field *f,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned fetched, struct kinds *kinds,
                                     struct expected *x)
{
    const struct shape s = shape_of(f);

    return block_runs(f, out, index, fetched, &s, kinds, x, true);
}

/* Gives runs block by block, in the quickest way that does.  Returns the entry
 * that comes next, which was not fetched or which neither way can give. */
static PTW_APART unsigned quick_runs(const struct field *f,
                                     struct ptw_question *q,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned *fetched, struct kinds *kinds,
                                     struct expected *x)
{
    const struct shape s = shape_of(f);

    for (;;) {
        index = block_runs(f, out, index, *fetched, &s, kinds, x, false);
        if (index < *fetched) {
            index = mixed_runs(f, out, index, *fetched, kinds, x);
        }
        if (index < *fetched || index > f->w->c.at[0].last) {
            return index;
        }
        if (x->left >= PTW_LINE && is_long(f, out->open)) {
            index += long_run(f, q, out, index, x, fetched);
        }
        if (index >= *fetched) {
            *fetched =
                index + fetch_block(f, q, index, x->left > 0, x->raw - q->step);
            if (index == *fetched) {
                return index;
            }
        }
    }
}

/* How many leaves from `index` on are alike, of those that were fetched. */
PTW_ENGINE unsigned alike_from(const struct field *f, unsigned index,
                               unsigned fetched)
{
    uint64_t other = ~(f->w->follows >> index % PTW_LEAF_WINDOW >> 1);
    unsigned n = 1 + (unsigned)__builtin_ctzll(other);

    return n < fetched - index ? n : fetched - index;
}

/* Passes over entries from *index on that are not present, unless the walk
 * gives holes.  Whether there is a leaf then, below `fetched`, of a kind that is
 * known: *kind. */
PTW_ENGINE bool next_known(const struct field *f, struct kinds *kinds,
                           unsigned *index, unsigned fetched,
                           const struct ptw_leaf_kind **kind)
{
    struct ptw_walk *w = f->w;
    uint64_t present = w->present >> *index % PTW_LEAF_WINDOW;

    if (*index >= fetched) {
        return false;
    }
    if (PTW_UNLIKELY((present & 1) == 0)) {
        if ((w->flags & PTW_WALK_HOLES) != 0) {
            return false;
        }
        if (present == 0) {
            *index = fetched;
            return false;
        }
        *index += (unsigned)__builtin_ctzll(present);
    }
    *kind = known_kind(f, kinds, *ptw_slot(&w->window, 0, *index));
    return *kind != NULL;
}

/* Gives the leaves from index on, below `fetched`, as long as they are of kinds
 * that are known and there is room.  Returns the entry that comes next. */
static PTW_APART unsigned give_leaves(const struct field *f,
                                      struct ptw_sink *out, unsigned index,
                                      unsigned fetched, struct kinds *kinds)
{
    const struct shape s = shape_of(f);
    struct ptw_item *item = &out->item[out->count];
    struct ptw_item *full = &out->item[out->room];
    const struct ptw_leaf_kind *kind;

    while (item != full && next_known(f, kinds, &index, fetched, &kind)) {
        const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
        uint64_t first = page_at(f, index);
        size_t n = alike_from(f, index, fetched);
        unsigned rights = kind->rights;
        const uint64_t *end;

        n = n < (size_t)(full - item) ? n : (size_t)(full - item);
        index += (unsigned)n;
        for (end = raw + n; raw != end; raw++) {
            put(&s, item++, first, s.page, plain_pa(&s, *raw), *raw, rights);
            first += s.page;
        }
    }
    out->count = (size_t)(item - out->item);
    return index;
}

/* The same as lines.  So many entries as a line has are copied wherever the
 * window has them: that is quicker than to copy fewer. */
static PTW_APART unsigned give_lines(const struct field *f,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned fetched, struct kinds *kinds)
{
    const uint64_t *whole =
        &f->w->window.leaf[PTW_LEAF_WINDOW - PTW_LINE]; /* the last one */
    struct ptw_item *item = &out->item[out->count];
    struct ptw_item *full = &out->item[out->room];
    const struct ptw_leaf_kind *kind;

    while (item != full && next_known(f, kinds, &index, fetched, &kind)) {
        uint64_t first = page_at(f, index);
        unsigned n = alike_from(f, index, fetched);

        while (n > 0 && item != full) {
            const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
            struct ptw_line *line = &item->u.line;
            unsigned leaves = PTW_LINE - index % PTW_LINE;

            leaves = leaves < n ? leaves : n;
            item->kind = PTW_ITEM_LINE;
            item->space = f->w->c.space;
            item->first.v = first;
            first += (uint64_t)leaves << f->shift;
            item->last.v = first - 1;
            if (PTW_LIKELY(raw <= whole)) {
                memcpy(line->raw, raw, PTW_LINE * sizeof *raw);
            } else {
                memcpy(line->raw, raw, leaves * sizeof *raw);
            }
            line->rights = kind->rights;
            line->leaves = (uint8_t)leaves;
            line->level = 0;
            line->size_log2 = (uint8_t)f->shift;
            line->above = (uint8_t)f->rights;
            item++;
            index += leaves;
            n -= leaves;
        }
    }
    out->count = (size_t)(item - out->item);
    return index;
}

_Static_assert((int)PTW_LINE == (int)PTW_LINE_LEAVES,
               "a line is a line of entries");

/* -------------------------------------------------------------------- sweep */

/* What a stretch of entries comes to. */
enum judgement {
    PLAIN, /* leaves that the walk gives, alike in rights */
    ALONE, /* such a leaf that says nothing of those that follow it */
    OTHER  /* for the descent */
};

/* Judges raw, the present entry `index`.  *e is the leaf, under the rights of
 * the path. */
PTW_ENGINE enum judgement judge(const struct field *f, uint64_t raw,
                                unsigned index, struct kinds *kinds,
                                struct ptw_entry *e)
{
    const struct ptw_leaf_kind *kind = known_kind(f, kinds, raw);
    unsigned alone;

    if (PTW_LIKELY(kind != NULL)) {
        e->kind = PTW_ENTRY_LEAF;
        e->rights = kind->rights;
        e->pa = ptw_line_pa(f->r, raw);
        return PLAIN;
    }
    *e = f->a->decode(f->r, raw, 0, index);
    alone = e->rights;
    e->rights &= f->rights;
    if (e->kind != PTW_ENTRY_LEAF ||
        (e->rights & f->w->c.need_leaf) != f->w->c.need_leaf) {
        return OTHER;
    }
    if ((raw & f->a->irregular) != 0) {
        return ALONE;
    }
    learn_kind(f, kinds, raw, e->rights, alone);
    return PLAIN;
}

PTW_ENGINE void sweep(struct ptw_walk *w, struct ptw_sink *out, enum mode mode)
{
    struct ptw_path_table *t = &w->c.at[0];
    const struct ptw_regime *r = w->c.regime;
    const struct ptw_format *a = r->arch->format;
    const struct field f = {
        .w = w,
        .a = a,
        .r = r,
        .base = ptw_va_from(a, r, t->base),
        .shift = a->level[0].shift,
        .step = a->level[0].shift - (unsigned)__builtin_ctzll(r->plain_by),
        .rights = t->rights,
        .mode = mode,
        .k = ptw_kernels_of(r->vectors, a->entry_log2),
    };
    unsigned index = t->index;
    unsigned fetched = t->fetched;
    struct kinds kinds = {NULL, NULL, NULL};
    struct expected x = {0, 0};
    struct ptw_question q = question(&f);

    if (w->kinds_under != t->rights) {
        w->kinds_known = 0;
        w->kinds_under = t->rights;
    }
    ptw_look_ahead(w);
    if (mode == RUNS) {
        x = expect(&f, out, page_at(&f, index));
    }
    if (index >= fetched) {
        w->masked = 0;
    } else if (w->masked != fetched) {
        q.before = 0;
        put_masks(
            w, index, fetched - index,
            ptw_masks_of(&q, ptw_slot(&w->window, 0, index), fetched - index),
            false);
    }
    while (index <= t->last && out->count < out->room) {
        struct ptw_entry e;
        uint64_t present;
        uint64_t follows;
        uint64_t raw;
        unsigned more;

        if (index >= fetched) {
            bool joined = x.left > 0;
            uint64_t before = x.raw - q.step;

            if (mode == RUNS && x.left >= PTW_LINE && is_long(&f, out->open)) {
                index += long_run(&f, &q, out, index, &x, &fetched);
                if (index > t->last) {
                    break;
                }
                joined = x.left > 0;
                before = x.raw - q.step;
            }
            if (index >= fetched) {
                fetched = index + fetch_block(&f, &q, index, joined, before);
                if (index == fetched) {
                    break;
                }
            }
        }
        if (mode == RUNS && kinds.last != NULL && out->open != &w->open) {
            index = quick_runs(&f, &q, out, index, &fetched, &kinds, &x);
            if (index >= fetched || out->count == out->room) {
                break;
            }
        }
        present = w->present >> index % PTW_LEAF_WINDOW;
        follows = w->follows >> index % PTW_LEAF_WINDOW;
        if ((present & 1) == 0) {
            unsigned n = fetched - index;

            if (present != 0) {
                n = (unsigned)__builtin_ctzll(present);
            }
            ptw_emit_absent(w, out, 0, page_at(&f, index),
                            *ptw_slot(&w->window, 0, index),
                            ((uint64_t)n << f.shift) - 1);
            x.left = 0;
            kinds.open = NULL;
            index += n;
            continue;
        }
        if (mode == RUNS && (follows & 1) != 0 && x.left > 0) {
            index += go_on(&f, out, index % PTW_LEAF_WINDOW, &x);
            continue;
        }
        raw = *ptw_slot(&w->window, 0, index);
        more = (unsigned)__builtin_ctzll(~(follows >> 1));
        switch (judge(&f, raw, index, &kinds, &e)) {
        case PLAIN:
            break;
        case ALONE:
            x.left = 0;
            kinds.open = NULL;
            ptw_emit_leaf(a, w, out, mode == RUNS, 0, page_at(&f, index), raw,
                          &e);
            index++;
            continue;
        case OTHER:
            goto stop;
        }
        if (mode == RUNS) {
            index +=
                1 + run_from(&f, out, page_at(&f, index), raw, &e, more, &x);
            kinds.open = kinds.last;
            continue;
        }
        ptw_close(w, out);
        index = mode == LEAVES ? give_leaves(&f, out, index, fetched, &kinds)
                               : give_lines(&f, out, index, fetched, &kinds);
    }
stop:
    t->index = (uint16_t)index;
    t->fetched = (uint16_t)fetched;
}

static void sweep_runs(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, RUNS);
}

static void sweep_leaves(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, LEAVES);
}

static void sweep_lines(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, LINES);
}

void ptw_sweep(struct ptw_walk *w, struct ptw_sink *out)
{
    if ((w->flags & PTW_WALK_RUNS) != 0) {
        sweep_runs(w, out);
    } else if ((w->flags & PTW_WALK_LINES) != 0) {
        sweep_lines(w, out);
    } else {
        sweep_leaves(w, out);
    }
}
