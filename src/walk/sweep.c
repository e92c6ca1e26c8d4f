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

/* A leaf that was decoded last: one that is alike in plain_alike has its
 * rights. */
struct judged {
    bool any;
    uint64_t raw;
    unsigned rights; /* of the whole path */
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

/* What a kernel is asked about the entries from index on, but for the entry
 * before them. */
static struct ptw_question question(const struct field *f, unsigned index)
{
    const struct ptw_walk *w = f->w;
    bool runs = f->mode == RUNS;
    struct ptw_question q = {
        .step = runs ? (uint64_t)1 << f->step : 0,
        .alike = runs ? f->r->rule[0].alike : f->r->plain_alike,
        .present = (unsigned)__builtin_ctzll(f->a->present),
        .ahead =
            w->ahead == NULL ? NULL : ptw_entry_host(f->a, w->ahead, index),
    };

    return q;
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
PTW_ENGINE unsigned fetch_block(const struct field *f, unsigned index,
                                bool joined, uint64_t before)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    unsigned at = index % PTW_LEAF_WINDOW;
    unsigned n = t->last + 1u - index;
    struct ptw_question q;

    n = n < PTW_LEAF_WINDOW - at ? n : PTW_LEAF_WINDOW - at;
    n = n < w->c.reads_left ? n : (unsigned)w->c.reads_left;
    if (index % PTW_LINE != 0 || n < PTW_LINE) {
        return 0;
    }
    n -= n % PTW_LINE;
    w->c.reads_left -= n;
    q = question(f, index);
    q.before = before;
    put_masks(w, index, n,
              f->k->block(&q, ptw_entry_host(f->a, t->host, index),
                          n / PTW_LINE, &w->window.leaf[at]),
              joined);
    return n;
}

_Static_assert((int)PTW_LEAF_WINDOW == (int)PTW_BLOCK,
               "a mask has a bit for each slot");

enum { LONG_RUN = 64 };

/* Lets the open run, if it is long, go on by whole lines from index on.
 * Returns how many entries those are; if the line behind them was fetched,
 * *fetched says how far it reaches. */
static PTW_APART unsigned long_run(const struct field *f, struct ptw_sink *out,
                                   unsigned index, struct expected *x,
                                   unsigned *fetched)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    struct ptw_question q = question(f, index);
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
    q.before = x->raw - q.step;
    done = f->k->run(&q, ptw_entry_host(f->a, t->host, index), lines, line);
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
        q.before = x->raw - q.step;
        put_masks(w, index, PTW_LINE, ptw_masks_of(&q, line, PTW_LINE), true);
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

PTW_ENGINE struct shape shape_of(const struct field *f, const struct judged *j)
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
    m->rights = j->rights;
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
                    uint64_t first, uint64_t bytes, uint64_t pa, uint64_t raw)
{
    struct ptw_mapping *m = &item->u.mapping;

    memcpy(item, &s->item, offsetof(struct ptw_item, first));
    item->first.v = first;
    item->last.v = first + (bytes - 1);
    m->pa.v = pa;
    m->raw = raw;
    memcpy(&m->rights, &s->item.u.mapping.rights,
           sizeof *m - offsetof(struct ptw_mapping, rights));
}

/* The stretches of a block from entry `at` on, below `end`: a bit for each
 * entry that is present and does not follow the one before it, and for each
 * that is the first of some that are not present. */
