/* SPDX-License-Identifier: Apache-2.0 */
#include "twins.h"

#include "random.h"

struct twin_slot {
    uint64_t level_plus_1;
    struct twins pair;
    uint64_t number;
};

static uint64_t home(const void *slot, uint64_t seed)
{
    const struct twins *pair = &((const struct twin_slot *)slot)->pair;

    return slots_mix(pair->a | pair->level, pair->b | pair->rights_a, seed);
}

static bool same(const void *x, const void *y)
{
    const struct twins *p = &((const struct twin_slot *)x)->pair;
    const struct twins *q = &((const struct twin_slot *)y)->pair;

    return p->a == q->a && p->b == q->b && p->level == q->level &&
           p->rights_a == q->rights_a && p->rights_b == q->rights_b;
}

/* 1 << 20 slots are 48 MiB. */
static const struct slots_kind kind = {
    .bytes = sizeof(struct twin_slot),
    .least_log2 = 8,
    .most_log2 = 20,
    .home = home,
    .same = same,
};

void twins_init(struct slots *s)
{
    slots_init(s, &kind, random_seed());
}

void twins_forget(struct slots *s)
{
    slots_forget(s, &kind);
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

    if (slot != NULL) {
        *slot = is;
    }
}
