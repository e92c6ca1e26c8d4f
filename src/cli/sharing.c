/* SPDX-License-Identifier: Apache-2.0 */
#include "sharing.h"

/* Sides, in the bits of the offset of an address. */
enum { OF_A = 1, OF_B = 2 };

/* Marks, likewise, beside the first partner. */
enum { MANY = 1, WRITTEN = 2, OFFSET = PAGE_BYTES - 1 };

struct partner {
    uint64_t page;  /* and its side: never 0 */
    uint64_t first; /* the page that it was first seen with, and marks */
};

/* Neighbours stand side by side. */
static uint64_t home(const void *slot, uint64_t seed)
{
    const struct partner *p = slot;
    uint64_t number = p->page >> PAGE_LOG2;

    return slots_beside(slots_mix(slots_group(number), p->page & OFFSET, seed),
                        number);
}

static bool same(const void *x, const void *y)
{
    return ((const struct partner *)x)->page ==
           ((const struct partner *)y)->page;
}

/* 1 << 24 slots are 256 MiB; 3/4 of them hold both sides of 24 GiB. */
static const struct slots_kind kind = {
    .bytes = sizeof(struct partner),
    .least_log2 = 12,
    .most_log2 = 24,
    .home = home,
    .same = same,
};

void sharing_init(struct sharing *s, uint64_t seed)
{
    slots_init(&s->partners, &kind, seed);
    s->full = false;
}

void sharing_free(struct sharing *s)
{
    slots_free(&s->partners);
}

/* The record of a page, with its first partner; NULL: there is no room. */
static struct partner *partner_of(struct sharing *s, uint64_t page,
                                  uint64_t first)
{
    struct partner *p =
        slots_take(&s->partners, &kind, &(struct partner){page, first});

    s->full = s->full || p == NULL;
    return p;
}

unsigned sharing_note(struct sharing *s, ptw_pa a, ptw_pa b, bool written)
{
    uint64_t page_a = a.v & ~(uint64_t)OFFSET;
    uint64_t page_b = b.v & ~(uint64_t)OFFSET;
    unsigned what = 0;
    struct partner *p;

    p = partner_of(s, page_a | OF_A, page_b);
    if (p != NULL && p->first != page_b) {
        what |= SHARING_SHARED;
    }
    p = partner_of(s, page_b | OF_B, page_a);
    if (p != NULL) {
        bool other = (p->first & ~(uint64_t)OFFSET) != page_a;

        p->first |= (other ? MANY : 0u) | (written ? WRITTEN : 0u);
        if ((p->first & MANY) != 0 && (p->first & WRITTEN) != 0 &&
            (other || written)) {
            what |= SHARING_JOINED;
        }
    }
    return what;
}
