/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of leaves, block by block. */
#include "give.h"

unsigned ptw_long_run(const struct ptw_field *f, struct ptw_question *q,
                      struct ptw_sink *out, unsigned index,
                      struct ptw_expected *x, unsigned *fetched)
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
    ptw_ask_from(f, q, index, x->raw - q->step);
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
        ptw_put_masks(w, index, PTW_LINE, ptw_masks_of(q, line, PTW_LINE),
                      true);
    }
    return done * PTW_LINE;
}

/* What goes on with a run whose last leaf is raw. */
PTW_ENGINE struct ptw_expected behind(const struct ptw_field *f,
                                      const struct ptw_shape *s, uint64_t raw)
{
    uint64_t pa = ptw_plain_pa(s, raw);
    struct ptw_expected x = {
        .raw = raw + ((uint64_t)1 << f->step),
        .left = (ptw_run_last(f->r, pa) - pa) >> f->shift,
    };

    return x;
}

/* The entry before the one that is next: whether it is a leaf of the open run. */
struct passed {
    bool leaf;
    uint64_t raw;
};

/* Of entry index, which comes next and is not the first one of the block. */
PTW_ENGINE struct passed passed_at(const struct ptw_walk *w, unsigned index)
{
    unsigned at = (index - 1) % PTW_LEAF_WINDOW;
    struct passed p = {
        .leaf = (w->present >> at & 1) != 0,
        .raw = w->window.leaf[at],
    };

    return p;
}

/* Where runs go, in the quick ways: each has an item of the caller's. */
struct giver {
    struct ptw_item *item;       /* the next one; the open run is before it */
    const struct ptw_item *full; /* behind the last one */
    uint64_t next_pa; /* what would go on with the open run, if anything */
};

/* The entry that is next is at `va`. */
PTW_ENGINE struct giver giver_of(const struct ptw_sink *out, uint64_t va)
{
    struct giver g = {
        .item = &out->item[out->count],
        .full = &out->item[out->room],
        .next_pa = 1, /* no page has it */
    };

    if (out->open != NULL) {
        if (ptw_continues(out, PTW_ITEM_MAPPING, va)) {
            g.next_pa = g.item->u.mapping.pa.v + (va - g.item->first.v);
        }
        g.item++;
    }
    return g;
}

PTW_ENGINE void given_by(const struct giver *g, struct ptw_sink *out)
{
    if (g->item != &out->item[out->count]) {
        out->open = g->item - 1;
        out->count = (size_t)(out->open - out->item);
    }
}

/* A bit for each entry of a line. */
enum { LINE_BITS = (1 << PTW_LINE) - 1 };

/* Whether the entries of a line are all of one kind, which raw is of. */
PTW_ENGINE bool is_line_of(const struct ptw_shape *s, const uint64_t *line,
                           uint64_t raw)
{
    uint64_t differ = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        differ |= line[i] ^ raw;
    }
    return (differ & s->alike) == 0;
}

/* Gives lines of leaves, from that entry of the window on, each of which is a run
 * of its own, as long as they are of that kind and there is room.  Returns how
 * many lines.  Where none of one kind follows another one, none goes on with it.
 */
static PTW_APART unsigned single_lines(const struct ptw_field *f,
                                       struct ptw_item *item, size_t room,
                                       uint64_t singles, const uint64_t *entry,
                                       uint64_t first, uint64_t next_pa,
                                       const struct ptw_leaf_kind *kind)
{
    struct ptw_shape s = ptw_shape_of(f);
    unsigned lines = 0;

    s.item.u.mapping.rights = kind->rights;
    /* A step carries out of an address of which bits stand elsewhere. */
    if (s.moved != 0 || ptw_plain_pa(&s, *entry) == next_pa) {
        return 0;
    }
    for (; (singles & LINE_BITS) == LINE_BITS && room >= PTW_LINE; lines++) {
        if (!is_line_of(&s, entry, kind->raw)) {
            break;
        }
        ptw_put_alike(&s, item, first, entry, entry + PTW_LINE);
        item += PTW_LINE;
        room -= PTW_LINE;
        first += PTW_LINE * s.page;
        entry += PTW_LINE;
        singles >>= PTW_LINE;
    }
    return lines;
}

/* Gives the runs of entries of the window, from `at` on, below `end`, as long as
 * leaves are of kinds that are known and there is an item for each run.  Returns
 * the entry that comes next.  base is the address of entry 0 of the window; p is
 * what is before `at`.  It stops at leaves of another kind than `kind`, and where
 * leaves go on with a run in a way that the masks do not show, but for mixed, a
 * constant: there the kinds are looked up. */
