/* SPDX-License-Identifier: Apache-2.0 */
/* A hash list, up to its bound. */
#include "report.h"
#include "slots.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Of the command. */
void *must(void *p)
{
    cr_assert(p != NULL);
    return p;
}

struct pair {
    uint64_t key;
    uint64_t value;
};

static bool same(const void *x, const void *y)
{
    return ((const struct pair *)x)->key == ((const struct pair *)y)->key;
}

/* The worst that a guest could do, and what it can't. */
static uint64_t one_place(const void *slot, uint64_t seed)
{
    (void)slot;
    return seed;
}

static uint64_t by_key(const void *slot, uint64_t seed)
{
    return slots_mix(((const struct pair *)slot)->key, 0, seed);
}

static struct slots list;

static struct slots_kind kind;

/* 4 slots that become 16, of which 12 are used. */
static void begin(uint64_t (*home)(const void *slot, uint64_t seed))
{
    kind = (struct slots_kind){
        .bytes = sizeof(struct pair),
        .least_log2 = 2,
        .most_log2 = 4,
        .home = home,
        .same = same,
    };
    slots_init(&list, &kind, 15);
}

static bool take(uint64_t key, uint64_t value)
{
    return slots_take(&list, &kind, &(struct pair){key, value}) != NULL;
}

static uint64_t find(uint64_t key)
{
    const struct pair *p = slots_find(&list, &kind, &(struct pair){.key = key});

    return p != NULL ? p->value : 0;
}

static void fill(uint64_t (*home)(const void *slot, uint64_t seed))
{
    begin(home);
    for (uint64_t key = 1; key <= 12; key++) {
        cr_expect(eq(u64, find(key), 0));
        cr_expect(take(key, 100 + key));
        for (uint64_t old = 1; old <= key; old++) {
            cr_expect(eq(u64, find(old), 100 + old));
        }
    }
    cr_expect(not(take(13, 113)));
    cr_expect(eq(u64, find(13), 0));
    cr_expect(eq(sz, list.used, 12));
    slots_free(&list);
}

Test(slots, hold_all_up_to_their_bound)
{
    fill(by_key);
    fill(one_place);
}

Test(slots, keep_the_first_with_a_key)
{
    struct pair *p;

    begin(by_key);
    for (uint64_t key = 1; key <= 12; key++) {
        cr_expect(take(key, key));
    }
    cr_expect(take(7, 9)); /* however full they are */
    cr_expect(eq(u64, find(7), 7));
    p = slots_take(&list, &kind, &(struct pair){7, 9});
    cr_assert(p != NULL);
    p->value = 9;
    cr_expect(eq(u64, find(7), 9));
    cr_expect(eq(sz, list.used, 12));
    slots_free(&list);
}

Test(slots, put_numbers_that_follow_each_other_side_by_side)
{
    uint64_t first = slots_beside(slots_mix(slots_group(8), 3, 15), 8);

    for (uint64_t n = 8; n < 16; n++) {
        cr_expect(eq(u64, slots_beside(slots_mix(slots_group(n), 3, 15), n),
                     first + (n - 8)));
    }
}
