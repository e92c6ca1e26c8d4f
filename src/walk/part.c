/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a walk: where to cut it, and how its items are joined. */
#include "descend.h"
#include "items.h"

/* So many sub-tables there are for each part, if the tables are shaped like
 * that: they may differ in size. */
enum { UNITS = 8 };

/* The addresses at which a walk is cut: of `units` sub-tables, at the first of
 * every part. */
struct cuts {
    uint64_t units; /* 0: they are only counted */
    ptw_va *cut;
    size_t room;
    size_t count;
    size_t part; /* that begins next */
};

static void take_unit(struct cuts *k, uint64_t number, ptw_va va)
{
    bool begins = false;

    while (k->part <= k->room &&
           number >= k->units / (k->room + 1) * k->part +
                         k->units % (k->room + 1) * k->part / (k->room + 1)) {
        begins = true;
        k->part++;
    }
    if (begins && number > 0 && k->count < k->room) {
        k->cut[k->count++] = va;
    }
}

/* Goes through the entries of the tables of level `low` that lead to tables,
 * and returns their number.  It enters no more tables of a level than it should
 * find there, also while a guest makes more of them. */
static uint64_t each_unit(const struct ptw_walk *w, unsigned low,
                          struct cuts *k)
{
    struct ptw_walk p = *w;
    struct ptw_cursor *c = &p.c;
    const struct ptw_format *a = c->regime->arch->format;
    uint64_t most = (uint64_t)UNITS * (k->room + 1);
    uint64_t entered[PTW_MAX_LEVELS] = {0};
    uint64_t number = 0;

    c->reads_left = UINT64_MAX;
    c->remembered = NULL;
    if ((c->leave_outs > 0 && !ptw_keep(a, c, 0)) || c->first > c->last ||
        ptw_enter(a, c, false, c->top, p.start_table, p.start_rights,
                  p.start_base) != PTW_V_ENTERED) {
        return 0;
    }
    while (c->level >= 0) {
        unsigned level = (unsigned)c->level;
        struct ptw_path_table *t = &c->at[level];
        struct ptw_entry e = {PTW_ENTRY_ABSENT, 0, {0}};
        enum ptw_verdict v;

        if (t->index > t->last) {
            if (c->leave_outs == 0 || !ptw_keep_on(a, c)) {
                ptw_ascend(c);
            }
            continue;
        }
        if (level > low) {
            v = ptw_descend_once(a, c, false, level, &p.window, &e);
            if (v != PTW_V_ENTERED && v != PTW_V_REMARK) {
                t->index++;
            } else if (++entered[level - 1] > most) {
                break;
            }
            continue;
        }
        if (ptw_entry(a, c, false, level, &p.window, &t->raw) ==
            PTW_V_ENTERED) {
            e = a->decode(c->regime, t->raw, level, t->index);
        }
        if (e.kind == PTW_ENTRY_TABLE && level > 0) {
            if (k->units != 0) {
                take_unit(k, number,
                          ptw_va_of(ptw_va_from(
                              a, c->regime,
                              ptw_entry_offset(a, t, level, t->index))));
            }
            number++;
        }
        t->index++;
    }
    return number;
}

enum ptw_status ptw_walk_cuts(const struct ptw_walk *w, ptw_va *cut,
                              size_t room, size_t *cuts)
{
    struct cuts k = {.cut = cut, .room = room};
    unsigned low = w->c.top;

    *cuts = 0;
    if (!ptw_has_parts(w)) {
        return PTW_E_ARG;
    }
    if (w->c.regime->arch->format->levels == 0 || low == 0 || room == 0) {
        return PTW_OK;
    }
    for (;;) {
        uint64_t units = each_unit(w, low, &k);

        if (units == 0 || units / UNITS > room || low <= 1) {
            k.units = units;
            break;
        }
        low--;
    }
    if (k.units > 1) {
        k.part = 1;
        (void)each_unit(w, low, &k);
    }
    *cuts = k.count;
    return PTW_OK;
}

bool ptw_items_join(const struct ptw_regime *r, unsigned flags,
                    struct ptw_item *item, const struct ptw_item *next)
{
    bool joins = false;

    if (item->kind != next->kind || item->space != next->space ||
        item->last.v + 1 != next->first.v) {
        return false;
    }
    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        joins = (flags & PTW_WALK_RUNS) != 0 &&
                ptw_is_run(r->arch->format, r, &item->u.mapping, item->first.v,
                           &next->u.mapping, next->first.v,
                           (flags & PTW_WALK_TABLES) != 0);
        break;
    case PTW_ITEM_HOLE:
        joins = item->u.hole.canonical && next->u.hole.canonical &&
                item->u.hole.level == next->u.hole.level;
        break;
    case PTW_ITEM_FINDING:
        /* The first entry of a table begins another visit. */
        joins = item->u.finding.kind == PTW_FINDING_REFUSED &&
                next->u.finding.kind == PTW_FINDING_REFUSED &&
                item->u.finding.level == next->u.finding.level &&
                item->u.finding.table.v == next->u.finding.table.v &&
                ptw_entry_index(r, next->u.finding.level, next->first) != 0;
        break;
    case PTW_ITEM_SPACE:
    case PTW_ITEM_TABLE:
    case PTW_ITEM_ALIAS:
    case PTW_ITEM_LINE:
        break;
    }
    if (joins) {
        item->last = next->last;
    }
    return joins;
}