PTW_ENGINE uint64_t stretches(uint64_t present, uint64_t follows, unsigned at,
                              unsigned end)
{
    uint64_t first = (present & ~follows) | (~present & (present << 1 | 1));

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

/* quick_runs gives runs of leaves that are alike in rights, from index on,
 * block by block, as long as each has an item of the caller's to itself and
 * none goes on with the one before it in a way that the masks do not show.
 * Returns the entry that comes next.  What is open, if anything, is an item of
 * the caller's. */
static PTW_APART unsigned quick_runs(const struct field *f,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned *fetched, const struct judged *j,
                                     struct expected *x)
{
    struct ptw_walk *w = f->w;
    const uint64_t *entry = w->window.leaf;
    const struct shape s = shape_of(f, j);
    const uint64_t judged = j->raw;
    const uint64_t alike = f->r->plain_alike;
    const bool holes = (w->flags & PTW_WALK_HOLES) != 0;
    const struct ptw_item *full = &out->item[out->room];

    for (;;) {
        struct ptw_item *item;
        unsigned at = index % PTW_LEAF_WINDOW;
        unsigned end = at + (*fetched - index);
        uint64_t present = w->present;
        uint64_t left;
        uint64_t va;
        uint64_t next_pa = 1; /* no page has it */
        uint64_t bytes = 0; /* of the run given last, if nothing is behind it */
        uint64_t raw = 0;
        uint64_t pa = 0;

        if (x->left > 0 && (w->follows >> at & 1) != 0) {
            at += go_on(f, out, at, x);
        }
        left = at < end ? stretches(present, w->follows, at, end) : 0;
        va = page_at(f, index) + (at - index % PTW_LEAF_WINDOW) * s.page;
        item = &out->item[out->count];
        if (out->open != NULL) {
            item++;
            if (out->open->kind == PTW_ITEM_MAPPING &&
                out->open->last.v + 1 == va) {
                next_pa = out->open->u.mapping.pa.v + (va - out->open->first.v);
            }
        }
        while (left != 0) {
            uint64_t rest = left & (left - 1);
            unsigned next = rest != 0 ? (unsigned)__builtin_ctzll(rest) : end;

            raw = entry[at];
            if (PTW_UNLIKELY((present >> at & 1) == 0)) {
                if (holes) {
                    break;
                }
                va += (next - at) * s.page;
                at = next;
                next_pa = 1;
                bytes = 0;
                x->left = 0;
                left = rest;
                continue;
            }
            pa = plain_pa(&s, raw);
            if (((raw ^ judged) & alike) != 0 || pa == next_pa ||
                item == full) {
                break;
            }
            bytes = s.page;
            next -= at;
            if (next != 1) {
                uint64_t most = ptw_run_last(f->r, pa) - pa;

                bytes = next * s.page;
                if (PTW_UNLIKELY(bytes - s.page > most)) {
                    bytes = most + s.page;
                    next = (unsigned)(bytes >> f->shift);
                    put(&s, item++, va, bytes, pa, raw);
                    at += next;
                    break; /* the rest is another run's */
                }
            }
            put(&s, item++, va, bytes, pa, raw);
            va += bytes;
            next_pa = pa + bytes;
            at += next;
            left = rest;
        }
        if (item != &out->item[out->count] + (out->open != NULL)) {
            out->open = item - 1;
            out->count = (size_t)(out->open - out->item);
            if (bytes != 0) {
                pa = out->open->u.mapping.pa.v;
                raw = out->open->u.mapping.raw;
                x->raw = raw + (bytes >> f->shift << f->step);
                x->left =
                    (ptw_run_last(f->r, pa) - pa + s.page - bytes) >> f->shift;
            }
        }
        index += at - index % PTW_LEAF_WINDOW;
        if (left != 0 || index < *fetched || index > w->c.at[0].last) {
            return index;
        }
        if (x->left >= PTW_LINE && is_long(f, out->open)) {
            index += long_run(f, out, index, x, fetched);
        }
        if (index >= *fetched) {
            *fetched = index + fetch_block(f, index, x->left > 0,
                                           x->raw - ((uint64_t)1 << f->step));
            if (index == *fetched) {
                return index;
            }
        }
    }
}

/* Gives n leaves, alike in rights, from index on. */
static PTW_APART void give_leaves(const struct field *f, struct ptw_sink *out,
                                  unsigned index, unsigned n,
                                  const struct judged *j)
{
    const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
    const struct shape s = shape_of(f, j);
    struct ptw_item *item = &out->item[out->count];
    uint64_t first = page_at(f, index);

    out->count += n;
    for (const uint64_t *end = raw + n; raw != end; raw++) {
        put(&s, item++, first, s.page, plain_pa(&s, *raw), *raw);
        first += s.page;
    }
}

/* The same as lines.  Returns how many leaves there was room for.  So many
 * entries as a line has are copied wherever the window has them: that is
 * quicker than to copy fewer. */
static PTW_APART unsigned give_lines(const struct field *f,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned n, const struct judged *j)
{
    const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
    const uint64_t *whole =
        &f->w->window.leaf[PTW_LEAF_WINDOW - PTW_LINE]; /* the last one */
    struct ptw_item *item = &out->item[out->count];
    size_t room = out->room - out->count;
    uint64_t first = page_at(f, index);
    unsigned leaves = PTW_LINE - index % PTW_LINE;
    unsigned given = 0;

    for (; given < n && room > 0; room--) {
        struct ptw_line *line = &item->u.line;

        leaves = leaves < n - given ? leaves : n - given;
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
        line->rights = j->rights;
        line->leaves = (uint8_t)leaves;
        line->level = 0;
        line->size_log2 = (uint8_t)f->shift;
        line->above = (uint8_t)f->rights;
        item++;
        raw += leaves;
        given += leaves;
        leaves = PTW_LINE;
    }
    out->count = (size_t)(item - out->item);
    return given;
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
 * the path; of a walk for leaves or lines PLAIN writes *j alone. */
PTW_ENGINE enum judgement judge(const struct field *f, uint64_t raw,
                                unsigned index, struct judged *j,
                                struct ptw_entry *e)
{
    if (PTW_LIKELY(j->any && ((raw ^ j->raw) & f->r->plain_alike) == 0)) {
        e->kind = PTW_ENTRY_LEAF;
        e->rights = j->rights;
        e->pa = ptw_line_pa(f->r, raw);
        return PLAIN;
    }
    *e = f->a->decode(f->r, raw, 0, index);
    e->rights &= f->rights;
    if (e->kind != PTW_ENTRY_LEAF ||
        (e->rights & f->w->c.need_leaf) != f->w->c.need_leaf) {
        return OTHER;
    }
    if ((raw & f->a->irregular) != 0) {
        return ALONE;
    }
    j->any = true;
    j->raw = raw;
    j->rights = e->rights;
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
    struct judged j = {false, 0, 0};
    struct expected x = {0, 0};

    ptw_look_ahead(w);
    if (mode == RUNS) {
        x = expect(&f, out, page_at(&f, index));
    }
    if (index >= fetched) {
        w->masked = 0;
    } else if (w->masked != fetched) {
        struct ptw_question q = question(&f, index);

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
            bool joined = mode == RUNS ? x.left > 0 : j.any;
            uint64_t before =
                mode == RUNS ? x.raw - ((uint64_t)1 << f.step) : j.raw;

            if (mode == RUNS && x.left >= PTW_LINE && is_long(&f, out->open)) {
                index += long_run(&f, out, index, &x, &fetched);
                if (index > t->last) {
                    break;
                }
                joined = x.left > 0;
                before = x.raw - ((uint64_t)1 << f.step);
            }
            if (index >= fetched) {
                fetched = index + fetch_block(&f, index, joined, before);
                if (index == fetched) {
                    break;
                }
            }
        }
        if (mode == RUNS && j.any && out->open != &w->open) {
            index = quick_runs(&f, out, index, &fetched, &j, &x);
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
            index += n;
            continue;
        }
        if (mode == RUNS && (follows & 1) != 0 && x.left > 0) {
            index += go_on(&f, out, index % PTW_LEAF_WINDOW, &x);
            continue;
        }
        raw = *ptw_slot(&w->window, 0, index);
        more = (unsigned)__builtin_ctzll(~(follows >> 1));
        switch (judge(&f, raw, index, &j, &e)) {
        case PLAIN:
            break;
        case ALONE:
            j.any = false;
            x.left = 0;
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
            continue;
        }
        ptw_close(w, out);
        if (mode == LEAVES) {
            more = more < out->room - out->count
                       ? more + 1
                       : (unsigned)(out->room - out->count);
            give_leaves(&f, out, index, more, &j);
            index += more;
        } else {
            index += give_lines(&f, out, index, more + 1, &j);
        }
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
