/* SPDX-License-Identifier: Apache-2.0 */
/* The quick ways to give leaves of a table: many at a time, of kinds that are
 * known. */
#ifndef PTW_GIVE_H
#define PTW_GIVE_H

#include "field.h"

/* What the quick ways keep at hand.  Each makes one of these for itself:
 * nothing else can write to it, so that it need not be read again after each
 * item. */
struct ptw_shape {
    /* Bits of a leaf that are its address, and how much higher they stand in
     * the address, as a factor; the same for the rest of it. */
    uint64_t address;
    uint64_t by;
    unsigned up; /* log2 of that */
    uint64_t moved;
    uint64_t moved_by;
    unsigned shift;       /* log2 of the bytes of a page, */
    uint64_t page;        /* and these */
    uint64_t alike;       /* bits that leaves of one kind have in common */
    struct ptw_item item; /* with all that leaves alike have in common */
};

PTW_ENGINE struct ptw_shape ptw_shape_of(const struct ptw_field *f)
{
    struct ptw_shape s;
    struct ptw_mapping *m = &s.item.u.mapping;

    s.address = f->r->plain_address;
    s.by = f->r->plain_by;
    s.up = f->shift - f->step;
    s.moved = f->r->moved;
    s.moved_by = f->r->moved_by;
    s.shift = f->shift;
    s.page = (uint64_t)1 << f->shift;
    s.alike = f->r->plain_alike;
    s.item.kind = PTW_ITEM_MAPPING;
    s.item.space = f->w->c.space;
    m->level = 0;
    m->size_log2 = (uint8_t)f->shift;
    m->above = (uint8_t)f->rights;
    return s;
}

PTW_ENGINE uint64_t ptw_plain_pa(const struct ptw_shape *s, uint64_t raw)
{
    uint64_t pa = (raw & s->address) * s->by;

    /* Few formats have such bits. */
    return s->moved == 0 ? pa : pa + (raw & s->moved) * s->moved_by;
}

/* Writes leaves of one run.  What they have in common comes first and last in
 * an item and in a mapping, and is copied as it is. */
PTW_ENGINE void ptw_put_known(const struct ptw_shape *s, struct ptw_item *item,
                              uint64_t first, uint64_t bytes, uint64_t pa,
                              uint64_t raw, unsigned rights)
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

/* Writes the leaves from raw on, as far as `end`, to items, all of one kind: by
 * pairs where there are vectors, since stores are most of it. */
#if PTW_VECTORS
typedef uint64_t ptw_pair __attribute__((vector_size(16)));
typedef ptw_pair ptw_pair_there __attribute__((aligned(8), may_alias));

_Static_assert(offsetof(struct ptw_item, first) == 8 &&
                   offsetof(struct ptw_item, last) == 16 &&
                   offsetof(struct ptw_item, u.mapping.pa) == 24 &&
                   offsetof(struct ptw_item, u.mapping.raw) == 32 &&
                   offsetof(struct ptw_item, u.mapping.rights) == 40,
               "an item of a leaf is three pairs");

PTW_ENGINE void ptw_put_pairs(const struct ptw_shape *s, struct ptw_item *item,
                              uint64_t first, const uint64_t *raw,
                              const uint64_t *end)
{
    const ptw_pair address = {0, s->address};
    const ptw_pair pages[2] = {{0, s->page}, {s->page, 0}};
    ptw_pair whole[3];

    memcpy(whole, &s->item, sizeof whole);
    whole[0][1] = first;
    whole[1] = (ptw_pair){first + (s->page - 1), 0};
    for (; raw != end; raw++, item++) {
        ptw_pair_there *to = (ptw_pair_there *)(void *)item;
        ptw_pair both = *raw - (ptw_pair){0};

        to[0] = whole[0];
        to[1] = whole[1] | (both & address) << s->up;
        to[2] = (ptw_pair){*raw, whole[2][1]};
        whole[0] += pages[0];
        whole[1] += pages[1];
    }
}
#endif

PTW_ENGINE void ptw_put_alike(const struct ptw_shape *s, struct ptw_item *item,
                              uint64_t first, const uint64_t *raw,
                              const uint64_t *end)
{
#if PTW_VECTORS
    if (s->moved == 0) {
        ptw_put_pairs(s, item, first, raw, end);
        return;
    }
#endif
    for (; raw != end; raw++, first += s->page) {
        ptw_put_known(s, item++, first, s->page, ptw_plain_pa(s, *raw), *raw,
                      s->item.u.mapping.rights);
    }
}

/* Lets the open run, if it is long, go on by whole lines from index on.
 * Returns how many entries those are; if the line behind them was fetched,
 * *fetched says how far it reaches. */
unsigned ptw_long_run(const struct ptw_field *f, struct ptw_question *q,
                      struct ptw_sink *out, unsigned index,
                      struct ptw_expected *x, unsigned *fetched);

/* Gives runs block by block, in the quickest way that does.  Returns the entry
 * that comes next, which was not fetched or which neither way can give. */
unsigned ptw_quick_runs(const struct ptw_field *field, struct ptw_question *q,
                        struct ptw_sink *out, unsigned index, unsigned *fetched,
                        struct ptw_kinds *kinds, struct ptw_expected *x);

/* Gives the leaves from index on, below `fetched`, as long as they are of kinds
 * that are known and there is room.  Returns the entry that comes next. */
unsigned ptw_give_leaves(const struct ptw_field *f, struct ptw_sink *out,
                         unsigned index, unsigned fetched,
                         struct ptw_kinds *kinds);

/* A whole line of leaves, if nothing came behind it, is likely to stand before
 * another one. */
PTW_ENGINE bool ptw_is_whole(const struct ptw_sink *out)
{
    return out->open == NULL && out->count > 0 &&
           out->item[out->count - 1].kind == PTW_ITEM_LINE &&
           out->item[out->count - 1].u.line.leaves == PTW_LINE;
}

/* The same as lines.  So many entries as a line has are copied wherever the
 * window has them: that is quicker than to copy fewer. */
unsigned ptw_give_lines(const struct ptw_field *f, struct ptw_sink *out,
                        unsigned index, unsigned fetched,
                        struct ptw_kinds *kinds);

/* Gives whole lines of leaves of the kind that was asked for last, as long as
 * there are any from index on: they go from the table to the items.  Returns the
 * entry that comes next; if its line was fetched, *fetched says how far that
 * reaches. */
unsigned ptw_whole_lines(const struct ptw_field *f, struct ptw_question *q,
                         struct ptw_sink *out, unsigned index,
                         unsigned *fetched, const struct ptw_leaf_kind *kind);

#endif
