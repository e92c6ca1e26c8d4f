/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that the guest can write to.
 *
 * A second walk, restricted to paths that lead to leaves that it can write: a
 * table that was entered through a read-only path first, and is an alias there,
 * is entered here through the first path that can write, so nothing is missed
 * and nothing is suspected without reason. */
#include "descend.h"
#include "engine.h"

enum ptw_status ptw_exposed_init(struct ptw_exposed *e,
                                 const struct ptw_mem *mem,
                                 const struct ptw_root *root, uint32_t roots,
                                 struct ptw_memo *memo, const ptw_pa *table,
                                 size_t tables,
                                 const struct ptw_walk_options *options)
{
    struct ptw_walk_options o = *options;
    enum ptw_status st;

    if (!ptw_roots_agree(root, roots)) {
        return PTW_E_ARG;
    }
    o.flags = PTW_WALK_RUNS;
    /* What no entry above grants, no leaf gives back. */
    o.need = ptw_writes_unasked(root[0].regime) ? 0 : PTW_WRITE;
    e->regime = root[0].regime;
    e->table_bytes = 1;
    for (uint32_t i = 0; i < roots; i++) {
        size_t bytes = ptw_largest_table(root[i].regime);

        e->table_bytes = bytes > e->table_bytes ? bytes : e->table_bytes;
    }
    e->table = table;
    e->tables = tables;
    st = ptw_walk_va_spaces_init(&e->walk, mem, root, roots, memo, &o);
    e->walk.c.need_leaf = 0;
    return st;
}

/* The index of the first table at pa or later. */
static size_t first_table(const struct ptw_exposed *e, uint64_t pa)
{
    size_t low = 0;
    size_t high = e->tables;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (e->table[mid].v < pa) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

enum ptw_status ptw_exposed_next(struct ptw_exposed *e, struct ptw_item *out)
{
    for (;;) {
        struct ptw_item item;
        struct ptw_finding f;
        size_t items;
        size_t from;
        size_t to;
        enum ptw_status st = ptw_walk_next(&e->walk, &item, 1, &items);

        if (st != PTW_OK) {
            return st;
        }
        if (item.kind != PTW_ITEM_MAPPING ||
            !e->regime->arch->guest_writes(e->regime, item.u.mapping.above,
                                           item.u.mapping.raw)) {
            continue;
        }
        /* A table is aligned to its size, and may start in front of the
         * page. */
        from = first_table(e, item.u.mapping.pa.v & ~(e->table_bytes - 1));
        to = from;
        if (from < e->tables) {
            uint64_t last = item.u.mapping.pa.v + (item.last.v - item.first.v);

            to = last == UINT64_MAX ? e->tables : first_table(e, last + 1);
        }
        if (from == to) {
            continue;
        }
        f.kind = PTW_FINDING_EXPOSED;
        f.table = e->table[from];
        f.raw = item.u.mapping.raw;
        f.tables = to - from;
        f.level = item.u.mapping.level;
        f.why = 0;
        f.rights = item.u.mapping.rights;
        item.kind = PTW_ITEM_FINDING;
        item.u.finding = f;
        *out = item;
        return PTW_OK;
    }
}
