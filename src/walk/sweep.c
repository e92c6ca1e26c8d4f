/* SPDX-License-Identifier: Apache-2.0 */
/* The sweep of tables of leaves, which are nearly all of the work.
 *
 * It takes a block of entries at a time.  A kernel (blocks.h) loads the block and
 * answers with two masks: which entries are present, and which follow the entry
 * before them.  In a walk for runs, an entry follows that is the one before plus a
 * step, in all bits but those that need not be alike; in a walk for leaves, one
 * that is alike in all bits beside the address.  So the entries fall into
 * stretches, and what holds of the first one holds of all: it alone is decoded, and
 * it only where it differs from the first one of an earlier stretch in more than
 * its address.
 *
 * The kernel and the format say nothing else to each other: one sweep serves all
 * formats, and the rare decoding is a call. */
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
};

/* A leaf that was decoded last: one that is alike in plain_alike has its
 * rights. */
struct judged {
    bool any;
    uint64_t raw;
    unsigned rights; /* of the whole path */
};

/* How the open run goes on: the entry that follows, and how many leaves there may
 * be from it on before an address carries into bits that are not the
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
 * and how many bytes of it.  From there on the host's own prefetching follows the
 * sweep; what it does not do is to begin with a table. */
enum { TABLES_AHEAD = 8, BYTES_AHEAD = 512, HOST_LINE = 64 };

/* Where the table lies that entry `index` of the table above leads to; NULL: it leads
 * to none, or that is no direct memory. */
static const unsigned char *led_to(const struct field *f, unsigned index)
{
    struct ptw_walk *w = f->w;
    struct ptw_entry e =
        f->a->decode(f->r, *ptw_slot(&w->window, 1, index), 1, index);
    const struct ptw_region *region;

    if (e.kind != PTW_ENTRY_TABLE) {
        return NULL;
    }
    region = ptw_find_range(w->c.mem, e.pa.v, ptw_table_bytes(f->a, f->r, 0));
    return region != NULL && region->host != NULL ? ptw_host(region, e.pa.v)
                                                  : NULL;
}

/* look_ahead finds the table of leaves that will be read after this one, so that
 * the sweep can fetch it into the cache, and has the first lines of tables
 * further on fetched: only hints, out of entries that were fetched anyway. */
static void look_ahead(const struct field *f)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *up = &w->c.at[1];
    uint64_t bytes = ptw_table_bytes(f->a, f->r, 0);
    unsigned next;
    unsigned end;

    if (w->ahead_of == w->c.at[0].table && w->ahead != NULL) {
        return;
    }
    w->ahead_of = w->c.at[0].table;
    w->ahead = NULL;
    if (f->a->levels < 2 || w->c.top == 0) {
        return;
    }
    next = up->index + 1u;
    for (unsigned i = next; i < up->fetched && w->ahead == NULL; i++) {
        w->ahead = led_to(f, i);
    }
    end = next + TABLES_AHEAD < up->fetched ? next + TABLES_AHEAD : up->fetched;
    if (w->hinted_of != up->table || w->hinted < next || w->hinted > end) {
        w->hinted_of = up->table;
        w->hinted = next;
    }
    for (; w->hinted < end; w->hinted++) {
        const unsigned char *host = led_to(f, w->hinted);

        for (unsigned at = 0; host != NULL && at < BYTES_AHEAD && at < bytes;
             at += HOST_LINE) {
            __builtin_prefetch(host + at);
        }
    }
}

/* ------------------------------------------------------------------- blocks */

/* What a kernel is asked. */
static struct ptw_question question(const struct field *f,
                                    const struct judged *j,
                                    const struct expected *x, unsigned index)
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

    q.before = runs ? x->raw - q.step : j->raw;
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

/* Fetches a block of whole lines from index on.  Returns how many entries that
 * are; 0: there is no whole line, or it is not to be read. */
static unsigned fetch_block(const struct field *f, unsigned index,
                            const struct judged *j, const struct expected *x,
                            const struct ptw_kernels *k)
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
    q = question(f, j, x, index);
    put_masks(w, index, n,
              k->block(&q, ptw_entry_host(f->a, t->host, index), n / PTW_LINE,
                       &w->window.leaf[at]),
              f->mode == RUNS ? x->left > 0 : j->any);
    return n;
}

_Static_assert((int)PTW_LEAF_WINDOW == (int)PTW_BLOCK,
               "a mask has a bit for each slot");

/* A run that was as long before is likely to go on for longer. */
enum { LONG_RUN = 64 };

/* Lets the open run go on by whole lines.  Returns how many entries those are; if
 * the line behind them was fetched, *fetched says how far it reaches. */
