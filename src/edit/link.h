/* SPDX-License-Identifier: Apache-2.0 */
/* This file links parts of spaces: their upper entries lead to tables that are
 * there. */
#ifndef PTW_EDIT_LINK_H
#define PTW_EDIT_LINK_H

#include "state.h"

/* ptw_leads_to_a_table says whether an entry of that level with those bits,
 * which have no address, leads to a table. */
bool ptw_leads_to_a_table(const struct ptw_tables *t, uint64_t bits,
                          unsigned level);

/* What is linked: `regions` is their number less one. */
struct ptw_link {
    ptw_va ours; /* any address of the first region */
    ptw_va theirs;
    uint64_t regions;
    struct ptw_root owner;
    unsigned level;
    uint64_t bits; /* of our entries */
    unsigned rights;
    bool narrow; /* the path has to grant the rights */
    unsigned flags;
    uint64_t max_reads;
};

/* ptw_link_regions makes the entries of ours lead to the tables that the owner
 * has at theirs, as ptw_link says. */
enum ptw_status ptw_link_regions(struct ptw_tables *t,
                                 const struct ptw_movable_tables *movable,
                                 const struct ptw_link *l);

#endif
