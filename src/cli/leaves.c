/* SPDX-License-Identifier: Apache-2.0 */
/* leaves: every leaf of every root. */
#include "crew.h"
#include "filter.h"
#include "json.h"
#include "meaning.h"
#include "memory_types.h"
#include "print.h"
#include "runs.h"

#include <inttypes.h>

/* A leaf is printed as at most so many bytes, and so many of them at a time. */
enum { LEAF_BYTES = 64, AT_ONCE = 32 };

/* Adds how many of the leaves lie outside the image, in full or in part. */
static void print_items(const struct image *im, const struct ptw_regime *r,
                        const struct ptw_item *item, size_t items,
                        uint64_t *leaves_outside)
{
    const struct ptw_item *end = item + items;

    while (item != end) {
        char *p = out_room((size_t)AT_ONCE * LEAF_BYTES);
        size_t room = AT_ONCE;

        for (; item != end && room >= PTW_LINE_LEAVES; item++) {
            const struct ptw_mapping *m = &item->u.mapping;
            const struct ptw_line *line = &item->u.line;

            if (item->kind == PTW_ITEM_LINE) {
                uint64_t bytes = (uint64_t)1 << line->size_log2;
                ptw_va va = item->first;

                for (unsigned i = 0; i < line->leaves; i++) {
                    ptw_pa pa = ptw_line_pa(r, line->raw[i]);

                    p = put_leaf(p, va, pa, line->size_log2, line->rights);
                    *leaves_outside += image_outside(im, pa, bytes) != 0;
                    va.v += bytes;
                }
                room -= line->leaves;
            } else if (item->kind == PTW_ITEM_MAPPING) {
                uint64_t bytes = (uint64_t)1 << m->size_log2;

                p = put_leaf(p, item->first, m->pa, m->size_log2, m->rights);
                *leaves_outside += image_outside(im, m->pa, bytes) != 0;
                room--;
            }
        }
        out_end(p);
    }
}

/* A leaf, and behind its rights the memory type, and whether it is global. */
static void print_attributes(const struct options *o, const struct image *im,
                             const struct ptw_item *leaf,
                             uint64_t *leaves_outside)
{
    const struct ptw_mapping *m = &leaf->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    char type[MEMORY_TYPE_ROOM];
    char *p = out_room(LEAF_BYTES);

    memory_type_column(o, at.memory_type, type);
    p = put_leaf(p, leaf->first, m->pa, m->size_log2, m->rights);
    out_end(p - 1); /* without the line feed */
    out_line(" %s %s\n", type, at.global ? "global" : "-");
    *leaves_outside +=
        image_outside(im, m->pa, (uint64_t)1 << m->size_log2) != 0;
}

static void tell(const struct options *o, const struct image *im, uint32_t root,
                 const struct ptw_item *item, size_t items, void *sum)
{
    const struct ptw_regime *r = o->root[root].regime;
    const struct place place = {o, im, root};

    if (!o->json && !o->attributes) {
        print_items(im, r, item, items, sum);
        return;
    }
    for (size_t i = 0; i < items; i++) {
        struct ptw_item leaf;

        if (item[i].kind == PTW_ITEM_MAPPING && !o->json) {
            print_attributes(o, im, &item[i], sum);
        } else if (item[i].kind == PTW_ITEM_MAPPING) {
            leaf_print_json(&place, &item[i]);
        } else if (item[i].kind == PTW_ITEM_LINE) {
            for (unsigned k = 0; k < item[i].u.line.leaves; k++) {
                ptw_line_leaf(r, &item[i], k, &leaf);
                leaf_print_json(&place, &leaf);
            }
        }
    }
}

static void add_outside(void *sum, const void *more)
{
    uint64_t *leaves_outside = sum;
    const uint64_t *others = more;

    *leaves_outside += *others;
}

static void begin_root(struct traversal *t, void *sum)
{
    const struct options *o = t->o;
    json_t *j;

    (void)sum;
    if (!o->json) {
        out_root(o, t->root);
        return;
    }
    j = json_new();
    json_set_text(j, "type", "root");
    json_set_count(j, "root", t->root);
    json_set_hex(j, "pa", o->root[t->root].table.v);
    json_set_label(j, o, t->root);
    json_line(j);
}

static void end_root(struct traversal *t, const void *sum)
{
    const uint64_t *leaves_outside = sum;

    (void)t;
    if (*leaves_outside != 0) {
        out_line("# outside %" PRIu64 " leaves\n", *leaves_outside);
    }
}

