/* SPDX-License-Identifier: Apache-2.0 */
#include "twins.h"

#include "random.h"

struct twin_slot {
    uint64_t level_plus_1;
    struct twins pair;
    uint64_t number;
};

static uint64_t mix(const struct twin *t, uint64_t more, uint64_t seed)
{
    return slots_mix(t->pa ^ more, t->raw ^ t->rights, seed);
}

static uint64_t home(const void *slot, uint64_t seed)
{
    const struct twins *pair = &((const struct twin_slot *)slot)->pair;

    return mix(&pair->b, mix(&pair->a, pair->level, seed), seed);
}

static bool same_twin(const struct twin *x, const struct twin *y)
{
    return x->pa == y->pa && x->raw == y->raw && x->rights == y->rights &&
           x->kind == y->kind && x->level == y->level;
}

static bool same(const void *x, const void *y)
{
    const struct twins *p = &((const struct twin_slot *)x)->pair;
    const struct twins *q = &((const struct twin_slot *)y)->pair;

    return same_twin(&p->a, &q->a) && same_twin(&p->b, &q->b) &&
           p->level == q->level && p->upper == q->upper;
}

/* All are noted, or else some would be compared again and again. */
static const struct slots_kind kind = {
    .bytes = sizeof(struct twin_slot),
    .least_log2 = 8,
    .most_log2 = 8 * sizeof(size_t) - 1,
    .home = home,
    .same = same,
};

void twins_init(struct slots *s)
{
    slots_init(s, &kind, random_seed());
}

const uint64_t *twins_find(const struct slots *s, const struct twins *pair)
{
    const struct twin_slot *slot =
        slots_find(s, &kind, &(struct twin_slot){.pair = *pair});

    return slot != NULL ? &slot->number : NULL;
}

void twins_note(struct slots *s, const struct twins *pair, uint64_t number)
{
    const struct twin_slot is = {pair->level + 1u, *pair, number};
    struct twin_slot *slot = slots_take(s, &kind, &is);

    *slot = is;
}
