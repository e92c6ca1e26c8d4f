/* SPDX-License-Identifier: Apache-2.0 */
/* This file sweeps tables of leaves a line of entries at a time, since they are
 * nearly all of the work: each entry is still loaded once and judged by the same
 * rules, but a line that only continues the open run, or has nothing present,
 * is given as a whole. */
#ifndef PTW_SWEEP_H
#define PTW_SWEEP_H

#include "items.h"

/* ptw_look_ahead finds the table of leaves that will be read after t, so that
 * the sweep of t can fetch it into the cache: only a hint, out of entries that
 * were fetched anyway. */
PTW_ENGINE void ptw_look_ahead(const struct ptw_format *a, struct ptw_walk *w,
                               const struct ptw_path_table *t)
{
    const struct ptw_path_table *up = t + 1;

    if (w->ahead_of == t->table && w->ahead != NULL) {
        return;
    }
    w->ahead_of = t->table;
    w->ahead = NULL;
    if (a->levels < 2 || w->c.top == 0) {
        return;
    }
    for (unsigned i = up->index + 1u; i < up->fetched; i++) {
        struct ptw_entry e =
            a->decode(w->c.regime, w->window[1][i % PTW_MAX_WINDOW], 1, i);

        if (e.kind == PTW_ENTRY_TABLE) {
            const struct ptw_region *r = ptw_find_range(
                w->c.mem, e.pa.v, ptw_table_bytes(a, w->c.regime, 0));

            if (r != NULL && r->host != NULL) {
                w->ahead = ptw_host(r, e.pa.v);
            }
            return;
        }
    }
}

/* Loads a line of entries, each once; returns all their bits together. */
PTW_ENGINE uint64_t ptw_load_line(const struct ptw_format *a,
                                  const unsigned char *from,
                                  uint64_t line[PTW_LINE])
{
    uint64_t any = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        line[i] = ptw_load_entry(a, from, i);
        any |= line[i];
    }
    return any;
}

/* What the next leaf of a table has to be to continue the open run: its entry,
 * but for bits that need not be alike, and its address, which must not carry
 * into bits that are not the address's: `last` is the last one before that. */
struct ptw_expected {
    bool any;
    uint64_t raw;
    uint64_t pa;
    uint64_t last;
};

/* Expects the leaf that follows raw, which maps pa, `pages` leaves further on.
 * Nothing is expected where an entry is no sum of the one before and a step. */
PTW_ENGINE void ptw_expect_after(const struct ptw_format *a,
                                 const struct ptw_regime *r,
                                 struct ptw_expected *x, uint64_t raw,
                                 uint64_t pa, uint64_t pages)
{
    const struct ptw_level *l = &a->level[0];

    x->any = (raw & a->irregular) == 0;
    x->raw = raw + pages * l->step;
    x->pa = pa + (pages << l->shift);
    x->last = ptw_run_last(r, pa);
}

PTW_ENGINE struct ptw_expected ptw_expect(const struct ptw_format *a,
                                          const struct ptw_regime *r,
                                          const struct ptw_sink *out,
                                          unsigned path_rights, uint64_t first)
{
    struct ptw_expected x = {false, 0, 0, 0};
    const struct ptw_mapping *m;

    if (!ptw_continues(out, PTW_ITEM_MAPPING, first)) {
        return x;
    }
    m = &out->open->u.mapping;
    if (m->level == 0 &&
        m->rights == (path_rights & a->decode(r, m->raw, 0, 0).rights) &&
        a->leaf_class(r, m->above, m->raw, 0) ==
            a->leaf_class(r, path_rights, m->raw, 0)) {
        ptw_expect_after(a, r, &x, m->raw, m->pa.v,
                         (first - out->open->first.v) >> a->level[0].shift);
    }
    return x;
}

/* Whether a line is just that, eight times. */
PTW_ENGINE bool ptw_expected_line(const struct ptw_expected *x, uint64_t step,
                                  uint64_t alike, const uint64_t line[PTW_LINE])
{
    uint64_t differ = 0;

    PTW_UNROLL
    for (unsigned i = 0; i < PTW_LINE; i++) {
        differ |= line[i] ^ (x->raw + i * step);
    }
    return (differ & alike) == 0;
}

PTW_ENGINE void ptw_grow(const struct ptw_format *a, struct ptw_sink *out,
                         struct ptw_expected *x, unsigned leaves)
{
    uint64_t bytes = (uint64_t)leaves << a->level[0].shift;

    out->open->last.v += bytes;
    x->raw += leaves * a->level[0].step;
    x->pa += bytes;
}

