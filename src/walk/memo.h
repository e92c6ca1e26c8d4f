/* SPDX-License-Identifier: Apache-2.0 */
/* The memo of tables that were entered: an exact set, no heuristic.
 *
 * An open-addressing hash table, probed linearly.  The hash is of the table's
 * address alone, so that what is known of a table stands in one run of slots:
 * for each level the whole table, and one that is cut.  Others that are cut
 * stand where the hash of the table and their va leads, as there may be one for
 * each range that is left out.  Both are keyed, since the addresses are the
 * guest's to choose. */
#ifndef PTW_MEMO_H
#define PTW_MEMO_H

#include "hash.h"
#include "ptwalk/walk.h"

/* What the memo keeps beside the rights of a path: that tables withhold nothing
 * in the space (ptw_tables_open). */
enum { PTW_TOLD_OPEN = PTW_ALL_RIGHTS + 1 };

/* log2 of the least alignment of a table of any format. */
enum { PTW_TABLE_ALIGN = 4 };

/* Addresses of tables have at most so many bits; the rights of the path stand
 * above them. */
enum { PTW_TABLE_BITS = 56 };
_Static_assert((PTW_TOLD_OPEN | PTW_ALL_RIGHTS) < 1 << (64 - PTW_TABLE_BITS),
               "a set of rights has room above an address");

/* So many tables a rebuild and a comparison ask room for at first. */
enum { PTW_FIRST_TABLES = 1 << 10 };

struct ptw_memo_slot {
    uint64_t key;          /* rights << 56 | table | level << 1 | cut */
    uint64_t va;           /* where the owner has it */
    uint32_t owner_plus_1; /* 0: the slot is empty */
    uint32_t number;       /* the caller's */
};

PTW_ENGINE uint64_t ptw_memo_key(uint64_t table, unsigned level,
                                 unsigned rights, bool cut)
{
    return (uint64_t)rights << PTW_TABLE_BITS | table | level << 1 |
           (uint64_t)cut;
}

PTW_ENGINE uint64_t ptw_memo_table(uint64_t key)
{
    return key & ptw_low_mask(PTW_TABLE_BITS) & ~ptw_low_mask(PTW_TABLE_ALIGN);
}

PTW_ENGINE unsigned ptw_memo_level(uint64_t key)
{
    return key >> 1 & 7;
}

PTW_ENGINE unsigned ptw_memo_rights(uint64_t key)
{
    return (unsigned)(key >> PTW_TABLE_BITS);
}

PTW_ENGINE size_t ptw_memo_hash(const struct ptw_memo *memo, uint64_t table)
{
    return ptw_mix(table >> PTW_TABLE_ALIGN, memo->seed, memo->slots_log2);
}

PTW_ENGINE size_t ptw_memo_hash_cut(const struct ptw_memo *memo, uint64_t table,
                                    uint64_t va)
{
    return ptw_mix(va ^ ptw_mix(table >> PTW_TABLE_ALIGN, memo->seed, 63),
                   memo->seed, memo->slots_log2);
}

/* ptw_memo_seek returns the slot with that key, of a table that is cut at that
 * va, or the free one behind all that stand there: slot i is where the search
 * begins.  NULL when there is neither.  *elsewhere is set when it passes the
 * same key at another va, *two_levels when it passes the table at another
 * level. */
PTW_ENGINE struct ptw_memo_slot *ptw_memo_seek(const struct ptw_memo *memo,
                                               size_t i, uint64_t key,
                                               uint64_t va, bool *elsewhere,
                                               bool *two_levels)
{
    size_t mask = ((size_t)1 << memo->slots_log2) - 1;

    for (size_t probes = 0; probes <= mask; probes++, i = (i + 1) & mask) {
        struct ptw_memo_slot *s = &memo->slot[i];

        if (s->owner_plus_1 == 0) {
            return s;
        }
        if (s->key == key) {
            if ((key & 1) == 0 || s->va == va) {
                return s;
            }
            *elsewhere = true;
        } else if (ptw_memo_table(s->key) == ptw_memo_table(key) &&
                   ptw_memo_level(s->key) != ptw_memo_level(key)) {
            *two_levels = true;
        }
    }
    return NULL;
}

/* ptw_memo_find returns the slot of (table, level), under a path of those rights
 * (0 where they make no difference) and not cut, or NULL. */
PTW_ENGINE struct ptw_memo_slot *ptw_memo_find(const struct ptw_memo *memo,
                                               uint64_t table, unsigned level,
                                               unsigned rights)
{
    bool ignored;
    struct ptw_memo_slot *s = ptw_memo_seek(
        memo, ptw_memo_hash(memo, table),
        ptw_memo_key(table, level, rights, false), 0, &ignored, &ignored);

    return s != NULL && s->owner_plus_1 != 0 ? s : NULL;
}

enum ptw_memo_answer { PTW_MEMO_NEW, PTW_MEMO_SEEN, PTW_MEMO_FULL };

/* ptw_memo_enter looks for the table at that level, under a path of those
 * rights (0 where they make no difference), and adds it when it is not there.
 * Of a table that is cut, the walk leaves out a part of its span; what
 * is left depends on where it is mapped, so it is the same one only at the same
 * va; of some roots that is ptw_root_by_itself's.  *slot is where it stands,
 * unless the memo is full; *two_levels says whether the table is known at another
 * level. */
PTW_ENGINE enum ptw_memo_answer
ptw_memo_enter(struct ptw_memo *memo, uint64_t table, unsigned level,
               unsigned rights, bool cut, uint64_t va,
               struct ptw_memo_slot **slot, bool *two_levels)
{
    uint64_t key = ptw_memo_key(table, level, rights, cut);
    bool elsewhere = false;
    struct ptw_memo_slot *s;

    *two_levels = false;
    s = ptw_memo_seek(memo, ptw_memo_hash(memo, table), key, va, &elsewhere,
                      two_levels);
    if (PTW_UNLIKELY(elsewhere) && s != NULL && s->owner_plus_1 == 0) {
        s = ptw_memo_seek(memo, ptw_memo_hash_cut(memo, table, va), key, va,
                          &elsewhere, two_levels);
    }
    if (s == NULL) {
        return PTW_MEMO_FULL;
    }
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
    *slot = s;
    return PTW_MEMO_SEEN;
}

#endif
