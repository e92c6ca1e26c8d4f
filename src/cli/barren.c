/* SPDX-License-Identifier: Apache-2.0 */
#include "barren.h"

#include "random.h"
#include "report.h"

#include <stdlib.h>

struct barren_slot {
    uint64_t level_plus_1;
    uint64_t pa;
    uint64_t rights; /* of the path to it */
    const struct ptw_regime *regime;
};

static uint64_t home(const void *slot, uint64_t seed)
{
    const struct barren_slot *s = slot;

    return slots_mix(s->pa ^ s->level_plus_1, s->rights, seed);
}

static bool same(const void *x, const void *y)
{
    const struct barren_slot *s = x;
    const struct barren_slot *q = y;

    return s->pa == q->pa && s->level_plus_1 == q->level_plus_1 &&
           s->rights == q->rights && s->regime == q->regime;
}

/* All are noted, or else some would be entered again and again. */
static const struct slots_kind kind = {
    .bytes = sizeof(struct barren_slot),
    .least_log2 = 8,
    .most_log2 = 8 * sizeof(size_t) - 1,
    .home = home,
    .same = same,
};

struct barren *barren_new(const struct options *o)
{
    struct barren *b = must(calloc(1, sizeof *b));

    b->o = o;
    slots_init(&b->tables, &kind, random_seed());
    return b;
}

void barren_free(struct barren *b)
{
    if (b != NULL) {
        slots_free(&b->tables);
        free(b);
    }
}

static struct barren_slot slot_of(const struct barren *b, unsigned level,
                                  ptw_pa table, unsigned rights)
{
    return (struct barren_slot){
        .level_plus_1 = level + 1u,
        .pa = table.v,
        .rights = rights,
        .regime = b->regime,
    };
}

/* Of a table that the range cuts, not all was looked at. */
static void note(struct barren *b, const struct barren_entered *e)
{
    struct barren_slot is =
        slot_of(b, e->table.level, e->table.table, e->table.rights);

    if (e->told == b->told && e->covers.first.v >= b->o->first.v &&
        e->covers.last.v <= b->o->last.v) {
        (void)slots_take(&b->tables, &kind, &is);
    }
}

static bool is_noted(const struct barren *b, const struct barren_slot *like)
{
    return slots_find(&b->tables, &kind, like) != NULL;
}

void barren_begin(struct barren *b, const struct ptw_regime *regime)
{
    while (b->depth > 0) {
        note(b, &b->entered[--b->depth]);
    }
    b->regime = regime;
}

/* A walk that was started anew comes to the tables that it is in once more. */
static bool is_in(const struct barren *b, const struct ptw_item *table)
{
    for (unsigned i = 0; i < b->depth; i++) {
        if (b->entered[i].table.level == table->u.table.level) {
            return true;
        }
    }
    return false;
}

bool barren_at(struct barren *b, const struct ptw_item *item)
{
    const struct ptw_table *t = &item->u.table;
    struct barren_slot like;

    while (b->depth > 0 &&
           b->entered[b->depth - 1].covers.last.v < item->first.v) {
        note(b, &b->entered[--b->depth]);
    }
    if (item->kind == PTW_ITEM_ALIAS) {
        unsigned level;
        struct ptw_alias_ref ref = ptw_alias_view(b->regime, item, &level);

        like = slot_of(b, level, ref.table, ref.rights);
        return is_noted(b, &like);
    }
    if (item->kind != PTW_ITEM_TABLE || is_in(b, item)) {
        return false;
    }
    like = slot_of(b, t->level, t->table, t->rights);
    if (is_noted(b, &like)) {
        return true;
    }
    b->entered[b->depth++] = (struct barren_entered){
        .covers = {item->first, item->last},
        .table = *t,
        .told = b->told,
    };
    return false;
}

void barren_told(struct barren *b)
{
    b->told++;
}