PTW_ENGINE unsigned give_runs(const struct ptw_field *f,
                              const struct ptw_shape *s, struct giver *g,
                              struct ptw_masks m, unsigned at, unsigned end,
                              uint64_t base, struct passed p,
                              const struct ptw_leaf_kind *kind,
                              struct ptw_kinds *kinds, bool mixed)
{
    const uint64_t *entry = f->w->window.leaf;
    const uint64_t judged = kind->raw;
    const unsigned rights = kind->rights;
    const uint64_t ends = ~(m.follows >> 1); /* of stretches */
    uint64_t first;  /* of the leaves that are to be given */
    uint64_t starts; /* of runs: a bit each */

    if (p.leaf && (m.follows >> at & 1) != 0) {
        struct ptw_expected x = behind(f, s, p.raw);
        unsigned n = ptw_go_on(f, m.follows, &g->item[-1], at, &x);

        g->next_pa += n * s->page;
        at += n;
        if (at >= end) {
            return end;
        }
    }
    first = (uint64_t)1 << at;
    starts = m.present & (~m.follows | first) & -first;
    if (!mixed && ((starts & ends) >> at & LINE_BITS) == LINE_BITS) {
        unsigned n =
            PTW_LINE * single_lines(f, g->item, (size_t)(g->full - g->item),
                                    (starts & ends) >> at, &entry[at],
                                    base + at * s->page, g->next_pa, kind);

        if (n != 0) {
            at += n;
            g->item += n;
            g->next_pa = ptw_plain_pa(s, entry[at - 1]) + s->page;
            starts &= ~ptw_low_mask(at);
        }
    }
    while (starts != 0) {
        uint64_t bytes = s->page;
        uint64_t raw;
        uint64_t pa;
        unsigned more;

        at = (unsigned)__builtin_ctzll(starts);
        raw = entry[at];
        if (mixed) {
            kind = ptw_known_kind(f, kinds, raw);
            if (kind == NULL) {
                return at;
            }
        } else if (((raw ^ judged) & s->alike) != 0) {
            return at;
        }
        pa = ptw_plain_pa(s, raw);
        more = (unsigned)__builtin_ctzll(ends >> at);
        if (more != 0) {
            uint64_t most = ptw_run_last(f->r, pa) - pa;

            bytes += more * s->page;
            if (bytes - s->page > most) {
                /* The rest is another stretch. */
                bytes = most + s->page;
                starts |= (uint64_t)1 << (at + (bytes >> s->shift));
            }
        }
        if (pa == g->next_pa &&
            ((starts & first) != 0 || (m.present >> (at - 1) & 1) != 0)) {
            if (!mixed || kinds->open == NULL) {
                return at;
            }
            if (ptw_is_run_of(f, kinds->open, kind)) {
                g->item[-1].last.v += bytes;
                goto given;
            }
        }
        if (g->item == g->full) {
            return at;
        }
        ptw_put_known(s, g->item++, base + at * s->page, bytes, pa, raw,
                      mixed ? kind->rights : rights);
    given:
        if (mixed) {
            kinds->open = kind;
        }
        g->next_pa = pa + bytes;
        starts &= starts - 1;
    }
    return end;
}

/* The masks of the window, without those of holes that the walk has to give and
 * of what is behind them, and where they end, at most at `end`. */
PTW_ENGINE struct ptw_masks before_hole(const struct ptw_field *f, unsigned at,
                                        unsigned *end)
{
    struct ptw_masks m = {f->w->present, f->w->follows};

    if ((f->w->flags & PTW_WALK_HOLES) != 0 && ~m.present >> at != 0) {
        unsigned hole = at + (unsigned)__builtin_ctzll(~m.present >> at);

        *end = hole < *end ? hole : *end;
        m.present &= ptw_low_mask(*end);
        m.follows &= ptw_low_mask(*end);
    }
    return m;
}

static PTW_APART unsigned mixed_runs(const struct ptw_field *f,
                                     struct ptw_sink *out, unsigned index,
                                     unsigned fetched, struct ptw_kinds *kinds,
                                     struct passed p)
{
    const struct ptw_shape s = ptw_shape_of(f);
    struct giver g = giver_of(out, ptw_page_at(f, index));
    unsigned at = index % PTW_LEAF_WINDOW;
    unsigned block = index - at;
    unsigned end = fetched - block;
    struct ptw_masks m = before_hole(f, at, &end);

    if (at < end) {
        at = give_runs(f, &s, &g, m, at, end, ptw_page_at(f, block), p,
                       kinds->last, kinds, true);
        given_by(&g, out);
    }
    return block + at;
}

/* How many whole blocks there are from index on that may be given one after the
 * other. */
PTW_ENGINE unsigned whole_blocks(const struct ptw_field *f, unsigned index)
{
    const struct ptw_walk *w = f->w;
    uint64_t n = w->c.at[0].last + 1u - index;

    n = n < w->c.reads_left ? n : w->c.reads_left;
    return index % PTW_LEAF_WINDOW != 0 || (w->flags & PTW_WALK_HOLES) != 0
               ? 0
               : (unsigned)(n / PTW_LEAF_WINDOW);
}

