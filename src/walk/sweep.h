/* SPDX-License-Identifier: Apache-2.0 */
/* This file passes quickly over what tables in direct memory mostly have:
 * leaves of the smallest size, and upper entries that are not present.  Each
 * entry is still loaded once, and judged by the same rules. */
#ifndef PTW_SWEEP_H
#define PTW_SWEEP_H

#include "items.h"

/* ptw_sweep gives as much of the table of leaves that the walk is in as there
 * is room for.  It stops where anything but a leaf or an absent entry has to be
 * given, or where a line is not whole, and the descent goes on from there. */
void ptw_sweep(struct ptw_walk *w, struct ptw_sink *out);

/* ptw_look_ahead finds the table of leaves that will be read after the one that
 * the walk is in, w->ahead, so that whoever reads this one can fetch it into
 * the cache, and has the first lines of tables further on fetched: only hints,
 * out of entries that were fetched anyway. */
void ptw_look_ahead(struct ptw_walk *w);

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

/* ptw_fetch_line fetches the line of entries from `index` on, at which nothing of
 * the upper table in direct memory was fetched yet.  Returns false where no line
 * begins, or where it is not read whole; *any has the bits of all its entries. */
PTW_ENGINE bool ptw_fetch_line(const struct ptw_format *a, struct ptw_cursor *c,
                               unsigned level, struct ptw_window *window,
                               unsigned index, uint64_t *any)
{
    struct ptw_path_table *t = &c->at[level];

    if (index % PTW_LINE != 0 || index + PTW_LINE - 1 > t->last ||
        c->reads_left < PTW_LINE) {
        return false;
    }
    c->reads_left -= PTW_LINE;
    t->fetched = (uint16_t)(index + PTW_LINE);
    *any = ptw_load_line(a, ptw_entry_host(a, t->host, index),
                         ptw_slot(window, level, index));
    return true;
}

/* ptw_skip steps over entries of the upper table that the path is in that are
 * not present: most of them are not. */
PTW_ENGINE void ptw_skip(const struct ptw_format *a, struct ptw_cursor *c,
                         struct ptw_window *window)
{
    unsigned level = (unsigned)c->level;
    struct ptw_path_table *t = &c->at[level];
    unsigned index = t->index;

    while (index <= t->last) {
        uint64_t any;

        if (index < t->fetched) {
            if ((*ptw_slot(window, level, index) & a->present) != 0) {
                break;
            }
            index++;
        } else if (!ptw_fetch_line(a, c, level, window, index, &any)) {
            break;
        } else if ((any & a->present) == 0) {
            index += PTW_LINE;
        }
    }
    t->index = (uint16_t)index;
}

#endif
