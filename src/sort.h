/* SPDX-License-Identifier: Apache-2.0 */
/* Heap sort: in place, no recursion, and no worst case that a guest or a host
 * could choose. */
#ifndef PTW_SORT_H
#define PTW_SORT_H

#include "engine.h"

/* ptw_sort_key returns the key of a record: the uint64_t that it starts with.
 */
PTW_ENGINE uint64_t ptw_sort_key(const unsigned char *record)
{
    uint64_t key;

    memcpy(&key, record, sizeof key);
    return key;
}

/* Swaps two records of at most 64 bytes. */
PTW_ENGINE void ptw_swap(unsigned char *a, unsigned char *b, size_t size)
{
    unsigned char t[64];

    memcpy(t, a, size);
    memcpy(a, b, size);
    memcpy(b, t, size);
}

/* Moves record `root` down the heap of the first count until neither child has
 * a larger key.  root at least doubles on every pass. */
PTW_ENGINE void ptw_sift(unsigned char *base, size_t root, size_t count,
                         size_t size)
{
    while (root < count / 2) {
        size_t child = 2 * root + 1;

        if (child + 1 < count && ptw_sort_key(base + (child + 1) * size) >
                                     ptw_sort_key(base + child * size)) {
            child++;
        }
        if (ptw_sort_key(base + child * size) <=
            ptw_sort_key(base + root * size)) {
            return;
        }
        ptw_swap(base + root * size, base + child * size, size);
        root = child;
    }
}

/* ptw_sort puts count records of `size` bytes, at most 64, in ascending order
 * of the uint64_t that each starts with. */
PTW_ENGINE void ptw_sort(void *records, size_t count, size_t size)
{
    unsigned char *base = records;

    assert(size >= sizeof(uint64_t) && size <= 64);
    for (size_t i = count / 2; i > 0; i--) {
        ptw_sift(base, i - 1, count, size);
    }
    for (size_t n = count; n > 1; n--) {
        ptw_swap(base, base + (n - 1) * size, size);
        ptw_sift(base, 0, n - 1, size);
    }
}

#endif