/* Gives them, by give_runs, until that stops or a run is long.  Returns the entry
 * that comes next; *upto: how far entries were fetched. */
PTW_ENGINE unsigned give_blocks(const struct ptw_field *f,
                                const struct ptw_shape *s, struct giver *g,
                                struct ptw_question *q, unsigned index,
                                struct passed *p,
                                const struct ptw_leaf_kind *kind,
                                struct ptw_kinds *kinds, unsigned *upto)
{
    struct ptw_walk *w = f->w;
    const size_t bytes = (size_t)PTW_LEAF_WINDOW << f->a->entry_log2;
    const unsigned char *from = ptw_entry_host(f->a, w->c.at[0].host, index);
    const struct ptw_item *none = g->item;
    unsigned blocks = whole_blocks(f, index); /* at least one */
    unsigned start = index;
    uint64_t base = ptw_page_at(f, index);
    unsigned at = PTW_LEAF_WINDOW;
    struct ptw_masks m = {0, 0};

    ptw_ask_from(f, q, index, p->raw);
    while (blocks > 0) {
        blocks--;
        m = f->k->block(q, from, PTW_LEAF_WINDOW / PTW_LINE, w->window.leaf);
        at = give_runs(f, s, g, m, 0, PTW_LEAF_WINDOW, base, *p, kind, kinds,
                       false);
        index += PTW_LEAF_WINDOW;
        if (at < PTW_LEAF_WINDOW) {
            break;
        }
        p->leaf = m.present >> (PTW_LEAF_WINDOW - 1) != 0;
        p->raw = w->window.leaf[PTW_LEAF_WINDOW - 1];
        if (p->leaf && ptw_is_long(f, g->item - 1)) {
            break;
        }
        q->before = p->raw;
        q->ahead += bytes;
        from += bytes;
        base += PTW_LEAF_WINDOW * s->page;
    }
    if (g->item != none) {
        kinds->open = kinds->last;
    }
    w->c.reads_left -= index - start;
    ptw_put_masks(w, index - PTW_LEAF_WINDOW, PTW_LEAF_WINDOW, m, true);
    *upto = index;
    index -= PTW_LEAF_WINDOW - at;
    if (at > 0 && at < PTW_LEAF_WINDOW) {
        *p = passed_at(w, index);
    }
    return index;
}

unsigned ptw_quick_runs(const struct ptw_field *field, struct ptw_question *q,
                        struct ptw_sink *out, unsigned index, unsigned *fetched,
                        struct ptw_kinds *kinds, struct ptw_expected *x)
{
    const struct ptw_field f = *field; /* which no store can change */
    const struct ptw_shape s = ptw_shape_of(&f);
    struct giver g = giver_of(out, ptw_page_at(&f, index));
    struct passed p = {.leaf = x->left > 0, .raw = x->raw - q->step};
    struct ptw_leaf_kind kind = *kinds->last;
    unsigned upto = *fetched;

    for (;;) {
        unsigned at = index % PTW_LEAF_WINDOW;
        unsigned block = index - at;
        unsigned end = upto - block;
        struct ptw_masks m = before_hole(&f, at, &end);
        unsigned next = index;

        if (at < end) {
            const struct ptw_item *was = g.item;

            next = block + give_runs(&f, &s, &g, m, at, end,
                                     ptw_page_at(&f, block), p, &kind, kinds,
                                     false);
            if (g.item != was) {
                kinds->open = kinds->last;
            }
        }
        if (next < upto) {
            if (next != index) {
                p = passed_at(f.w, next);
            }
            index = next;
            given_by(&g, out);
            next = mixed_runs(field, out, index, upto, kinds, p);
            g = giver_of(out, ptw_page_at(&f, next));
            kind = *kinds->last;
        }
        if (next != index) {
            p = passed_at(f.w, next);
        }
        index = next;
        if (index < upto) {
            break;
        }
        if (p.leaf && ptw_is_long(&f, g.item - 1)) {
            given_by(&g, out);
            *x = behind(&f, &s, p.raw);
            index += ptw_long_run(field, q, out, index, x, &upto);
            p.leaf = x->left > 0;
            p.raw = x->raw - q->step;
            g.next_pa = ptw_plain_pa(&s, p.raw) + s.page;
        }
        if (index >= upto && whole_blocks(&f, index) > 0) {
            index = give_blocks(&f, &s, &g, q, index, &p, &kind, kinds, &upto);
        } else if (index >= upto) {
            upto = index + ptw_fetch_block(&f, q, index, p.leaf, p.raw);
            if (index == upto) {
                break;
            }
        }
    }
    given_by(&g, out);
    x->left = 0;
    if (p.leaf) {
        *x = behind(&f, &s, p.raw);
    }
    *fetched = upto;
    return index;
}
