/* SPDX-License-Identifier: Apache-2.0 */
/* A table of leaves that is swept: what all of a sweep's ways to give its leaves
 * know of it, and how a block of its entries is fetched. */
#ifndef PTW_FIELD_H
#define PTW_FIELD_H

#include "blocks.h"
#include "hash.h"
#include "items.h"

enum ptw_sweep_mode { PTW_SWEEP_RUNS, PTW_SWEEP_LEAVES, PTW_SWEEP_LINES };

/* What stays as it is for the time of a sweep. */
struct ptw_field {
    struct ptw_walk *w;
    const struct ptw_format *a;
    const struct ptw_regime *r;
    uint64_t base;            /* address of entry 0 of the table */
    unsigned shift;           /* log2 of the bytes of a page, */
    unsigned step;            /* and of the step from one entry to the next */
    unsigned rights;          /* of the path */
    enum ptw_sweep_mode mode; /* a constant */
    const struct ptw_kernels *k;
};

/* What the sweep knows of kinds of leaves: where neighbours differ, it is mostly
 * by turns. */
struct ptw_kinds {
    const struct ptw_leaf_kind *last;   /* the one asked for last, or NULL, */
    const struct ptw_leaf_kind *before; /* and the one before that, or NULL */
    const struct ptw_leaf_kind *open;   /* of the last leaf of the open run, or
                                           NULL */
};

/* How the open run goes on: the entry that follows, and how many leaves there
 * may be from it on before an address carries into bits that are not the
 * address's. */
struct ptw_expected {
    uint64_t raw;
    uint64_t left; /* 0: the open run does not go on, or there is none */
};

PTW_ENGINE uint64_t ptw_page_at(const struct ptw_field *f, unsigned index)
{
    return f->base + ((uint64_t)index << f->shift);
}

PTW_ENGINE bool ptw_is_alike(const struct ptw_field *f,
                             const struct ptw_leaf_kind *j, uint64_t raw)
{
    return ((raw ^ j->raw) & f->r->plain_alike) == 0;
}

/* The first of the two places where there may be leaves like raw; the other one
 * is beside it. */
PTW_ENGINE unsigned ptw_kind_place(const struct ptw_field *f, uint64_t raw)
{
    return (unsigned)ptw_scatter(raw & f->r->plain_alike, PTW_LEAF_KINDS_LOG2);
}

PTW_ENGINE bool ptw_kind_is_at(const struct ptw_field *f, unsigned place,
                               uint64_t raw)
{
    return (f->w->kinds_known >> place & 1) != 0 &&
           ptw_is_alike(f, &f->w->kind[place], raw);
}

/* What is known of leaves like raw, or NULL: the last ones, those before them,
 * which is most of it, or others. */
PTW_ENGINE const struct ptw_leaf_kind *
ptw_known_kind(const struct ptw_field *f, struct ptw_kinds *k, uint64_t raw)
{
    const struct ptw_leaf_kind *last = k->last;

    if (PTW_LIKELY(last != NULL && ptw_is_alike(f, last, raw))) {
        return last;
    }
    if (k->before != NULL && ptw_is_alike(f, k->before, raw)) {
        k->last = k->before;
    } else {
        unsigned place = ptw_kind_place(f, raw);

        if (!ptw_kind_is_at(f, place, raw)) {
            place ^= 1;
            if (!ptw_kind_is_at(f, place, raw)) {
                return NULL;
            }
        }
        k->last = &f->w->kind[place];
    }
    k->before = last;
    return k->last;
}

/* Whether leaves of both kinds can be of one run. */
PTW_ENGINE bool ptw_is_run_of(const struct ptw_field *f,
                              const struct ptw_leaf_kind *a,
                              const struct ptw_leaf_kind *b)
{
    return a == b ||
           (a->rights == b->rights && a->leaf_class == b->leaf_class &&
            (!f->w->c.list || a->alone == b->alone));
}

/* ------------------------------------------------------------------- blocks */

/* It is asked of the entries from index on; the one before them is to be taken
 * for `before`. */
PTW_ENGINE void ptw_ask_from(const struct ptw_field *f, struct ptw_question *q,
                             unsigned index, uint64_t before)
{
    const struct ptw_walk *w = f->w;

    q->before = before;
    q->ahead = ptw_entry_host(
        f->a, w->ahead != NULL ? w->ahead : w->c.at[0].host, index);
}

/* Gives the entries of the window from index on, n of them, their masks.
 * joined: the first one may follow what is expected. */
PTW_ENGINE void ptw_put_masks(struct ptw_walk *w, unsigned index, unsigned n,
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
PTW_ENGINE unsigned ptw_fetch_block(const struct ptw_field *f,
                                    struct ptw_question *q, unsigned index,
                                    bool joined, uint64_t before)
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
    ptw_ask_from(f, q, index, before);
    ptw_put_masks(w, index, n,
                  f->k->block(q, ptw_entry_host(f->a, t->host, index),
                              n / PTW_LINE, &w->window.leaf[at]),
                  joined);
    return n;
}

_Static_assert((int)PTW_LEAF_WINDOW == (int)PTW_BLOCK,
               "a mask has a bit for each slot");

enum { PTW_LONG_RUN = 64 };

/* A run that was as long before is likely to go on for longer. */
PTW_ENGINE bool ptw_is_long(const struct ptw_field *f,
                            const struct ptw_item *run)
{
    return (run->last.v - run->first.v) >> f->shift >= PTW_LONG_RUN - 1;
}

/* How many entries of the window from `at` on the run goes on by, as those masks
 * say. */
PTW_ENGINE unsigned ptw_go_on(const struct ptw_field *f, uint64_t follows,
                              struct ptw_item *run, unsigned at,
                              struct ptw_expected *x)
{
    uint64_t other = ~(follows >> at);
    unsigned n =
        other == 0 ? PTW_LEAF_WINDOW : (unsigned)__builtin_ctzll(other);

    n = n < x->left ? n : (unsigned)x->left;
    run->last.v += (uint64_t)n << f->shift;
    x->raw += (uint64_t)n << f->step;
    x->left -= n;
    return n;
}

#endif
