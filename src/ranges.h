/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a range of which parts are left out. */
#ifndef PTW_RANGES_H
#define PTW_RANGES_H

#include "engine.h"
#include "ptwalk/mem.h"

/* ptw_ranges_ascend says whether no range is reversed and each one starts
 * behind the one before it. */
bool ptw_ranges_ascend(const struct ptw_va_range *range, size_t ranges);

/* ptw_range_kept says how much of part lies in the range and is not left out.
 */
enum ptw_cover ptw_range_kept(struct ptw_va_range whole,
                              const struct ptw_va_range *leave_out,
                              size_t leave_outs, struct ptw_va_range part);

/* ptw_kept_from finds the first stretch of part that lies in the range and is
 * not left out; false: there is none. */
bool ptw_kept_from(struct ptw_va_range whole,
                   const struct ptw_va_range *leave_out, size_t leave_outs,
                   struct ptw_va_range part, struct ptw_va_range *kept);

#endif