/* ptw_sweep gives as much of a table of leaves as there is room for.  It
 * stops where anything but a leaf or an absent entry has to be given, or
 * where the line is not whole, and the descent goes on from there. */
PTW_ENGINE void ptw_sweep(const struct ptw_format *a, struct ptw_walk *w,
                          struct ptw_sink *out, bool runs)
{
    const struct ptw_regime *r = w->c.regime;
    struct ptw_path_table *t = &w->c.at[0];
    const uint64_t step = (uint64_t)1 << a->level[0].shift;
    const uint64_t alike = r->rule[0].alike;
    uint64_t base = ptw_va_from(a, w->c.regime, t->base);
    uint64_t *window = w->window[0];
    unsigned index = t->index;
    unsigned last = t->last;
    unsigned fetched = t->fetched;
    struct ptw_expected x = {false, 0, 0, 0};

    ptw_look_ahead(a, w, t);
    if (runs) {
        x = ptw_expect(a, r, out, t->rights, base + index * step);
    }
    while (index <= last && out->count < out->room) {
        struct ptw_entry e;
        uint64_t first;
        uint64_t raw;

        if (index >= fetched) {
            const unsigned char *from = ptw_entry_host(a, t->host, index);
            /* A line does not wrap in the window. */
            uint64_t *slot = &window[index % PTW_MAX_WINDOW];
            uint64_t any;

            if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > last ||
                w->c.reads_left < PTW_LINE) {
                break;
            }
            if (w->ahead != NULL) {
                __builtin_prefetch(ptw_entry_host(a, w->ahead, index));
            }
            w->c.reads_left -= PTW_LINE;
            fetched = index + PTW_LINE;
            if (runs && x.any) {
                uint64_t line[PTW_LINE];

                any = ptw_load_line(a, from, line);
                if (ptw_expected_line(&x, a->level[0].step, alike, line) &&
                    x.pa + (PTW_LINE - 1) * step <= x.last) {
                    ptw_grow(a, out, &x, PTW_LINE);
                    index += PTW_LINE;
                    continue;
                }
                memcpy(slot, line, sizeof line);
            } else {
                any = ptw_load_line(a, from, slot);
            }
            if ((any & a->present) == 0) {
                ptw_emit_absent(w, out, 0, base + index * step, slot[0],
                                PTW_LINE * step - 1);
                x.any = false;
                index += PTW_LINE;
                continue;
            }
        }
        raw = window[index % PTW_MAX_WINDOW];
        if (runs && x.any && ((raw ^ x.raw) & alike) == 0 && x.pa <= x.last) {
            ptw_grow(a, out, &x, 1);
            index++;
            continue;
        }
        e = a->decode(r, raw, 0, index);
        e.rights &= t->rights;
        first = base + index * step;
        if (e.kind == PTW_ENTRY_LEAF) {
            if ((e.rights & w->c.need_leaf) != w->c.need_leaf) {
                break;
            }
            if (!runs && out->open == NULL) {
                ptw_put_leaf(w, &out->item[out->count++], 0, first,
                             a->level[0].shift, raw, t->rights, &e);
            } else {
                ptw_emit_leaf(a, w, out, runs, 0, first, raw, &e);
            }
            if (runs) {
                ptw_expect_after(a, r, &x, raw, e.pa.v, 1);
            }
        } else if (e.kind == PTW_ENTRY_ABSENT) {
            ptw_emit_absent(w, out, 0, first, raw, step - 1);
            x.any = false;
        } else {
            break;
        }
        index++;
    }
    t->index = (uint16_t)index;
    t->fetched = (uint16_t)fetched;
}

/* ptw_skip steps over entries of an upper table that are not present: most of
 * them are not. */
PTW_ENGINE void ptw_skip(const struct ptw_format *a, struct ptw_cursor *c,
                         struct ptw_path_table *t, uint64_t *window)
{
    unsigned index = t->index;

    while (index <= t->last) {
        uint64_t *slot = &window[index % PTW_MAX_WINDOW];

        if (index < t->fetched) {
            if ((*slot & a->present) != 0) {
                break;
            }
            index++;
            continue;
        }
        if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > t->last ||
            c->reads_left < PTW_LINE) {
            break;
        }
        c->reads_left -= PTW_LINE;
        t->fetched = (uint16_t)(index + PTW_LINE);
        if ((ptw_load_line(a, ptw_entry_host(a, t->host, index), slot) &
             a->present) == 0) {
            index += PTW_LINE;
        }
    }
    t->index = (uint16_t)index;
}

#endif
