/* SPDX-License-Identifier: Apache-2.0 */
/* A list of pages: one edit.
 *
 * Where every table of leaves is there and private, the leaves are written in
 * the order of the list.  Else the pages are put into the order of their
 * addresses, and the passes go over them as over a range.  The order is a chain
 * through the list: nothing else has room for it, and the pages stay where the
 * caller has them. */
#include "request.h"
#include "run.h"

/* ---------------------------------------------------------------- the order */

/* Joins two chains of ascending addresses, of which those of the first one
 * stand before those of the second one in the list.  Of two pages with one
 * address the later one stays. */
static size_t merge(struct ptw_page *page, uint64_t mask, size_t a, size_t b)
{
    size_t head = PTW_NO_PAGE;
    size_t *end = &head;

    while (a != PTW_NO_PAGE && b != PTW_NO_PAGE) {
        uint64_t va_a = page[a].va.v & mask;
        uint64_t va_b = page[b].va.v & mask;

        if (va_a < va_b) {
            *end = a;
            end = &page[a].next;
            a = page[a].next;
        } else {
            if (va_a == va_b) {
                a = page[a].next;
            }
            *end = b;
            end = &page[b].next;
            b = page[b].next;
        }
    }
    *end = a != PTW_NO_PAGE ? a : b;
    return head;
}

/* Whether the list itself is ascending, and then the chain is the list. */
static bool ascending(struct ptw_page *page, uint64_t mask, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        if (i > 0 && (page[i - 1].va.v & mask) >= (page[i].va.v & mask)) {
            return false;
        }
        page[i].next = i + 1 < pages ? i + 1 : PTW_NO_PAGE;
    }
    return true;
}

/* Chains the pages in the order of their addresses, and returns the first one.
 * The chain in bin i has been joined of 2^i pages. */
static size_t chain(struct ptw_page *page, uint64_t mask, size_t pages)
{
    enum { BINS = 8 * sizeof(size_t) };
    size_t bin[BINS];
    size_t all = PTW_NO_PAGE;

    if (ascending(page, mask, pages)) {
        return 0;
    }
    for (unsigned i = 0; i < BINS; i++) {
        bin[i] = PTW_NO_PAGE;
    }
    for (size_t at = 0; at < pages; at++) {
        size_t more = at;
        unsigned i = 0;

        page[at].next = PTW_NO_PAGE;
        for (; bin[i] != PTW_NO_PAGE; i++) {
            more = merge(page, mask, bin[i], more);
            bin[i] = PTW_NO_PAGE;
        }
        bin[i] = more;
    }
    for (unsigned i = 0; i < BINS; i++) {
        all = merge(page, mask, bin[i], all);
    }
    return all;
}

/* ----------------------------------------------------------------- the edit */

/* Whether the regime has pages of that size. */
static bool is_size(const struct ptw_regime *r, unsigned size_log2)
{
    const struct ptw_format *a = r->arch->format;

    for (unsigned level = 0; level <= ptw_top(a, r); level++) {
        if (size_log2 == a->level[level].shift) {
            return level == 0 || r->rule[level].leaf;
        }
    }
    return false;
}

/* The request for one page. */
static struct ptw_map_request one(const struct ptw_map_many_request *q,
                                  const struct ptw_page *p, uint64_t span)
{
    struct ptw_map_request m = {
        .first = p->va,
        .last = {p->va.v + span},
        .pa = p->pa,
        .rights = q->rights,
        .copy_on_write = q->copy_on_write,
        .attributes = q->attributes,
        .flags = q->flags,
        .max_reads = q->max_reads,
    };

    return m;
}

/* Begins the edit, as one for each page, of which the first one that is wrong
 * by itself is *refused. */
static enum ptw_status begin(struct ptw_edit *ed, struct ptw_tables *t,
                             const struct ptw_map_many_request *q,
                             uint64_t span, size_t *refused)
{
    const struct ptw_format *a = t->root.regime->arch->format;
    enum ptw_status st = PTW_OK;

    for (size_t i = 0; i < q->pages && st == PTW_OK; i++) {
        struct ptw_map_request m = one(q, &q->page[i], span);

        *refused = i;
        st = ptw_edit_map(a, ed, t, &m, false);
        if ((st == PTW_OK || st == PTW_E_RANGE) &&
            ((m.first.v | m.pa.v) & span) != 0) {
            st = PTW_E_ALIGN;
        }
    }
    ed->attributes = &q->attributes;
    return st;
}

/* Finds the first page of the list that the plan refuses by itself, within the
 * limit; *refused is one that it refused among others. */
static enum ptw_status find_refused(struct ptw_edit *ed, bool movable,
                                    enum ptw_status st, size_t *refused)
{
    for (size_t i = 0; i < *refused; i++) {
        enum ptw_status alone;

        ed->page[i].next = PTW_NO_PAGE;
        ed->head = i;
        alone = ptw_edit_plan(ed, movable);
        if (alone != PTW_OK && alone != PTW_E_LIMIT) {
            *refused = i;
            return alone;
        }
    }
    return st;
}

static enum ptw_status many(struct ptw_tables *t,
                            const struct ptw_movable_tables *movable,
                            const struct ptw_map_many_request *q,
                            size_t *refused)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;
    struct ptw_edit ed;
    enum ptw_status st;
    unsigned log2;

    *refused = q->pages;
    if (a->levels == 0) {
        return PTW_E_REGIME;
    }
    log2 = q->size_log2 != 0 ? q->size_log2 : ptw_page_log2(a);
    if (!is_size(r, log2)) {
        return PTW_E_ARG;
    }
    if (q->pages == 0 || (movable == NULL && r->arch->map_pages(t, q, &st))) {
        return q->pages == 0 ? PTW_OK : st;
    }
    st = begin(&ed, t, q, ptw_low_mask(log2), refused);
    if (st != PTW_OK && st != PTW_E_ARG) {
        return st;
    }
    *refused = q->pages;
    if (st != PTW_OK) {
        return st;
    }
    ed.page = q->page;
    ed.span = ptw_low_mask(log2);
    ed.head = chain(q->page, ptw_low_mask(ptw_width(a, r)), q->pages);
    ed.move = movable != NULL ? movable->move : NULL;
    st = ptw_edit_passes(&ed, movable != NULL);
    if (st == PTW_OK || ed.planned || st == PTW_E_LIMIT ||
        (t->table_flags & ~r->flag_bits) != 0) {
        return st;
    }
    *refused = ed.at;
    return find_refused(&ed, movable != NULL, st, refused);
}

enum ptw_status ptw_map_many(struct ptw_tables *t,
                             const struct ptw_map_many_request *q,
                             size_t *refused)
{
    return many(t, NULL, q, refused);
}

enum ptw_status ptw_map_many_movable(struct ptw_movable_tables *t,
                                     const struct ptw_map_many_request *q,
                                     size_t *refused)
{
    return many(&t->tables, t, q, refused);
}
