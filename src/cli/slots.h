/* SPDX-License-Identifier: Apache-2.0 */
/* A hash list: what is noted stands in slots, each found by a key that is a part
 * of it.  Open addressing, probed linearly, at most three quarters full.  It
 * doubles up to a bound; what does not fit then is not noted.  It is keyed,
 * since keys are the guest's to choose. */
#ifndef CLI_SLOTS_H
#define CLI_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What the slots of a list are. */
struct slots_kind {
    /* of a slot, which begins with a uint64_t that is 0 where it is free and
     * nowhere else */
    size_t bytes;
    unsigned least_log2; /* of the number of slots */
    unsigned most_log2;
    /* Where the search for the key of a slot begins, of the bits that the list
     * needs. */
    uint64_t (*home)(const void *slot, uint64_t seed);
    bool (*same)(const void *x, const void *y); /* they have the same key */
};

struct slots {
    unsigned char *slot;
    unsigned log2;
    size_t used;
    uint64_t seed;
};

/* slots_init makes an empty list; the seed is one that no guest can guess.  The
 * kind of a list is the same at each call, and a constant, for which the
 * functions below are compiled. */
void slots_init(struct slots *s, const struct slots_kind *kind, uint64_t seed);
void slots_free(struct slots *s);

/* slots_grow doubles the list. */
void slots_grow(struct slots *s, const struct slots_kind *kind);

static inline bool slots_is_free(const unsigned char *slot)
{
    uint64_t first;

    memcpy(&first, slot, sizeof first);
    return first == 0;
}

/* slots_seek returns the slot that has the key of *like, or the free one where it
 * would be. */
static inline unsigned char *slots_seek(const struct slots *s,
                                        const struct slots_kind *kind,
                                        const void *like)
{
    size_t mask = ((size_t)1 << s->log2) - 1;
    size_t i = (size_t)kind->home(like, s->seed) & mask;

    for (;;) {
        unsigned char *slot = s->slot + i * kind->bytes;

        if (slots_is_free(slot) || kind->same(slot, like)) {
            return slot;
        }
        i = (i + 1) & mask;
    }
}

/* slots_find returns the slot that has the key of *like, or NULL. */
static inline const void *slots_find(const struct slots *s,
                                     const struct slots_kind *kind,
                                     const void *like)
{
    const unsigned char *slot = slots_seek(s, kind, like);

    return slots_is_free(slot) ? NULL : slot;
}

static inline bool slots_full(const struct slots *s)
{
    return s->used >= ((size_t)3 << s->log2) / 4;
}

/* slots_take returns the slot that has the key of *like; where there is none, a
 * free one becomes *like.  NULL: there is no room.  It is good until the next
 * call. */
static inline void *slots_take(struct slots *s, const struct slots_kind *kind,
                               const void *like)
{
    unsigned char *slot = slots_seek(s, kind, like);

    if (slots_is_free(slot)) {
        if (slots_full(s) && s->log2 < kind->most_log2) {
            slots_grow(s, kind);
            slot = slots_seek(s, kind, like);
        }
        if (slots_full(s)) {
            return NULL;
        }
        memcpy(slot, like, kind->bytes);
        s->used++;
    }
    return slot;
}

/* slots_mix returns a hash of two numbers. */
static inline uint64_t slots_mix(uint64_t x, uint64_t y, uint64_t seed)
{
    uint64_t h = x ^ seed;

    h = (h ^ h >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    h ^= y + seed;
    h = (h ^ h >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    return h ^ h >> 32;
}

/* slots_beside returns a place for number n, out of the hash of slots_group:
 * numbers that follow each other stand side by side. */
enum { SLOTS_GROUP_LOG2 = 3 };

static inline uint64_t slots_group(uint64_t n)
{
    return n >> SLOTS_GROUP_LOG2;
}

static inline uint64_t slots_beside(uint64_t h, uint64_t n)
{
    return h << SLOTS_GROUP_LOG2 | (n & ((1 << SLOTS_GROUP_LOG2) - 1));
}

#endif
