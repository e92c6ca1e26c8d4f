/* SPDX-License-Identifier: Apache-2.0 */
/* Storage of the memo. */
#include "memo.h"
#include "sort.h"

enum { MEMO_LOG2_MIN = 2 };

static unsigned log2_for(size_t bytes)
{
    unsigned log2 = 0;

    while (log2 < sizeof(size_t) * 8 - 6 &&
           ((size_t)2 << log2) <= bytes / sizeof(struct ptw_memo_slot)) {
        log2++;
    }
    return log2;
}

size_t ptw_memo_bytes(size_t tables)
{
    unsigned log2 = MEMO_LOG2_MIN;

    while (ptw_slots_used(log2) < tables) {
        log2++;
        if (log2 >= sizeof(size_t) * 8 - 6) {
            return SIZE_MAX;
        }
    }
    return sizeof(struct ptw_memo_slot) << log2;
}

enum ptw_status ptw_memo_init(struct ptw_memo *memo, void *storage,
                              size_t bytes, uint64_t seed)
{
    unsigned log2 = log2_for(bytes);

    if (((uintptr_t)storage & 7) != 0) {
        return PTW_E_ALIGN;
    }
    if (storage == NULL || log2 < MEMO_LOG2_MIN) {
        return PTW_E_SPACE;
    }
    memset(storage, 0, sizeof(struct ptw_memo_slot) << log2);
    memo->slot = storage;
    memo->slots_log2 = log2;
    memo->used = 0;
    memo->seed = seed;
    return PTW_OK;
}

enum ptw_status ptw_memo_grow(struct ptw_memo *memo, void *storage,
                              size_t bytes)
{
    struct ptw_memo larger;
    enum ptw_status st;
    size_t slots = (size_t)1 << memo->slots_log2;

    if (log2_for(bytes) <= memo->slots_log2) {
        return PTW_E_SPACE;
    }
    st = ptw_memo_init(&larger, storage, bytes, memo->seed);
    if (st != PTW_OK) {
        return st;
    }
    for (size_t i = 0; i < slots; i++) {
        const struct ptw_memo_slot *from = &memo->slot[i];
        struct ptw_memo_slot *to;
        bool two_levels;

        if (from->owner_plus_1 == 0) {
            continue;
        }
        if (ptw_memo_enter(&larger, ptw_memo_table(from->key),
                           ptw_memo_level(from->key),
                           ptw_memo_rights(from->key), (from->key & 1) != 0,
                           from->va, &to, &two_levels) == PTW_MEMO_NEW) {
            *to = *from;
        }
    }
    *memo = larger;
    return PTW_OK;
}

enum ptw_status ptw_memo_tables(const struct ptw_memo *memo, ptw_pa *table,
                                size_t room, size_t *tables)
{
    size_t slots = (size_t)1 << memo->slots_log2;
    size_t count = 0;
    size_t kept = 0;

    if (room < memo->used) {
        return PTW_E_SPACE;
    }
    for (size_t i = 0; i < slots; i++) {
        if (memo->slot[i].owner_plus_1 != 0) {
            table[count++] = ptw_pa_of(ptw_memo_table(memo->slot[i].key));
        }
    }
    ptw_sort(table, count, sizeof *table);
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || table[i].v != table[kept - 1].v) {
            table[kept++] = table[i];
        }
    }
    *tables = kept;
    return PTW_OK;
}
