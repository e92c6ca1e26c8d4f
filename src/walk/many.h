/* SPDX-License-Identifier: Apache-2.0 */
/* Many addresses: descents side by side.
 *
 * One descent waits for each entry before it knows where the next one is.  What
 * it waits for is mostly in the last two tables: the few above them are in the
 * host's caches.  So PTW_LANES descents go to their entry of level 1, one after
 * the other, and from there on together: as soon as a lane knows its next
 * entry, the host's memory is asked for it, and the lane goes on when all
 * others have had their turn.  They go the quick way of lookup.h; a lane that
 * leaves it is finished by itself, the careful way. */
#ifndef PTW_MANY_H
#define PTW_MANY_H

#include "lookup.h"

enum { PTW_LANES = 16 };

struct ptw_lane {
    const unsigned char *place; /* of its next entry; NULL: it is done */
    uint64_t kept;              /* see path_rights */
};

/* ptw_entry_place returns where the host has an entry that can be read
 * directly, or NULL. */
const unsigned char *ptw_entry_place(const struct ptw_mem *mem, uint64_t pa,
                                     unsigned bytes);

/* ptw_lane_to leads a lane to the entry of that table; false: it can't be read
 * directly. */
PTW_ENGINE bool ptw_lane_to(const struct ptw_format *a,
                            const struct ptw_mem *mem, struct ptw_lane *lane,
                            uint64_t table, unsigned index)
{
    if (PTW_LIKELY(ptw_quick_place(a, mem, table, index, &lane->place))) {
        return true;
    }
    lane->place = ptw_entry_place(mem, ptw_entry_at(a, table, index),
                                  1u << a->entry_log2);
    return lane->place != NULL;
}

/* One level of a lane: its entry leads to a table, and to an entry of that;
 * false: the lane is done. */
PTW_ENGINE bool ptw_lane_down(const struct ptw_format *a,
                              const struct ptw_mem *mem,
                              const struct ptw_regime *r, unsigned level,
                              ptw_va va, struct ptw_lane *lane,
                              ptw_look_on *look_on, struct ptw_translation *out,
                              enum ptw_status *status)
{
    uint64_t turned = ptw_load_entry(a, lane->place, 0) ^ r->rule[level].turned;
    uint64_t at = 0;
    struct ptw_stand s;

    s.read = !ptw_quick_judge(a, r, level, turned, &lane->kept, &at);
    if (!s.read && ptw_lane_to(a, mem, lane, at,
                               ptw_quick_index(a, r, false, level - 1, va))) {
        return true;
    }
    s.above = (uint8_t)a->path_rights(r, lane->kept);
    s.level = (uint8_t)(s.read ? level : level - 1);
    lane->place = NULL;
    *status = look_on(mem, r, s.read ? turned : at, va, out, s);
    return false;
}

_Static_assert(PTW_MAX_LEVELS == 5, "lanes go down five levels");

/* A lane goes from its root, which is above level 0, to its entry of level 1.
 */
PTW_ENGINE struct ptw_lane
ptw_lane_start(const struct ptw_format *a, const struct ptw_mem *mem,
               struct ptw_root root, ptw_va va, ptw_look_on *look_on,
               struct ptw_translation *out, enum ptw_status *status)
{
    const struct ptw_regime *r = root.regime;
    unsigned top = ptw_top(a, r);
    struct ptw_lane lane = {NULL, UINT64_MAX};

    *status = ptw_lookup_check(root, va);
    if (PTW_UNLIKELY(*status != PTW_OK)) {
        return lane;
    }
    if (!ptw_lane_to(a, mem, &lane, root.table.v,
                     ptw_quick_index(a, r, true, top, va))) {
        struct ptw_stand s = {
            .read = false,
            .above = (uint8_t)ptw_start_rights(a, r),
            .level = (uint8_t)top,
        };

        *status = look_on(mem, r, root.table.v, va, out, s);
        return lane;
    }
    switch (top) {
    case 4:
        if (!ptw_lane_down(a, mem, r, 4, va, &lane, look_on, out, status)) {
            return lane;
        }
        /* fall through */
    case 3:
        if (!ptw_lane_down(a, mem, r, 3, va, &lane, look_on, out, status)) {
            return lane;
        }
        /* fall through */
    case 2:
        if (!ptw_lane_down(a, mem, r, 2, va, &lane, look_on, out, status)) {
            return lane;
        }
        /* fall through */
    default:
        __builtin_prefetch(lane.place);
        return lane;
    }
}

/* The last level of a lane. */
PTW_ENGINE void ptw_lane_end(const struct ptw_format *a,
                             const struct ptw_mem *mem,
                             const struct ptw_regime *r, ptw_va va,
                             const struct ptw_lane *lane, ptw_look_on *look_on,
                             struct ptw_translation *out,
                             enum ptw_status *status)
{
    struct ptw_stand s = {.read = true};
    uint64_t raw = ptw_load_entry(a, lane->place, 0);
    unsigned above = a->path_rights(r, lane->kept);

    if (PTW_UNLIKELY(!ptw_quick_leaf(a, r, raw, above, va, out))) {
        s.above = (uint8_t)above;
        *status = look_on(mem, r, raw ^ r->rule[0].turned, va, out, s);
    }
}

/* ptw_look_many looks addresses up, each with its root, whose regimes are that
 * of the first one. */
PTW_ENGINE void ptw_look_many(const struct ptw_format *a,
                              const struct ptw_mem *mem,
                              const struct ptw_root *root, size_t apart,
                              const ptw_va *va, size_t count,
                              ptw_look_on *look_on, struct ptw_translation *out,
                              enum ptw_status *status)
{
    const struct ptw_regime *r = root->regime;
    struct ptw_lane lane[PTW_LANES];
    unsigned n;

    if (!ptw_is_quick(a, r)) {
        for (size_t i = 0; i < count; i++) {
            status[i] =
                ptw_look_up(a, mem, root[i * apart], va[i], look_on, &out[i]);
        }
        return;
    }
    for (size_t done = 0; done < count; done += n) {
        const ptw_va *v = va + done;
        struct ptw_translation *o = out + done;
        enum ptw_status *st = status + done;

        n = count - done < PTW_LANES ? (unsigned)(count - done) : PTW_LANES;
        for (unsigned i = 0; i < n; i++) {
            lane[i] = ptw_lane_start(a, mem, root[(done + i) * apart], v[i],
                                     look_on, &o[i], &st[i]);
        }
        for (unsigned i = 0; i < n; i++) {
            if (PTW_LIKELY(lane[i].place != NULL) &&
                ptw_lane_down(a, mem, r, 1, v[i], &lane[i], look_on, &o[i],
                              &st[i])) {
                __builtin_prefetch(lane[i].place);
            }
        }
        for (unsigned i = 0; i < n; i++) {
            if (PTW_LIKELY(lane[i].place != NULL)) {
                ptw_lane_end(a, mem, r, v[i], &lane[i], look_on, &o[i], &st[i]);
            }
        }
    }
}

#endif
