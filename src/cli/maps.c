/* SPDX-License-Identifier: Apache-2.0 */
/* maps: runs of leaves, for people, and totals. */
#include "crew.h"
#include "json.h"
#include "print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What a root's runs add up to. */
struct totals {
    uint64_t runs;
    uint64_t leaves;
    uint64_t bytes;
    uint64_t of_size[64]; /* leaves, by the log2 of their size */
    uint64_t writable; /* bytes that the guest can write, by whatever access */
    uint64_t outside;  /* bytes that the image does not have */
    uint64_t unread;   /* places, before this root */
};

/* Where runs are from. */
struct place {
    const struct options *o;
    const struct image *im;
    uint32_t root;
};

static uint64_t leaves_of(const struct ptw_item *item)
{
    return ((item->last.v - item->first.v) >> item->u.mapping.size_log2) + 1;
}

static uint64_t bytes_of(const struct ptw_item *item)
{
    return leaves_of(item) << item->u.mapping.size_log2;
}

static uint64_t outside_of(const struct place *p, const struct ptw_item *item)
{
    return image_outside(p->im, item->u.mapping.pa, bytes_of(item));
}

static void add(struct totals *sum, const struct place *p,
                const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    sum->outside += outside_of(p, item);
    sum->runs++;
    sum->leaves += leaves_of(item);
    sum->bytes += bytes_of(item);
    sum->of_size[item->u.mapping.size_log2 & 63] += leaves_of(item);
    if (ptw_guest_writes(&p->o->regime, m->above, m->level, m->raw)) {
        sum->writable += bytes_of(item);
    }
}

/* The last word of a line: whether the image does not have the run, or how much
 * of it not. */
static void outside_word(const struct place *p, const struct ptw_item *item,
                         char word[32])
{
    uint64_t outside = outside_of(p, item);
    char size[16];

    word[0] = '\0';
    if (outside == bytes_of(item)) {
        (void)snprintf(word, 32, " outside");
    } else if (outside != 0) {
        human_size(outside, size);
        (void)snprintf(word, 32, " outside:%s", size);
    }
}

static bool is_shadow_stack(const struct options *o,
                            const struct ptw_mapping *m)
{
    return ptw_shadow_stack(&o->regime, m->above, m->level, m->raw);
}

static void print_run(const struct place *p, const struct ptw_item *item)
{
    const struct options *o = p->o;
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    char size[16];
    char page[16];
    char kind[32];
    char flags[32] = "";
    char outside[32];
    char rights[RIGHTS_ROOM];

    human_size(bytes_of(item), size);
    human_size((uint64_t)1 << m->size_log2, page);
    rights_text(m->rights, rights);
    (void)snprintf(kind, sizeof kind, "%s mt%u%s%s", page, at.memory_type,
                   at.copy_on_write ? " cow" : "",
                   is_shadow_stack(o, m) ? " shadow" : "");
    outside_word(p, item, outside);
    if (o->regime.flag_bits != 0) {
        (void)snprintf(flags, sizeof flags, " flags:%" PRIx64, at.flag_bits);
    }
    out_line("%016" PRIx64 "-%016" PRIx64 " %7s %s  %-12s %12" PRIx64 "%s%s\n",
             item->first.v, item->last.v, size, rights, kind, m->pa.v, flags,
             outside);
}

static void print_run_json(const struct place *p, const struct ptw_item *item)
{
    const struct options *o = p->o;
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);
    json_t *j = json_new();

    json_set_text(j, "type", "run");
    json_set_count(j, "root", p->root);
    json_set_va(j, "first", item->first);
    json_set_va(j, "last", item->last);
    json_set_hex(j, "pa", m->pa.v);
    json_set_count(j, "bytes", bytes_of(item));
    json_set_count(j, "leaves", leaves_of(item));
    json_set_count(j, "size", (uint64_t)1 << m->size_log2);
    json_set_rights(j, m->rights);
    json_set_text(j, "level",
                  ptw_level_name(o->root[p->root].regime, m->level));
    json_set_count(j, "memory_type", at.memory_type);
    json_set_flag_bits(j, &o->regime, at.flag_bits);
    json_set_bool(j, "copy_on_write", at.copy_on_write);
    json_set_bool(j, "shadow_stack", is_shadow_stack(o, m));
    json_set_outside(j, outside_of(p, item));
    json_line(j);
}

