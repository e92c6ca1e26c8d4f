/* SPDX-License-Identifier: Apache-2.0 */
/* leaves: every leaf of every root. */
#include "crew.h"
#include "json.h"
#include "print.h"

#include <inttypes.h>

/* So many lines of at most 64 bytes are put at a time. */
enum { LINES = 32 };

static uint64_t outside(const struct image *im, const struct ptw_item *item)
{
    return image_outside(im, item->u.mapping.pa,
                         (uint64_t)1 << item->u.mapping.size_log2);
}

/* Adds how many of the leaves lie outside the image, in full or in part. */
static void print_items(const struct image *im, const struct ptw_item *item,
                        size_t items, uint64_t *leaves_outside)
{
    while (items > 0) {
        size_t part = items < LINES ? items : LINES;
        char *p = out_room((size_t)LINES * 64);

        for (size_t i = 0; i < part; i++) {
            if (item[i].kind == PTW_ITEM_MAPPING) {
                p = put_leaf(p, item[i].first, item[i].u.mapping.pa,
                             item[i].u.mapping.size_log2,
                             item[i].u.mapping.rights);
                *leaves_outside += outside(im, &item[i]) != 0;
            }
        }
        out_end(p);
        item += part;
        items -= part;
    }
}

static void print_json(const struct options *o, const struct image *im,
                       uint32_t root, const struct ptw_item *item, size_t items)
{
    for (size_t i = 0; i < items; i++) {
        const struct ptw_mapping *m = &item[i].u.mapping;
        json_t *j;

        if (item[i].kind != PTW_ITEM_MAPPING) {
            continue;
        }
        j = json_new();
        json_set_text(j, "type", "leaf");
        json_set_count(j, "root", root);
        json_set_va(j, "va", item[i].first);
        json_set_hex(j, "pa", m->pa.v);
        json_set_count(j, "size", (uint64_t)1 << m->size_log2);
        json_set_rights(j, m->rights);
        json_set_text(j, "level",
                      ptw_level_name(o->root[root].regime, m->level));
        json_set_hex(j, "entry", m->raw);
        json_set_flag_bits(
            j, &o->regime,
            ptw_attributes_of(&o->regime, m->level, m->raw).flag_bits);
        json_set_outside(j, outside(im, &item[i]));
        json_line(j);
    }
}

static void tell(const struct options *o, const struct image *im, uint32_t root,
                 const struct ptw_item *item, size_t items, void *sum)
{
    if (o->json) {
        print_json(o, im, root, item, items);
    } else {
        print_items(im, item, items, sum);
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
        out_line("# root %" PRIu32 " %" PRIx64 "\n", t->root,
                 o->root[t->root].table.v);
        return;
    }
    j = json_new();
    json_set_text(j, "type", "root");
    json_set_count(j, "root", t->root);
    json_set_hex(j, "pa", o->root[t->root].table.v);
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

enum cli_status leaves_run(const struct options *o, const struct image *im)
{
    static const struct telling leaves = {
        .items = tell,
        .sum_bytes = sizeof(uint64_t),
        .add = add_outside,
        .begin = begin_root,
        .end = end_root,
    };
    struct traversal *t = traversal_new(o, im);

    crew_tell(t, &leaves);
    return traversal_end(t);
}
