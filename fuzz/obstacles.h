/* SPDX-License-Identifier: Apache-2.0 */
/* What stands in the way of an edit, by a naive look at the tables before it: which
 * statuses it can end with, and whether it can succeed. */
#ifndef PTW_FUZZ_OBSTACLES_H
#define PTW_FUZZ_OBSTACLES_H

#include "edit_host.h"

/* Sets of statuses, 1 << a status. */
struct fe_obstacles {
    unsigned may;  /* one of these is what an edit that fails says */
    unsigned must; /* if there is one, the edit fails */
};

/* fe_find_obstacles looks for them before an edit of leaves: map, unmap, protect,
 * or a list.  What the host refuses is not among them. */
struct fe_obstacles fe_find_obstacles(const struct fe_host *h,
                                      const struct fe_record *q,
                                      const struct ptw_tables *t, bool movable);

#endif
