/* SPDX-License-Identifier: Apache-2.0 */
#include "twins.h"

#include "random.h"
#include "report.h"

#include <stdlib.h>

/* 1 << 20 slots are 48 MiB. */
enum { SLOTS_LOG2_MIN = 8, SLOTS_LOG2_MAX = 20 };

struct twin_slot {
    struct twins pair;
    bool used;
    uint64_t number;
};

void twins_init(struct twin_list *list)
{
    list->slots_log2 = SLOTS_LOG2_MIN;
    list->slot = must(calloc((size_t)1 << SLOTS_LOG2_MIN, sizeof *list->slot));
    list->used = 0;
    list->seed = random_seed();
}

void twins_free(struct twin_list *list)
{
    free(list->slot);
}

void twins_forget(struct twin_list *list)
{
    if (list->used > 0) {
        twins_free(list);
        twins_init(list);
    }
}

static bool is_same(const struct twins *x, const struct twins *y)
{
    return x->a == y->a && x->b == y->b && x->level == y->level &&
           x->rights_a == y->rights_a && x->rights_b == y->rights_b;
}

static struct twin_slot *slot_of(const struct twin_list *list,
                                 const struct twins *pair)
{
    size_t mask = ((size_t)1 << list->slots_log2) - 1;
    uint64_t h = (pair->a | pair->level) ^ list->seed;
    size_t i;

    h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    h ^= (pair->b | pair->rights_a) + list->seed;
    h = (h ^ h >> 29) * UINT64_C(0xD6E8FEB86659FD93);
    i = (size_t)(h ^ h >> 32) & mask;
    while (list->slot[i].used && !is_same(&list->slot[i].pair, pair)) {
        i = (i + 1) & mask;
    }
    return &list->slot[i];
}

static bool is_full(const struct twin_list *list)
{
    return list->used >= ((size_t)3 << list->slots_log2) / 4;
}

static void grow(struct twin_list *list)
{
    struct twin_list larger = *list;
    size_t slots = (size_t)1 << list->slots_log2;

    larger.slots_log2++;
    larger.slot = must(calloc(slots * 2, sizeof *larger.slot));
    for (size_t i = 0; i < slots; i++) {
        if (list->slot[i].used) {
            *slot_of(&larger, &list->slot[i].pair) = list->slot[i];
        }
    }
    free(list->slot);
    *list = larger;
}

const uint64_t *twins_find(const struct twin_list *list,
                           const struct twins *pair)
{
    const struct twin_slot *slot = slot_of(list, pair);

    return slot->used ? &slot->number : NULL;
}

void twins_note(struct twin_list *list, const struct twins *pair,
                uint64_t number)
{
    struct twin_slot *slot;

    if (is_full(list) && list->slots_log2 < SLOTS_LOG2_MAX) {
        grow(list);
    }
    slot = slot_of(list, pair);
    if (!slot->used && is_full(list)) {
        return;
    }
    list->used += !slot->used;
    slot->used = true;
    slot->pair = *pair;
    slot->number = number;
}
