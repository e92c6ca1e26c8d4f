/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves one by one, and as lines. */
#include "give.h"

/* How many leaves from `index` on are alike, of those that were fetched. */
PTW_ENGINE unsigned alike_from(const struct ptw_field *f, unsigned index,
                               unsigned fetched)
{
    uint64_t other = ~(f->w->follows >> index % PTW_LEAF_WINDOW >> 1);
    unsigned n = 1 + (unsigned)__builtin_ctzll(other);

    return n < fetched - index ? n : fetched - index;
}

/* Passes over entries from *index on that are not present, unless the walk
 * gives holes.  Whether there is a leaf then, below `fetched`, of a kind that is
 * known: *kind. */
PTW_ENGINE bool next_known(const struct ptw_field *f, struct ptw_kinds *kinds,
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
    *kind = ptw_known_kind(f, kinds, *ptw_slot(&w->window, 0, *index));
    return *kind != NULL;
}

unsigned ptw_give_leaves(const struct ptw_field *f, struct ptw_sink *out,
                         unsigned index, unsigned fetched,
                         struct ptw_kinds *kinds)
{
    struct ptw_shape s = ptw_shape_of(f);
    struct ptw_item *item = &out->item[out->count];
    struct ptw_item *full = &out->item[out->room];
    const struct ptw_leaf_kind *kind;

    while (item != full && next_known(f, kinds, &index, fetched, &kind)) {
        const uint64_t *raw = ptw_slot(&f->w->window, 0, index);
        uint64_t first = ptw_page_at(f, index);
        size_t n = alike_from(f, index, fetched);

        n = n < (size_t)(full - item) ? n : (size_t)(full - item);
        index += (unsigned)n;
        s.item.u.mapping.rights = kind->rights;
        ptw_put_alike(&s, item, first, raw, raw + n);
        item += n;
    }
    out->count = (size_t)(item - out->item);
    return index;
}

unsigned ptw_give_lines(const struct ptw_field *f, struct ptw_sink *out,
                        unsigned index, unsigned fetched,
                        struct ptw_kinds *kinds)
{
    const uint64_t *whole =
        &f->w->window.leaf[PTW_LEAF_WINDOW - PTW_LINE]; /* the last one */
    struct ptw_item *item = &out->item[out->count];
    struct ptw_item *full = &out->item[out->room];
    const struct ptw_leaf_kind *kind;

    while (item != full && next_known(f, kinds, &index, fetched, &kind)) {
        uint64_t first = ptw_page_at(f, index);
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
_Static_assert(sizeof(struct ptw_item) % sizeof(uint64_t) == 0,
               "lines of neighbouring items stand whole entries apart");

unsigned ptw_whole_lines(const struct ptw_field *f, struct ptw_question *q,
                         struct ptw_sink *out, unsigned index,
                         unsigned *fetched, const struct ptw_leaf_kind *kind)
{
    struct ptw_walk *w = f->w;
    const struct ptw_path_table *t = &w->c.at[0];
    struct ptw_item *item = &out->item[out->count];
    struct ptw_item like = {
        .kind = PTW_ITEM_LINE,
        .space = w->c.space,
        .u.line = {.rights = kind->rights,
                   .leaves = PTW_LINE,
                   .size_log2 = (uint8_t)f->shift,
                   .above = (uint8_t)f->rights},
    };
    uint64_t first = ptw_page_at(f, index);
    uint64_t n = t->last + 1u - index;
    unsigned lines;
    unsigned done;

    n = n < w->c.reads_left ? n : w->c.reads_left;
    n /= PTW_LINE;
    n = n < out->room - out->count ? n : out->room - out->count;
    lines = (unsigned)n;
    if (lines == 0 || index % PTW_LINE != 0) {
        return index;
    }
    ptw_ask_from(f, q, index, kind->raw);
    done = f->k->copy(q, ptw_entry_host(f->a, t->host, index), lines,
                      item->u.line.raw);
    w->c.reads_left -= (uint64_t)done * PTW_LINE;
    out->count += done;
    index += done * PTW_LINE;
    *fetched = index;
    if (done < lines) {
        w->c.reads_left -= PTW_LINE;
        *fetched += PTW_LINE;
        memcpy(ptw_slot(&w->window, 0, index), item[done].u.line.raw,
               sizeof like.u.line.raw);
        ptw_put_masks(w, index, PTW_LINE,
                      ptw_masks_of(q, item[done].u.line.raw, PTW_LINE), false);
    }
    for (; done > 0; done--, item++) {
        memcpy(item, &like, offsetof(struct ptw_item, first));
        item->first.v = first;
        first += (uint64_t)PTW_LINE << f->shift;
        item->last.v = first - 1;
        memcpy(&item->u.line.rights, &like.u.line.rights,
               sizeof like.u.line - offsetof(struct ptw_line, rights));
    }
    return index;
}
