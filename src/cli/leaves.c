/* SPDX-License-Identifier: Apache-2.0 */
/* leaves: every leaf of every root. */
#include "json.h"
#include "print.h"
#include "traversal.h"

#include <inttypes.h>

/* So many lines of at most 64 bytes are put at a time. */
enum { LINES = 32 };

static uint64_t outside(const struct image *im, const struct ptw_item *item)
{
    return image_outside(im, item->u.mapping.pa,
                         (uint64_t)1 << item->u.mapping.size_log2);
}

/* Returns how many of the leaves lie outside the image, in full or in part. */
static uint64_t print_items(const struct image *im, const struct ptw_item *item,
                            size_t items)
{
    uint64_t leaves_outside = 0;

    while (items > 0) {
        size_t part = items < LINES ? items : LINES;
        char *p = out_room((size_t)LINES * 64);

        for (size_t i = 0; i < part; i++) {
            if (item[i].kind == PTW_ITEM_MAPPING) {
                p = put_leaf(p, item[i].first, item[i].u.mapping.pa,
                             item[i].u.mapping.size_log2,
                             item[i].u.mapping.rights);
                leaves_outside += outside(im, &item[i]) != 0;
            }
        }
        out_end(p);
        item += part;
        items -= part;
    }
    return leaves_outside;
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

static void print_root(const struct options *o, uint32_t index)
{
    json_t *j;

    if (!o->json) {
        out_line("# root %" PRIu32 " %" PRIx64 "\n", index,
                 o->root[index].table.v);
        return;
    }
    j = json_new();
    json_set_text(j, "type", "root");
    json_set_count(j, "root", index);
    json_set_hex(j, "pa", o->root[index].table.v);
    json_line(j);
}

enum cli_status leaves_run(const struct options *o, const struct image *im)
{
    struct traversal *t = traversal_new(o, im);
    size_t n;

    for (uint32_t i = 0; i < o->roots && !t->stopped; i++) {
        uint64_t leaves_outside = 0;

        if (!traversal_root(t, i, 0)) {
            continue;
        }
        print_root(o, i);
        while ((n = traversal_next(t)) > 0) {
            if (o->json) {
                print_json(o, im, i, t->item, n);
            } else {
                leaves_outside += print_items(im, t->item, n);
            }
        }
        if (leaves_outside != 0) {
            out_line("# outside %" PRIu64 " leaves\n", leaves_outside);
        }
    }
    return traversal_end(t);
}
