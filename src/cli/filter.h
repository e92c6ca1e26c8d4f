/* SPDX-License-Identifier: Apache-2.0 */
/* Which leaves are told: those that grant what is asked for are the walk's
 * business; here are their size, and where they are in physical memory. */
#ifndef CLI_FILTER_H
#define CLI_FILTER_H

#include "cli.h"

/* filter_is_set says whether some leaves of those that are walked are not told.
 * Lines (PTW_WALK_LINES) can't be filtered. */
bool filter_is_set(const struct options *o);

/* filter_selects says whether some leaves are not told, walked or not. */
bool filter_selects(const struct options *o);

/* filter_leaf_by_leaf says whether leaves have to be walked one by one, since
 * those of a run may differ in what is asked, or told: whether they are global. */
bool filter_leaf_by_leaf(const struct options *o);

/* filter_keeps makes *run, a leaf or a run of them, the part that is told;
 * false when that is nothing. */
bool filter_keeps(const struct options *o, struct ptw_item *run);

#endif
