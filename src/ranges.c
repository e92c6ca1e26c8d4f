/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a range of which parts are left out. */
#include "ranges.h"

bool ptw_ranges_ascend(const struct ptw_va_range *range, size_t ranges)
{
    for (size_t i = 0; i < ranges; i++) {
        if (range[i].first.v > range[i].last.v ||
            (i > 0 && range[i - 1].last.v >= range[i].first.v)) {
            return false;
        }
    }
    return true;
}

/* The first range that ends at va or behind it. */
static size_t first_at(const struct ptw_va_range *range, size_t ranges,
                       uint64_t va)
{
    size_t low = 0;
    size_t high = ranges;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (range[mid].last.v < va) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

enum ptw_cover ptw_range_kept(struct ptw_va_range whole,
                              const struct ptw_va_range *leave_out,
                              size_t leave_outs, struct ptw_va_range part)
{
    uint64_t first =
        part.first.v > whole.first.v ? part.first.v : whole.first.v;
    uint64_t last = part.last.v < whole.last.v ? part.last.v : whole.last.v;
    size_t low;

    if (first > last) {
        return PTW_COVER_NONE;
    }
    low = first_at(leave_out, leave_outs, first);
    /* From the first one that ends in the part or behind it on: they may lie
     * side by side. */
    if (low == leave_outs || leave_out[low].first.v > last) {
        return first == part.first.v && last == part.last.v ? PTW_COVER_ALL
                                                            : PTW_COVER_SOME;
    }
    while (low < leave_outs && leave_out[low].first.v <= first) {
        if (leave_out[low].last.v >= last) {
            return PTW_COVER_NONE;
        }
        first = leave_out[low].last.v + 1;
        low++;
    }
    return PTW_COVER_SOME;
}

bool ptw_kept_from(struct ptw_va_range whole,
                   const struct ptw_va_range *leave_out, size_t leave_outs,
                   struct ptw_va_range part, struct ptw_va_range *kept)
{
    uint64_t first =
        part.first.v > whole.first.v ? part.first.v : whole.first.v;
    uint64_t last = part.last.v < whole.last.v ? part.last.v : whole.last.v;
    size_t i = first_at(leave_out, leave_outs, first);

    for (; i < leave_outs && leave_out[i].first.v <= first; i++) {
        if (leave_out[i].last.v >= last) {
            return false;
        }
        first = leave_out[i].last.v + 1;
    }
    kept->first.v = first;
    kept->last.v = i < leave_outs && leave_out[i].first.v <= last
                       ? leave_out[i].first.v - 1
                       : last;
    return first <= last;
}
