/* SPDX-License-Identifier: Apache-2.0 */
/* The memo of tables that were entered: an exact set, no heuristic.
 *
 * An open-addressing hash table, probed linearly.  The hash is of the table's
 * address alone, so that everything that is known of a table stands in one run
 * of slots; it is keyed, since the addresses are the guest's to choose. */
#ifndef PTW_MEMO_H
#define PTW_MEMO_H

#include "hash.h"
#include "ptwalk/walk.h"

struct ptw_memo_slot {
    uint64_t key; /* table | level << 2 | cut: tables are aligned to 32 */
    uint64_t va;  /* where the owner has it */
    uint32_t owner_plus_1; /* 0: the slot is empty */
    uint32_t number;       /* the caller's */
};

PTW_ENGINE uint64_t ptw_memo_key(uint64_t table, unsigned level, bool cut)
{
    return table | level << 2 | (uint64_t)cut;
}

PTW_ENGINE uint64_t ptw_memo_table(uint64_t key)
{
    return key & ~ptw_low_mask(5);
}

PTW_ENGINE size_t ptw_memo_hash(const struct ptw_memo *memo, uint64_t table)
{
    return ptw_mix(table >> 5, memo->seed, memo->slots_log2);
}

/* ptw_memo_find returns the slot of (table, level), not cut, or NULL. */
PTW_ENGINE struct ptw_memo_slot *ptw_memo_find(const struct ptw_memo *memo,
                                               uint64_t table, unsigned level)
{
    uint64_t key = ptw_memo_key(table, level, false);
    size_t mask = ((size_t)1 << memo->slots_log2) - 1;
    size_t i = ptw_memo_hash(memo, table);

    for (size_t probes = 0; probes <= mask; probes++, i = (i + 1) & mask) {
        if (memo->slot[i].owner_plus_1 == 0) {
            return NULL;
        }
        if (memo->slot[i].key == key) {
            return &memo->slot[i];
        }
    }
    return NULL;
}

enum ptw_memo_answer { PTW_MEMO_NEW, PTW_MEMO_SEEN, PTW_MEMO_FULL };

/* ptw_memo_enter looks for the table at that level, and adds it when it is not
 * there.  Of a table that is cut, the walk leaves out a part of its span; what
 * is left depends on where it is mapped, so it is the same one only at the same
 * va.  *slot is where it stands, unless the memo is full; *two_levels says
 * whether the table is known at another level. */
PTW_ENGINE enum ptw_memo_answer
ptw_memo_enter(struct ptw_memo *memo, uint64_t table, unsigned level, bool cut,
               uint64_t va, struct ptw_memo_slot **slot, bool *two_levels)
{
    uint64_t key = ptw_memo_key(table, level, cut);
    size_t mask = ((size_t)1 << memo->slots_log2) - 1;
    size_t i = ptw_memo_hash(memo, table);

    *two_levels = false;
    for (size_t probes = 0; probes <= mask; probes++, i = (i + 1) & mask) {
        struct ptw_memo_slot *s = &memo->slot[i];

        if (s->owner_plus_1 == 0) {
            if (memo->used >= ptw_slots_used(memo->slots_log2)) {
                return PTW_MEMO_FULL;
            }
            s->key = key;
            s->va = va;
            memo->used++;
            *slot = s;
            return PTW_MEMO_NEW;
        }
        if (s->key == key && (!cut || s->va == va)) {
            *slot = s;
            return PTW_MEMO_SEEN;
        }
        if (ptw_memo_table(s->key) == table && (s->key >> 2 & 7) != level) {
            *two_levels = true;
        }
    }
    return PTW_MEMO_FULL;
}

#endif
