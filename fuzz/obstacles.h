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
    bool before;   /* it fails before tables are looked at */
    /* The entries that it reads, if nothing stands in the way and that is known;
     * else 0. */
    uint64_t reads;
    bool many; /* there are more tables than were looked at */
};

/* fe_find_obstacles looks for them before an edit of leaves: map, unmap, protect,
 * or a list.  What the host refuses is not among them. */
struct fe_obstacles fe_find_obstacles(const struct fe_host *h,
                                      const struct fe_record *q,
                                      const struct ptw_tables *t, bool movable);

/* A link of regions, in words of its owner's space and ours. */
struct fe_link {
    uint64_t root;   /* ours */
    uint64_t owner;  /* the owner's root, */
    unsigned levels; /* of a space with so many levels, */
    uint64_t bytes;  /* and so long */
    uint64_t first;  /* offsets of our regions, */
    uint64_t theirs; /* and of the owner's first one */
    uint64_t regions;
    unsigned level;  /* of the tables with our entries */
    unsigned rights; /* that tables above have to grant */
    unsigned flags;
    uint64_t max_reads;
};

/* fe_find_link_obstacles does it for a link whose arguments are right. */
struct fe_obstacles fe_find_link_obstacles(const struct fe_host *h,
                                           const struct fe_link *link,
                                           bool movable);

#endif