/* ---------------------------------------------------------- and what is absent */

static void print_absent(const struct traversal *t,
                         const struct ptw_translation *tr, ptw_va va,
                         const struct meaning *m)
{
    const char *level = ptw_level_name(t->o->root[t->root].regime, tr->level);

    if (t->o->json) {
        json_t *j = json_new();

        json_set_text(j, "type", "absent");
        json_set_count(j, "root", t->root);
        json_set_va(j, "va", va);
        json_set_text(j, "level", level);
        json_set_hex(j, "entry", tr->raw);
        json_set(j, "meaning", meaning_json(t->im, m));
        json_line(j);
        return;
    }
    out_line("%016" PRIx64 " - %s %" PRIx64 " ", va.v, level, tr->raw);
    meaning_print(t->im, m);
    out_text("\n");
}

/* Takes a leaf and the reads of a lookup off the limits; false when there is
 * nothing left. */
static bool take_lookup(struct traversal *t, ptw_va va, bool leaf)
{
    uint64_t reads = ptw_levels(&t->o->regime);

    if (leaf && t->leaves_left-- == 0) {
        t->leaves_left = 0;
        traversal_stop(t, "leaves", t->o->limit, 0, va);
    } else if (!leaf && t->reads_left < reads) {
        traversal_stop(t, "reads", t->o->reads, 0, va);
    } else if (!leaf && t->reads_left != UINT64_MAX) {
        t->reads_left -= reads;
    }
    return !t->stopped;
}

/* Looks at each entry of a hole. */
static void tell_hole(struct traversal *t, const struct ptw_item *hole)
{
    const struct options *o = t->o;
    struct ptw_root root = o->root[t->root];
    ptw_va va = hole->first.v < o->first.v ? o->first : hole->first;
    uint64_t last = hole->last.v < o->last.v ? hole->last.v : o->last.v;
    uint64_t end;

    if (!hole->u.hole.canonical) {
        return;
    }
    do {
        struct ptw_translation tr = {.level = hole->u.hole.level};
        struct meaning m[MEANINGS_MOST];
        enum ptw_status st;
        uint64_t in_entry;

        if (!take_lookup(t, va, false)) {
            return;
        }
        st = ptw_lookup(&t->im->mem, root, va, &tr);
        in_entry = ((uint64_t)1 << ptw_level_shift(root.regime, tr.level)) - 1;
        va.v &= ~in_entry;
        if (st == PTW_NOT_MAPPED &&
            meanings_of(o, root.regime, tr.level, tr.raw, m) > 0) {
            if (!take_lookup(t, va, true)) {
                return;
            }
            print_absent(t, &tr, va, m);
        }
        end = va.v | in_entry;
        va.v = end + 1;
    } while (end < last);
}

/* In one thread: what is absent is found where nothing is mapped. */
static void tell_with_absent(struct traversal *t)
{
    for (uint32_t i = 0; i < t->o->roots && !t->stopped; i++) {
        uint64_t leaves_outside = 0;
        size_t n;

        if (!traversal_root(t, i, PTW_WALK_HOLES)) {
            continue;
        }
        begin_root(t, &leaves_outside);
        while (!t->stopped && (n = traversal_next(t)) > 0) {
            bool stops = t->stopped;

            t->stopped = false;
            for (size_t k = 0; k < n && !t->stopped; k++) {
                if (t->item[k].kind == PTW_ITEM_HOLE) {
                    tell_hole(t, &t->item[k]);
                } else {
                    tell(t->o, t->im, i, &t->item[k], 1, &leaves_outside);
                }
            }
            t->stopped = t->stopped || stops;
        }
        end_root(t, &leaves_outside);
    }
}

enum cli_status leaves_run(const struct options *o, const struct image *im)
{
    /* What is looked at one by one does not come in lines. */
    struct telling leaves = {
        .flags = filter_is_set(o) || o->attributes ? 0 : PTW_WALK_LINES,
        .items = tell,
        .sum_bytes = sizeof(uint64_t),
        .add = add_outside,
        .begin = begin_root,
        .end = end_root,
    };
    struct traversal *t = traversal_new(o, im);

    if (o->absent_text != NULL) {
        tell_with_absent(t);
    } else {
        crew_tell(t, &leaves);
    }
    return traversal_end(t);
}
