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

#include "give.h"

/* The leaf raw, which grants these rights, and those by itself, stands for
 * those like it. */
static void learn_kind(const struct ptw_field *f, struct ptw_kinds *k,
                       uint64_t raw, unsigned rights, unsigned alone)
{
    unsigned place = ptw_kind_place(f, raw);
    struct ptw_leaf_kind *j;

    place ^= f->w->kinds_known >> place & 1;
    j = &f->w->kind[place];
    j->raw = raw;
    j->rights = rights;
    j->alone = alone;
    j->leaf_class = f->mode == PTW_SWEEP_RUNS
                        ? f->a->leaf_class(f->r, f->rights, raw, 0)
                        : 0;
    f->w->kinds_known |= 1u << place;
    k->before = k->last != j ? k->last : NULL;
    k->last = j;
}

/* ------------------------------------------------------------------- hints */

/* How many tables ahead the first lines of a table are fetched into the cache,
 * with the place of the memo where it will be looked for, and how many bytes of
 * it.  From there on the host's own prefetching follows
 * the sweep; what it does not do is to begin with a table. */
enum { TABLES_AHEAD = 16, HOST_LINE = 64, BYTES_AHEAD = 8 * HOST_LINE };

/* Where the table lies that entry `index` of the table above leads to, and its
 * address; NULL: it leads to none, or that is no direct memory. */
static const unsigned char *led_to(struct ptw_walk *w, unsigned index,
                                   uint64_t *table)
{
    const struct ptw_regime *r = w->c.regime;
    const struct ptw_format *a = r->arch->format;
    struct ptw_entry e =
        a->decode(r, *ptw_slot(&w->window, 1, index), 1, index);
    const struct ptw_region *region;

    if (e.kind != PTW_ENTRY_TABLE) {
        return NULL;
    }
    *table = e.pa.v;
    region = ptw_find_range(w->c.mem, e.pa.v, ptw_table_bytes(a, r, 0));
    return region != NULL && region->host != NULL ? ptw_host(region, e.pa.v)
                                                  : NULL;
}

void ptw_look_ahead(struct ptw_walk *w)
{
    const struct ptw_path_table *up = &w->c.at[1];
    const struct ptw_format *a = w->c.regime->arch->format;
    uint64_t bytes = ptw_table_bytes(a, w->c.regime, 0);
    uint64_t table;
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
        w->ahead = led_to(w, i, &table);
    }
    end = next + TABLES_AHEAD < up->fetched ? next + TABLES_AHEAD : up->fetched;
    if (w->hinted_of != up->table || w->hinted < next || w->hinted > end) {
        w->hinted_of = up->table;
        w->hinted = next;
    }
    for (; w->hinted < end; w->hinted++) {
        const unsigned char *host = led_to(w, w->hinted, &table);

        if (host == NULL) {
            continue;
        }
        for (unsigned at = 0; at < BYTES_AHEAD && at < bytes; at += HOST_LINE) {
            __builtin_prefetch(host + at);
        }
        if (w->c.memo != NULL) {
            const struct ptw_memo_slot *slot =
                &w->c.memo->slot[ptw_memo_hash(w->c.memo, table)];

            __builtin_prefetch(slot, 1);
            __builtin_prefetch(slot + 1, 1);
        }
    }
}

/* ------------------------------------------------------------------- blocks */

/* What the kernels are asked, but for where: ask_from says that. */
static struct ptw_question question(const struct ptw_field *f)
{
    bool runs = f->mode == PTW_SWEEP_RUNS;
    struct ptw_question q = {
        .step = runs ? (uint64_t)1 << f->step : 0,
        .alike = runs ? f->r->rule[0].alike : f->r->plain_alike,
        .present = (unsigned)__builtin_ctzll(f->a->present),
    };

    return q;
}

/* --------------------------------------------------------------------- runs */

