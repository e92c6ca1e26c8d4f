/* SPDX-License-Identifier: Apache-2.0 */
#include "pairs.h"

#include "random.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

/* 1 << 22 slots are 64 MiB; 3/4 of them hold 12 GiB in small pages. */
enum { SLOTS_LOG2_MIN = 12, SLOTS_LOG2_MAX = 22, NEAR_LOG2 = 3 };

/* The page of one image with the log2 of its size, which is never 0, and that
 * of the other one with the verdict, in the bits of the offset. */
struct pair {
    uint64_t a_and_size;
    uint64_t b_and_verdict;
};

void pairs_init(struct pairs *p)
{
    p->slots_log2 = SLOTS_LOG2_MIN;
    p->slot = must(calloc((size_t)1 << p->slots_log2, sizeof *p->slot));
    p->used = 0;
    p->seed = random_seed();
}

void pairs_free(struct pairs *p)
{
    free(p->slot);
}

/* Neighbours that are neighbours on the other side too stand side by side.  The
 * seed keeps a guest from choosing pages that do all in one place. */
static size_t home(const struct pairs *p, uint64_t a, uint64_t b,
                   unsigned size_log2)
{
    uint64_t number = a >> size_log2;
    uint64_t h = (number >> NEAR_LOG2) ^ p->seed;

    h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    h ^= (b - a) + p->seed;
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    return (size_t)((h << NEAR_LOG2 | (number & ((1 << NEAR_LOG2) - 1))) &
                    (((uint64_t)1 << p->slots_log2) - 1));
}

/* The slot of the pair, or the empty one where it would be. */
static struct pair *slot_of(const struct pairs *p, ptw_pa a, ptw_pa b,
                            unsigned size_log2)
{
    size_t mask = ((size_t)1 << p->slots_log2) - 1;
    size_t i = home(p, a.v, b.v, size_log2);

    while (p->slot[i].a_and_size != 0 &&
           (p->slot[i].a_and_size != (a.v | size_log2) ||
            (p->slot[i].b_and_verdict & ~(uint64_t)(PAGE_BYTES - 1)) != b.v)) {
        i = (i + 1) & mask;
    }
    return &p->slot[i];
}

static bool is_full(const struct pairs *p)
{
    return p->used >= ((size_t)3 << p->slots_log2) / 4;
}

static void grow(struct pairs *p)
{
    struct pairs larger = *p;
    size_t slots = (size_t)1 << p->slots_log2;

    larger.slots_log2++;
    larger.slot = must(calloc(slots * 2, sizeof *larger.slot));
    for (size_t i = 0; i < slots; i++) {
        const struct pair *from = &p->slot[i];

        if (from->a_and_size != 0) {
            uint64_t offset = PAGE_BYTES - 1;

            *slot_of(&larger, ptw_pa_of(from->a_and_size & ~offset),
                     ptw_pa_of(from->b_and_verdict & ~offset),
                     (unsigned)(from->a_and_size & offset)) = *from;
        }
    }
    free(p->slot);
    *p = larger;
}

enum verdict pairs_find(const struct pairs *p, ptw_pa a, ptw_pa b,
                        unsigned size_log2)
{
    const struct pair *slot = slot_of(p, a, b, size_log2);

    return slot->a_and_size == 0
               ? VERDICT_NONE
               : (enum verdict)(slot->b_and_verdict & (PAGE_BYTES - 1));
}

void pairs_note(struct pairs *p, ptw_pa a, ptw_pa b, unsigned size_log2,
                enum verdict verdict)
{
    struct pair *slot;

    if (is_full(p) && p->slots_log2 < SLOTS_LOG2_MAX) {
        grow(p);
    }
    slot = slot_of(p, a, b, size_log2);
    if (slot->a_and_size == 0 && is_full(p)) {
        return;
    }
    p->used += slot->a_and_size == 0;
    slot->a_and_size = a.v | size_log2;
    slot->b_and_verdict = b.v | verdict;
}
