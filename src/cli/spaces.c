/* SPDX-License-Identifier: Apache-2.0 */
/* spaces: all roots together, each table where it was met first. */
#include "crew.h"
#include "json.h"
#include "memo.h"
#include "print.h"
#include "runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *finding_name(enum ptw_finding_kind kind)
{
    switch (kind) {
    case PTW_FINDING_BAD_ENTRY:
        return "reserved-bits";
    case PTW_FINDING_REFUSED:
        return "unreadable";
    case PTW_FINDING_SELF:
        return "self";
    case PTW_FINDING_TWO_LEVELS:
        return "two-levels";
    case PTW_FINDING_EXPOSED:
        return "exposed";
    }
    return "-";
}

static json_t *new_line(const struct ptw_item *item, const char *type)
{
    json_t *j = json_new();

    json_set_text(j, "type", type);
    json_set_count(j, "root", item->space);
    return j;
}

static void print_mapping(const struct options *o, const struct image *im,
                          const struct ptw_item *item)
{
    const struct ptw_mapping *m = &item->u.mapping;

    if (o->json) {
        const struct place place = {o, im, item->space};

        leaf_print_json(&place, item);
    } else {
        char *p = out_room(96);
        int n = snprintf(p, 16, "%" PRIu32 " ", item->space);

        out_end(put_leaf(p + n, item->first, m->pa, m->size_log2, m->rights));
    }
}

static void print_alias(const struct options *o, const struct ptw_item *item)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(&o->regime, item, &level);

    if (o->json) {
        json_t *j = new_line(item, "alias");

        json_set_text(j, "level",
                      ptw_level_name(o->root[item->space].regime, level));
        json_set_va(j, "va", ref.our_va);
        json_set_va(j, "last", item->last);
        json_set_count(j, "owner", ref.owner);
        json_set_va(j, "owner_va", ref.their_va);
        json_set_hex(j, "table", ref.table.v);
        json_set_rights(j, ref.rights);
        json_set_hex(j, "attributes", ref.attributes);
        json_line(j);
    } else {
        out_line(
            "%" PRIu32 " alias %s %016" PRIx64 " %" PRIu32 " %016" PRIx64 "\n",
            item->space, ptw_level_name(o->root[item->space].regime, level),
            ref.our_va.v, ref.owner, ref.their_va.v);
    }
}

static void print_finding(const struct options *o, const struct ptw_item *item)
{
    const struct ptw_finding *f = &item->u.finding;
    const char *name = finding_name(f->kind);
    const char *level = ptw_level_name(o->root[item->space].regime, f->level);

    if (!o->findings) {
        return;
    }
    if (o->json) {
        json_t *j = new_line(item, "finding");

        json_set_text(j, "finding", name);
        json_set_text(j, "level", level);
        json_set_va(j, "first", item->first);
        json_set_va(j, "last", item->last);
        json_set_hex(j, "table", f->table.v);
        json_set_count(j, "tables", f->tables);
        json_set_rights(j, f->rights);
        if (f->kind == PTW_FINDING_BAD_ENTRY) {
            json_set_hex(j, "entry", f->raw);
            json_set_hex(
                j, "reserved",
                ptw_bad_entry_of(&o->regime, f->level,
                                 ptw_entry_index(o->root[item->space].regime,
                                                 f->level, item->first),
                                 f->raw)
                    .bits);
            json_set_text(j, "bad",
                          ptw_bad_reason_text((enum ptw_bad_reason)f->why));
        }
        json_line(j);
    } else {
        out_line("%" PRIu32 " finding %s %s %016" PRIx64 " %016" PRIx64
                 " %" PRIx64 "\n",
                 item->space, name, level, item->first.v, item->last.v,
                 f->table.v);
    }
}

/* One that is none is reported elsewhere. */
static void print_space(const struct options *o, const struct ptw_item *item)
{
    const struct ptw_space *s = &item->u.space_info;

    if (s->kind == PTW_SPACE_BAD) {
        return;
    }
    if (o->json) {
        json_t *j = new_line(item, "root");

        json_set_hex(j, "pa", s->root.table.v);
        json_set_label(j, o, item->space);
        if (s->kind == PTW_SPACE_SAME) {
            json_set_count(j, "same", s->same_as);
        }
        json_line(j);
        return;
    }
    if (root_label(o, item->space) != NULL) {
        out_root(o, item->space);
    }
    if (s->kind == PTW_SPACE_SAME) {
        out_line("%" PRIu32 " same %" PRIu32 "\n", item->space, s->same_as);
    }
}

static void print_item(const struct options *o, const struct image *im,
                       const struct ptw_item *item)
{
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        print_space(o, item);
        break;
    case PTW_ITEM_MAPPING:
        print_mapping(o, im, item);
        break;
    case PTW_ITEM_ALIAS:
        print_alias(o, item);
        break;
    case PTW_ITEM_FINDING:
        print_finding(o, item);
        break;
    case PTW_ITEM_TABLE:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
}

/* The mappings through which the guest can write to the tables that the walk
 * entered: a second walk, with a memo of its own. */
static void print_exposed(struct traversal *t)
{
    const struct options *o = t->o;
    struct ptw_walk_options w = ptw_walk_everything();
    ptw_pa *table = must(calloc(t->memo.used + 1, sizeof *table));
    struct ptw_exposed *e = must(malloc(sizeof *e));
    enum ptw_status st = PTW_OK;
    struct ptw_memo memo;
    size_t tables = 0;
    size_t room;
    void *storage;

    memo_new(&memo, &storage, &room);
    w.first = o->first;
    w.last = o->last;
    w.max_reads = t->reads_left;
    if (ptw_memo_tables(&t->memo, table, t->memo.used, &tables) != PTW_OK ||
        ptw_exposed_init(e, &t->im->mem, o->root, o->roots, &memo, table,
                         tables, &w) != PTW_OK) {
        die_of_memory();
    }
    if (t->reads_left == 0) {
        st = PTW_E_LIMIT; /* to the search, 0 would be no limit */
    }
    while (st != PTW_END && st != PTW_E_LIMIT) {
        struct ptw_item item;

        st = ptw_exposed_next(e, &item);
        if (st == PTW_OK) {
            print_finding(o, &item);
        } else if (st == PTW_E_SPACE) {
            memo_more(&memo, &storage, &room);
        }
    }
    if (st == PTW_E_LIMIT) {
        uint32_t space = 0;
        ptw_va va = o->last;

        (void)ptw_walk_where(&e->walk, &space, &va);
        traversal_stop(t, "reads", o->reads, space, va);
    }
    free(storage);
    free(table);
    free(e);
}

static void tell(const struct options *o, const struct image *im, uint32_t root,
                 const struct ptw_item *item, size_t items, void *sum)
{
    (void)root;
    (void)sum;
    for (size_t i = 0; i < items; i++) {
        print_item(o, im, &item[i]);
    }
}

static void add_nothing(void *sum, const void *more)
{
    (void)sum;
    (void)more;
}

enum cli_status spaces_run(const struct options *o, const struct image *im)
{
    struct telling spaces = {
        .flags = o->findings ? PTW_WALK_REMARKS : 0,
        .spaces = true,
        .items = tell,
        .add = add_nothing,
    };
    struct traversal *t = traversal_new(o, im);

    crew_tell(t, &spaces);
    if (o->findings && !t->stopped && ptw_levels(&o->regime) > 0) {
        print_exposed(t);
    }
    return traversal_end(t);
}