/* What the entry at `first` has to be to continue the open run. */
static struct ptw_expected expect(const struct ptw_field *f,
                                  const struct ptw_sink *out, uint64_t first)
{
    const struct ptw_format *a = f->a;
    const struct ptw_regime *r = f->r;
    struct ptw_expected x = {0, 0};
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
static unsigned run_from(const struct ptw_field *f, struct ptw_sink *out,
                         uint64_t first, uint64_t raw,
                         const struct ptw_entry *e, unsigned more,
                         struct ptw_expected *x)
{
    uint64_t left = (ptw_run_last(f->r, e->pa.v) - e->pa.v) >> f->shift;

    ptw_emit_leaf(f->a, f->w, out, true, 0, first, raw, e);
    more = more < left ? more : (unsigned)left;
    out->open->last.v += (uint64_t)more << f->shift;
    x->raw = raw + (((uint64_t)more + 1) << f->step);
    x->left = left - more;
    return more;
}

/* -------------------------------------------------------------------- sweep */

/* What a stretch of entries comes to. */
enum judgement {
    PLAIN, /* leaves that the walk gives, alike in rights */
    ALONE, /* such a leaf that says nothing of those that follow it */
    OTHER  /* for the descent */
};

/* Judges raw, the present entry `index`.  *e is the leaf, under the rights of
 * the path. */
PTW_ENGINE enum judgement judge(const struct ptw_field *f, uint64_t raw,
                                unsigned index, struct ptw_kinds *kinds,
                                struct ptw_entry *e)
{
    const struct ptw_leaf_kind *kind = ptw_known_kind(f, kinds, raw);
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

PTW_ENGINE void sweep(struct ptw_walk *w, struct ptw_sink *out,
                      enum ptw_sweep_mode mode)
{
    struct ptw_path_table *t = &w->c.at[0];
    const struct ptw_regime *r = w->c.regime;
    const struct ptw_format *a = r->arch->format;
    const struct ptw_field f = {
        .w = w,
        .a = a,
        .r = r,
        .base = ptw_va_from(a, r, t->base),
        .shift = a->level[0].shift,
        .step = a->level[0].shift - r->plain_up,
        .rights = t->rights,
        .mode = mode,
        .k = ptw_kernels_of(r->vectors, a->entry_log2),
    };
    unsigned index = t->index;
    unsigned fetched = t->fetched;
    struct ptw_kinds kinds = {NULL, NULL, NULL};
    struct ptw_expected x = {0, 0};
    struct ptw_question q = question(&f);

    if (w->kinds_under != t->rights) {
        w->kinds_known = 0;
        w->kinds_under = t->rights;
    }
    ptw_look_ahead(w);
    if (mode == PTW_SWEEP_RUNS) {
        x = expect(&f, out, ptw_page_at(&f, index));
    }
    if (index >= fetched) {
        w->masked = 0;
    } else if (w->masked != fetched) {
        q.before = 0;
        ptw_put_masks(
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

            if (mode == PTW_SWEEP_RUNS && x.left >= PTW_LINE &&
                ptw_is_long(&f, out->open)) {
                index += ptw_long_run(&f, &q, out, index, &x, &fetched);
                if (index > t->last) {
                    break;
                }
                joined = x.left > 0;
                before = x.raw - q.step;
            }
            if (mode == PTW_SWEEP_LINES && kinds.last != NULL &&
                ptw_is_whole(out)) {
                index =
                    ptw_whole_lines(&f, &q, out, index, &fetched, kinds.last);
                if (out->count == out->room) {
                    break;
                }
            }
            if (index >= fetched) {
                fetched =
                    index + ptw_fetch_block(&f, &q, index, joined, before);
                if (index == fetched) {
                    break;
                }
            }
        }
        if (mode == PTW_SWEEP_RUNS && kinds.last != NULL &&
            out->open != &w->open) {
            index = ptw_quick_runs(&f, &q, out, index, &fetched, &kinds, &x);
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
            ptw_emit_absent(w, out, 0, ptw_page_at(&f, index),
                            *ptw_slot(&w->window, 0, index),
                            ((uint64_t)n << f.shift) - 1);
            x.left = 0;
            kinds.open = NULL;
            index += n;
            continue;
        }
        if (mode == PTW_SWEEP_RUNS && (follows & 1) != 0 && x.left > 0) {
            index += ptw_go_on(&f, w->follows, out->open,
                               index % PTW_LEAF_WINDOW, &x);
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
            ptw_emit_leaf(a, w, out, mode == PTW_SWEEP_RUNS, 0,
                          ptw_page_at(&f, index), raw, &e);
            index++;
            continue;
        case OTHER:
            goto stop;
        }
        if (mode == PTW_SWEEP_RUNS) {
            index += 1 + run_from(&f, out, ptw_page_at(&f, index), raw, &e,
                                  more, &x);
            kinds.open = kinds.last;
            continue;
        }
        ptw_close(w, out);
        index = mode == PTW_SWEEP_LEAVES
                    ? ptw_give_leaves(&f, out, index, fetched, &kinds)
                    : ptw_give_lines(&f, out, index, fetched, &kinds);
    }
stop:
    t->index = (uint16_t)index;
    t->fetched = (uint16_t)fetched;
}

static void sweep_runs(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, PTW_SWEEP_RUNS);
}

static void sweep_leaves(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, PTW_SWEEP_LEAVES);
}

static void sweep_lines(struct ptw_walk *w, struct ptw_sink *out)
{
    sweep(w, out, PTW_SWEEP_LINES);
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
