/* SPDX-License-Identifier: Apache-2.0 */
#include "sharing.h"

#include "report.h"

#include <stdlib.h>

/* 1 << 24 slots are 256 MiB; 3/4 of them hold both sides of 24 GiB. */
enum { SLOTS_LOG2_MIN = 12, SLOTS_LOG2_MAX = 24, NEAR_LOG2 = 3 };

/* Sides, in the bits of the offset of an address. */
enum { OF_A = 1, OF_B = 2 };

/* Marks, likewise, beside the first partner. */
enum { MANY = 1, WRITTEN = 2, OFFSET = PAGE_BYTES - 1 };

struct partner {
    uint64_t page;  /* and its side; 0: none */
    uint64_t first; /* the page that it was first seen with, and marks */
};

void sharing_init(struct sharing *s, uint64_t seed)
{
    s->slots_log2 = SLOTS_LOG2_MIN;
    s->slot = must(calloc((size_t)1 << s->slots_log2, sizeof *s->slot));
    s->used = 0;
    s->seed = seed;
    s->full = false;
}

void sharing_free(struct sharing *s)
{
    free(s->slot);
}

/* Neighbours stand side by side.  The seed keeps a guest from choosing pages
 * that do all in one place. */
static struct partner *slot_of(const struct sharing *s, uint64_t page)
{
    size_t mask = ((size_t)1 << s->slots_log2) - 1;
    uint64_t number = page >> PAGE_LOG2;
    uint64_t h = (number >> NEAR_LOG2) ^ s->seed ^ page << 62;
    size_t i;

    h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    h ^= h >> 32;
    i = (size_t)(h << NEAR_LOG2 | (number & ((1 << NEAR_LOG2) - 1))) & mask;
    while (s->slot[i].page != 0 && s->slot[i].page != page) {
        i = (i + 1) & mask;
    }
    return &s->slot[i];
}

static bool is_full(const struct sharing *s)
{
    return s->used >= ((size_t)3 << s->slots_log2) / 4;
}

static void grow(struct sharing *s)
{
    struct sharing larger = *s;
    size_t slots = (size_t)1 << s->slots_log2;

    larger.slots_log2++;
    larger.slot = must(calloc(slots * 2, sizeof *larger.slot));
    for (size_t i = 0; i < slots; i++) {
        if (s->slot[i].page != 0) {
            *slot_of(&larger, s->slot[i].page) = s->slot[i];
        }
    }
    free(s->slot);
    *s = larger;
}

/* The record of a page, with its first partner; NULL: there is no room. */
static struct partner *partner_of(struct sharing *s, uint64_t page,
                                  uint64_t first)
{
    struct partner *p = slot_of(s, page);

    if (p->page == 0) {
        if (is_full(s) && s->slots_log2 < SLOTS_LOG2_MAX) {
            grow(s);
            p = slot_of(s, page);
        }
        if (is_full(s)) {
            s->full = true;
            return NULL;
        }
        p->page = page;
        p->first = first;
        s->used++;
    }
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