static unsigned long_run(const struct field *f, struct ptw_sink *out,
                         unsigned index, struct expected *x,
                         const struct ptw_kernels *k, unsigned *fetched)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    struct judged none = {false, 0, 0};
    struct ptw_question q = question(f, &none, x, index);
    uint64_t line[PTW_LINE];
    uint64_t n = t->last + 1u - index;
    unsigned lines;
    unsigned done;

    n = n < w->c.reads_left ? n : w->c.reads_left;
    n = n < x->left ? n : x->left;
    lines = (unsigned)(n / PTW_LINE);
    if (lines == 0) {
        return 0;
    }
    done = k->run(&q, ptw_entry_host(f->a, t->host, index), lines, line);
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
        put_masks(w, index, PTW_LINE, ptw_masks_of(&q, line, PTW_LINE),
                  x->left > 0);
    }
    return done * PTW_LINE;
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

/* The leaf at `first` begins a run, or goes on with one; the `more` leaves behind it
 * follow it.  Returns how many of them belong to the run. */
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

/* ------------------------------------------------------------------- leaves */

/* Gives n leaves, alike in rights, from index on. */
static void give_leaves(const struct field *f, struct ptw_sink *out,
                        unsigned index, unsigned n, const struct judged *j)
{
    const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
    struct ptw_item *item = &out->item[out->count];
    uint64_t first = page_at(f, index);
    struct ptw_entry e = {PTW_ENTRY_LEAF, j->rights, {0}};

    out->count += n;
    for (unsigned i = 0; i < n; i++) {
        e.pa = ptw_line_pa(f->r, raw[i]);
        ptw_put_leaf(f->w, &item[i], 0, first, f->shift, raw[i], f->rights, &e);
        first += (uint64_t)1 << f->shift;
    }
}

/* The same as lines.  Returns how many leaves there was room for. */
static unsigned give_lines(const struct field *f, struct ptw_sink *out,
                           unsigned index, unsigned n, const struct judged *j)
{
    unsigned given = 0;

    while (given < n && out->count < out->room) {
        unsigned at = index + given;
        unsigned leaves = PTW_LINE - at % PTW_LINE;
        const uint64_t *raw = ptw_slot(&f->w->window, 0, at);
        struct ptw_item *item = &out->item[out->count++];
        struct ptw_line *line = &item->u.line;

        leaves = leaves < n - given ? leaves : n - given;
        item->kind = PTW_ITEM_LINE;
        item->space = f->w->c.space;
        item->first.v = page_at(f, at);
        item->last.v = item->first.v + (((uint64_t)leaves << f->shift) - 1);
        if (PTW_LIKELY(leaves == PTW_LINE)) {
            memcpy(line->raw, raw, PTW_LINE * sizeof *raw);
        } else {
            memcpy(line->raw, raw, leaves * sizeof *raw);
        }
        line->rights = j->rights;
        line->leaves = (uint8_t)leaves;
        line->level = 0;
        line->size_log2 = (uint8_t)f->shift;
        line->above = (uint8_t)f->rights;
        given += leaves;
    }
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

/* Judges raw, the present entry `index`.  *e is the leaf, under the rights of the
 * path; of a walk for leaves or lines PLAIN writes *j alone. */
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
    const struct ptw_kernels *k = ptw_kernels_of(r->vectors, a->entry_log2);
    const struct field f = {
        .w = w,
        .a = a,
        .r = r,
        .base = ptw_va_from(a, r, t->base),
        .shift = a->level[0].shift,
        .step = a->level[0].shift - r->plain_up,
        .rights = t->rights,
        .mode = mode,
    };
    unsigned index = t->index;
    unsigned fetched = t->fetched;
    struct judged j = {false, 0, 0};
    struct expected x = {0, 0};

    look_ahead(&f);
    if (mode == RUNS) {
        x = expect(&f, out, page_at(&f, index));
    }
    if (index >= fetched) {
        w->masked = 0;
    } else if (w->masked != fetched) {
        struct ptw_question q = question(&f, &j, &x, index);

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
            unsigned n;

            if (mode == RUNS && x.left >= PTW_LINE && index % PTW_LINE == 0 &&
                (out->open->last.v - out->open->first.v) >> f.shift >=
                    LONG_RUN - 1) {
                index += long_run(&f, out, index, &x, k, &fetched);
                if (index < fetched || index > t->last) {
                    continue;
                }
            }
            n = fetch_block(&f, index, &j, &x, k);
            if (n == 0) {
                break;
            }
            fetched = index + n;
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
            unsigned n = ~follows == 0 ? PTW_LEAF_WINDOW
                                       : (unsigned)__builtin_ctzll(~follows);

            n = n < x.left ? n : (unsigned)x.left;
            out->open->last.v += (uint64_t)n << f.shift;
            x.raw += (uint64_t)n << f.step;
            x.left -= n;
            index += n;
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
