/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of the hash tables. */
#include "hash.h"

enum { SLOTS_LOG2_MIN = 6, SLOTS_LOG2_END = sizeof(size_t) * 8 - 8 };

size_t ptw_slots_in(size_t bytes, size_t size)
{
    size_t log2 = 0;

    while (log2 + 1 < SLOTS_LOG2_END && ((size_t)2 << log2) <= bytes / size) {
        log2++;
    }
    return log2;
}

size_t ptw_slots_for(uint64_t used, size_t size)
{
    size_t log2 = SLOTS_LOG2_MIN;

    while (ptw_slots_used(log2) < used) {
        log2++;
        if (log2 >= SLOTS_LOG2_END || SIZE_MAX >> log2 < size) {
            return 0;
        }
    }
    return log2;
}

size_t ptw_hash_wanted(const struct ptw_hash *h, size_t size, uint64_t more)
{
    uint64_t used = (uint64_t)h->used + more;
    size_t log2;

    if (h->record != NULL && used < ptw_slots_used(h->slots_log2 + 1)) {
        used = ptw_slots_used(h->slots_log2 + 1);
    }
    log2 = ptw_slots_for(used, size);
    return log2 == 0 ? SIZE_MAX : size << log2;
}

enum ptw_status ptw_hash_give(struct ptw_hash *h, size_t size, void *storage,
                              size_t bytes, uint64_t seed)
{
    struct ptw_hash larger = {storage, ptw_slots_in(bytes, size), 0, seed};
    size_t slots = (size_t)1 << h->slots_log2;

    if (((uintptr_t)storage & 7) != 0) {
        return PTW_E_ALIGN;
    }
    if (storage == NULL || larger.slots_log2 < SLOTS_LOG2_MIN ||
        (h->record != NULL && larger.slots_log2 <= h->slots_log2)) {
        return PTW_E_SPACE;
    }
    memset(storage, 0, size << larger.slots_log2);
    for (size_t i = 0; h->record != NULL && i < slots; i++) {
        const unsigned char *from = h->record + i * size;
        bool fresh;

        if (ptw_hash_key(from) != 0) {
            memcpy(ptw_hash_enter(&larger, size, ptw_hash_key(from), &fresh),
                   from, size);
        }
    }
    *h = larger;
    return PTW_OK;
}
