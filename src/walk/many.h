/* SPDX-License-Identifier: Apache-2.0 */
/* Many addresses: descents side by side.
 *
 * One descent waits for each entry before it knows where the next one is.  Here
 * PTW_LANES of them go down together, a level at a time: as soon as a lane
 * knows its next entry, the host's memory is asked for it, and the lane goes on
 * when all others have had their turn.  They go the quick way of lookup.h; a
 * lane that leaves it is finished by itself, the careful way. */
#ifndef PTW_MANY_H
#define PTW_MANY_H

#include "lookup.h"

enum { PTW_LANES = 16 };

/* The lanes, next to each other.  A lane that is done has no place. */
struct ptw_lanes {
    const unsigned char *place[PTW_LANES]; /* of its next entry */
    uint64_t kept[PTW_LANES];              /* see path_rights */
};

/* ptw_entry_place returns where the host has an entry that can be read
 * directly, or NULL. */
const unsigned char *ptw_entry_place(const struct ptw_mem *mem, uint64_t pa,
                                     unsigned bytes);

/* ptw_lane_to leads lane i to the entry of that table, and asks for it; false:
 * it can't be read directly. */
PTW_ENGINE bool ptw_lane_to(const struct ptw_format *a,
                            const struct ptw_mem *mem, struct ptw_lanes *lanes,
                            unsigned i, uint64_t table, unsigned index)
{
    const unsigned char *place;

    if (!ptw_quick_place(a, mem, table, index, &place)) {
        place = ptw_entry_place(mem, ptw_entry_at(a, table, index),
                                1u << a->entry_log2);
    }
    lanes->place[i] = place;
    if (PTW_UNLIKELY(place == NULL)) {
        return false;
    }
    __builtin_prefetch(place);
    return true;
}

/* One level of the lanes, if the path has it: entries that lead to tables. */
PTW_ENGINE void ptw_lanes_down(const struct ptw_format *a,
                               const struct ptw_mem *mem,
                               const struct ptw_regime *r, unsigned level,
                               const ptw_va *va, unsigned lanes_used,
                               struct ptw_lanes *lanes, ptw_look_on *look_on,
                               struct ptw_translation *out,
                               enum ptw_status *status)
{
    if (level >= a->levels || level > ptw_top(a, r)) {
        return;
    }
    for (unsigned i = 0; i < lanes_used; i++) {
        struct ptw_stand s;
        uint64_t turned;
        uint64_t at = 0;

        if (PTW_UNLIKELY(lanes->place[i] == NULL)) {
            continue;
        }
        turned = ptw_load_entry(a, lanes->place[i], 0) ^ r->rule[level].turned;
        s.read = !ptw_quick_judge(a, r, level, turned, &lanes->kept[i], &at);
        if (!s.read &&
            ptw_lane_to(a, mem, lanes, i, at,
                        ptw_quick_index(a, r, false, level - 1, va[i]))) {
            continue;
        }
        s.above = (uint8_t)a->path_rights(r, lanes->kept[i]);
        s.level = (uint8_t)(s.read ? level : level - 1);
        lanes->place[i] = NULL;
        status[i] = look_on(mem, r, s.read ? turned : at, va[i], &out[i], s);
    }
}

/* The last level of the lanes. */
PTW_ENGINE void
ptw_lanes_end(const struct ptw_format *a, const struct ptw_mem *mem,
              const struct ptw_regime *r, const ptw_va *va, unsigned lanes_used,
              const struct ptw_lanes *lanes, ptw_look_on *look_on,
              struct ptw_translation *out, enum ptw_status *status)
{
    for (unsigned i = 0; i < lanes_used; i++) {
        struct ptw_stand s = {.read = true};
        unsigned above;
        uint64_t raw;

        if (PTW_UNLIKELY(lanes->place[i] == NULL)) {
            continue;
        }
        raw = ptw_load_entry(a, lanes->place[i], 0);
        above = a->path_rights(r, lanes->kept[i]);
        status[i] = PTW_OK;
        if (PTW_UNLIKELY(!ptw_quick_leaf(a, r, raw, above, va[i], &out[i]))) {
            s.above = (uint8_t)above;
            status[i] =
                look_on(mem, r, raw ^ r->rule[0].turned, va[i], &out[i], s);
        }
    }
}

/* The lanes start at their roots, `apart` addresses a root: 0, all at the same,
 * or 1. */
PTW_ENGINE void
ptw_lanes_start(const struct ptw_format *a, const struct ptw_mem *mem,
                const struct ptw_regime *r, const struct ptw_root *root,
                size_t apart, const ptw_va *va, unsigned lanes_used,
                struct ptw_lanes *lanes, ptw_look_on *look_on,
                struct ptw_translation *out, enum ptw_status *status)
{
    unsigned top = ptw_top(a, r);

    for (unsigned i = 0; i < lanes_used; i++) {
        struct ptw_root from = root[i * apart];
        struct ptw_stand s = {.read = false};

        lanes->place[i] = NULL;
        lanes->kept[i] = UINT64_MAX;
        status[i] = ptw_lookup_check(from, va[i]);
        if (PTW_UNLIKELY(status[i] != PTW_OK)) {
            continue;
        }
        if (!ptw_lane_to(a, mem, lanes, i, from.table.v,
                         ptw_quick_index(a, r, true, top, va[i]))) {
            s.above = (uint8_t)ptw_start_rights(a, r);
            s.level = (uint8_t)top;
            status[i] = look_on(mem, r, from.table.v, va[i], &out[i], s);
        }
    }
}

_Static_assert(PTW_MAX_LEVELS == 5, "lanes go down five levels");

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
    struct ptw_lanes lanes;
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
        ptw_lanes_start(a, mem, r, root + done * apart, apart, v, n, &lanes,
                        look_on, o, st);
        ptw_lanes_down(a, mem, r, 4, v, n, &lanes, look_on, o, st);
        ptw_lanes_down(a, mem, r, 3, v, n, &lanes, look_on, o, st);
        ptw_lanes_down(a, mem, r, 2, v, n, &lanes, look_on, o, st);
        ptw_lanes_down(a, mem, r, 1, v, n, &lanes, look_on, o, st);
        ptw_lanes_end(a, mem, r, v, n, &lanes, look_on, o, st);
    }
}

#endif
