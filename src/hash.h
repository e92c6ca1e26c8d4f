/* SPDX-License-Identifier: Apache-2.0 */
/* Hash tables in the caller's storage.
 *
 * Open addressing, probed linearly.  A record starts with its key, a uint64_t
 * that is not 0; the rest is its owner's.  The hash is keyed, since what is
 * looked up are addresses that a guest chose. */
#ifndef PTW_HASH_H
#define PTW_HASH_H

#include "engine.h"
#include "ptwalk/private.h"
#include "ptwalk/status.h"

/* 2^64 divided by the golden ratio: products with it are scattered evenly. */
static const uint64_t PTW_GOLDEN = 0x9E3779B97F4A7C15;

/* ptw_scatter returns `bits` bits, 1 to 63, that depend on all of value, for a
 * few places in which something is remembered; who chooses values may choose
 * places, too. */
PTW_ENGINE size_t ptw_scatter(uint64_t value, unsigned bits)
{
    return (size_t)(value * PTW_GOLDEN >> (64 - bits));
}

/* ptw_mix returns `bits` bits, 1 to 63, that depend on all of value and seed.
 */
PTW_ENGINE size_t ptw_mix(uint64_t value, uint64_t seed, size_t bits)
{
    uint64_t h = value ^ seed;

    h *= PTW_GOLDEN;
    h ^= h >> 32;
    h *= seed | 1;
    h ^= h >> 29;
    h *= PTW_GOLDEN;
    return (size_t)(h >> (64 - bits));
}

/* ptw_slots_used returns how many of 1 << log2 slots may be used: three
 * quarters, since probing gets slow beyond that. */
PTW_ENGINE size_t ptw_slots_used(size_t log2)
{
    size_t mask = ((size_t)1 << log2) - 1;

    return mask - mask / 4;
}

/* ptw_slots_in returns the log2 of the slots of that size that bytes hold, and
 * ptw_slots_for that of the slots that it takes to use so many; 0 when that is
 * less than two, or too many. */
size_t ptw_slots_in(size_t bytes, size_t size);
size_t ptw_slots_for(uint64_t used, size_t size);

PTW_ENGINE uint64_t ptw_hash_key(const unsigned char *record)
{
    uint64_t key;

    memcpy(&key, record, sizeof key);
    return key;
}

/* ptw_hash_slot returns where the search for a key begins. */
PTW_ENGINE unsigned char *ptw_hash_slot(const struct ptw_hash *h, size_t size,
                                        uint64_t key)
{
    return h->record + ptw_mix(key, h->seed, h->slots_log2) * size;
}

/* ptw_hash_seek returns the record with that key, or the free one where it
 * would stand.  There is a free one, since a quarter of the slots is. */
PTW_ENGINE unsigned char *ptw_hash_seek(const struct ptw_hash *h, size_t size,
                                        uint64_t key)
{
    size_t mask = ((size_t)1 << h->slots_log2) - 1;
    size_t i = ptw_mix(key, h->seed, h->slots_log2);
    unsigned char *record = h->record + i * size;

    for (size_t probes = 0; probes < mask; probes++) {
        uint64_t is = ptw_hash_key(record);

        if (is == key || is == 0) {
            break;
        }
        i = (i + 1) & mask;
        record = h->record + i * size;
    }
    return record;
}

/* ptw_hash_find returns the record with that key, or NULL. */
PTW_ENGINE void *ptw_hash_find(const struct ptw_hash *h, size_t size,
                               uint64_t key)
{
    unsigned char *record;

    if (h->record == NULL) {
        return NULL;
    }
    record = ptw_hash_seek(h, size, key);
    return ptw_hash_key(record) == key ? record : NULL;
}

/* ptw_hash_room says whether that many records more have room. */
PTW_ENGINE bool ptw_hash_room(const struct ptw_hash *h, size_t more)
{
    return h->record != NULL && more <= ptw_slots_used(h->slots_log2) - h->used;
}

/* ptw_hash_enter returns the record with that key, which is new and otherwise
 * zero when *fresh is set.  There must be room for one more. */
PTW_ENGINE void *ptw_hash_enter(struct ptw_hash *h, size_t size, uint64_t key,
                                bool *fresh)
{
    unsigned char *record = ptw_hash_seek(h, size, key);

    *fresh = ptw_hash_key(record) == 0;
    assert(*fresh || ptw_hash_key(record) == key);
    if (*fresh) {
        assert(h->used < ptw_slots_used(h->slots_log2));
        memcpy(record, &key, sizeof key);
        h->used++;
    }
    return record;
}

/* ptw_hash_give moves the table into storage of that many bytes, aligned to 8,
 * or makes an empty one there when there was none.  PTW_E_ALIGN, PTW_E_SPACE
 * when it does not hold more than before. */
PTW_NODISCARD enum ptw_status ptw_hash_give(struct ptw_hash *h, size_t size,
                                            void *storage, size_t bytes,
                                            uint64_t seed);

/* ptw_hash_wanted returns the bytes to ask for when there is no room for `more`
 * records: at least twice what there is. */
size_t ptw_hash_wanted(const struct ptw_hash *h, size_t size, uint64_t more);

/* A record of a hash table in an order of its own: what it is ordered by, and
 * the slot that it is in. */
struct ptw_ordered {
    uint64_t key;
    uint64_t slot;
};

#endif
