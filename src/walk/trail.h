/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that lie close together: the path of the last lookup is kept, and
 * the next one starts at the lowest table of it that covers both. */
#ifndef PTW_TRAIL_H
#define PTW_TRAIL_H

#include "lookup.h"

/* ptw_trail_look_on is ptw_look_on for a trail, which it keeps. */
typedef enum ptw_status ptw_trail_look_on(struct ptw_trail *trail, uint64_t at,
                                          ptw_va va,
                                          struct ptw_translation *out,
                                          struct ptw_stand s);

/* Whether the table of that level of the trail, which is not the root, does not
 * cover va. */
PTW_ENGINE bool ptw_trail_leaves(const struct ptw_format *a,
                                 const struct ptw_trail *trail, unsigned level,
                                 ptw_va va)
{
    return (va.v ^ trail->va.v) >> a->level[level].shift >>
               a->level[level].bits !=
           0;
}

/* ptw_trail_level returns the level of the lowest table of the trail that
 * covers va; the root covers all. */
PTW_ENGINE unsigned ptw_trail_level(const struct ptw_format *a,
                                    const struct ptw_trail *trail, ptw_va va)
{
    unsigned top = ptw_top(a, trail->root.regime);
    unsigned level = trail->level;

    while (level < top && ptw_trail_leaves(a, trail, level, va)) {
        level++;
    }
    return level;
}

/* ptw_trail_look_up looks va up.  The commonest case comes first: direct
 * memory, and the table of level 0 that the last lookup ended in. */
PTW_ENGINE enum ptw_status ptw_trail_look_up(const struct ptw_format *a,
                                             struct ptw_trail *trail, ptw_va va,
                                             ptw_trail_look_on *look_on,
                                             struct ptw_translation *out)
{
    const struct ptw_regime *r = trail->root.regime;
    struct ptw_stand s;
    uint64_t raw;

    if (PTW_UNLIKELY(!ptw_is_canonical(r, va.v))) {
        return PTW_NOT_CANONICAL;
    }
    if (ptw_is_quick(a, r) && trail->level == 0 &&
        !ptw_trail_leaves(a, trail, 0, va)) {
        uint64_t offset = ptw_entry_at(a, trail->at[0].table,
                                       ptw_quick_index(a, r, false, 0, va)) -
                          trail->cache.first;

        if (PTW_LIKELY(offset < trail->cache.entries_end)) {
            raw = ptw_load_entry(a, trail->cache.host + (size_t)offset, 0);
            if (PTW_LIKELY(
                    ptw_quick_leaf(a, r, raw, trail->at[0].rights, va, out))) {
                return PTW_OK;
            }
            s.above = (uint8_t)trail->at[0].rights;
            s.level = 0;
            s.read = true;
            return look_on(trail, raw ^ r->rule[0].turned, va, out, s);
        }
    }
    s.level = (uint8_t)(a->levels > 0 ? ptw_trail_level(a, trail, va) : 0);
    s.above = (uint8_t)trail->at[s.level].rights;
    s.read = false;
    return look_on(trail, trail->at[s.level].table, va, out, s);
}

/* ptw_trail_look_down goes on from there, careful at each entry. */
PTW_ENGINE enum ptw_status ptw_trail_look_down(const struct ptw_format *a,
                                               struct ptw_trail *trail,
                                               uint64_t at, ptw_va va,
                                               struct ptw_translation *out,
                                               struct ptw_stand s)
{
    trail->va = va;
    return ptw_look_down(a, trail->mem, &trail->cache, trail->root.regime, at,
                         va, s, trail, out);
}

#endif
