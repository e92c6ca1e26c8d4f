/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include "random.h"

/* The page of one image with the log2 of its size, which is never 0, and that
 * of the other one with the verdict, in the bits of the offset. */
struct pair {
    uint64_t a_and_size;
    uint64_t b_and_verdict;
};

static const uint64_t OFFSET = PAGE_BYTES - 1;

/* Neighbours that are neighbours on the other side too stand side by side. */
static uint64_t home(const void *slot, uint64_t seed)
{
    const struct pair *p = slot;
    uint64_t a = p->a_and_size & ~OFFSET;
    uint64_t number = a >> (p->a_and_size & OFFSET);

    return slots_beside(
        slots_mix(slots_group(number), (p->b_and_verdict & ~OFFSET) - a, seed),
        number);
}

static bool same(const void *x, const void *y)
{
    const struct pair *p = x;
    const struct pair *q = y;

    return p->a_and_size == q->a_and_size &&
           ((p->b_and_verdict ^ q->b_and_verdict) & ~OFFSET) == 0;
}

/* 1 << 22 slots are 64 MiB; 3/4 of them hold 12 GiB in small pages. */
static const struct slots_kind kind = {
    .bytes = sizeof(struct pair),
    .least_log2 = 12,
    .most_log2 = 22,
    .home = home,
    .same = same,
};

void pairs_init(struct slots *s)
{
    slots_init(s, &kind, random_seed());
}

enum verdict pairs_find(const struct slots *s, ptw_pa a, ptw_pa b,
                        unsigned size_log2)
{
    const struct pair *p =
        slots_find(s, &kind, &(struct pair){a.v | size_log2, b.v});

    return p == NULL ? VERDICT_NONE : (enum verdict)(p->b_and_verdict & OFFSET);
}

void pairs_note(struct slots *s, ptw_pa a, ptw_pa b, unsigned size_log2,
                enum verdict verdict)
{
    const struct pair is = {a.v | size_log2, b.v | verdict};
    struct pair *p = slots_take(s, &kind, &is);

    if (p != NULL) {
        *p = is;
    }
}