static void print_totals(const struct traversal *t, const struct totals *sum)
{
    uint64_t unread = t->unread.count - sum->unread;
    const char *separator = ": ";
    char size[16];
    char writable[16];

    human_size(sum->bytes, size);
    human_size(sum->writable, writable);
    out_line("# root %" PRIu32 ": %s mapped, %s of it writable, in %" PRIu64
             " run%s of %" PRIu64 " lea%s",
             t->root, size, writable, sum->runs, sum->runs == 1 ? "" : "s",
             sum->leaves, sum->leaves == 1 ? "f" : "ves");
    for (unsigned i = 0; i < 64; i++) {
        if (sum->of_size[i] != 0) {
            human_size((uint64_t)1 << i, size);
            out_line("%s%" PRIu64 " of %s", separator, sum->of_size[i], size);
            separator = ", ";
        }
    }
    if (sum->outside != 0) {
        human_size(sum->outside, size);
        out_line("; %s outside the image", size);
    }
    if (t->bad_entries != 0) {
        out_line("; reserved bits in %" PRIu64 " entr%s", t->bad_entries,
                 t->bad_entries == 1 ? "y" : "ies");
    }
    if (unread != 0) {
        out_line("; unreadable in %" PRIu64 " place%s", unread,
                 unread == 1 ? "" : "s");
    }
    out_text(t->stopped ? "; not complete\n" : "\n");
}

static void print_totals_json(const struct traversal *t,
                              const struct totals *sum)
{
    json_t *j = json_new();
    json_t *sizes = json_new();

    for (unsigned i = 0; i < 64; i++) {
        if (sum->of_size[i] != 0) {
            char key[17];

            *put_hex(key, (uint64_t)1 << i) = '\0';
            json_set_count(sizes, key, sum->of_size[i]);
        }
    }
    json_set_text(j, "type", "total");
    json_set_count(j, "root", t->root);
    json_set_hex(j, "pa", t->o->root[t->root].table.v);
    json_set_count(j, "bytes", sum->bytes);
    json_set_count(j, "writable_bytes", sum->writable);
    json_set_count(j, "runs", sum->runs);
    json_set_count(j, "leaves", sum->leaves);
    json_set(j, "leaves_by_size", sizes);
    json_set_outside(j, sum->outside);
    json_set_count(j, "bad_entries", t->bad_entries);
    json_set_count(j, "unreadable", t->unread.count - sum->unread);
    json_set_bool(j, "complete", !t->stopped);
    json_line(j);
}

static void tell(const struct options *o, const struct image *im, uint32_t root,
                 const struct ptw_item *item, size_t items, void *sum)
{
    struct place p = {o, im, root};

    for (size_t i = 0; i < items; i++) {
        if (item[i].kind != PTW_ITEM_MAPPING) {
            continue;
        }
        add(sum, &p, &item[i]);
        if (o->json) {
            print_run_json(&p, &item[i]);
        } else {
            print_run(&p, &item[i]);
        }
    }
}

static void add_totals(void *sum, const void *more)
{
    struct totals *a = sum;
    const struct totals *b = more;

    a->runs += b->runs;
    a->leaves += b->leaves;
    a->bytes += b->bytes;
    a->writable += b->writable;
    a->outside += b->outside;
    for (unsigned i = 0; i < 64; i++) {
        a->of_size[i] += b->of_size[i];
    }
}

static void begin_root(struct traversal *t, void *sum)
{
    struct totals *totals = sum;

    totals->unread = t->unread.count;
    if (!t->o->json) {
        out_line("# root %" PRIu32 " %" PRIx64 "\n", t->root,
                 t->o->root[t->root].table.v);
    }
}

static void end_root(struct traversal *t, const void *sum)
{
    if (t->o->json) {
        print_totals_json(t, sum);
    } else {
        print_totals(t, sum);
    }
}

enum cli_status maps_run(const struct options *o, const struct image *im)
{
    static const struct telling maps = {
        .flags = PTW_WALK_RUNS,
        .items = tell,
        .sum_bytes = sizeof(struct totals),
        .add = add_totals,
        .begin = begin_root,
        .end = end_root,
    };
    struct traversal *t = traversal_new(o, im);

    crew_tell(t, &maps);
    return traversal_end(t);
}
