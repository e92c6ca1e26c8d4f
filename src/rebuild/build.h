/* SPDX-License-Identifier: Apache-2.0 */
/* The walk of the spaces, and the new tables that its items become. */
#ifndef PTW_RB_BUILD_H
#define PTW_RB_BUILD_H

#include "state.h"

/* ptw_rb_begin_walk begins a walk of all spaces, with counts of what it will
 * find. */
enum ptw_status ptw_rb_begin_walk(struct ptw_rebuild *rb);

/* ptw_rb_walk_on goes on with the walk that was begun, to its end.  It keeps,
 * counts or builds each item.  new_root is NULL unless the new tables are
 * being built. */
enum ptw_status ptw_rb_walk_on(struct ptw_rebuild *rb,
                               struct ptw_root *new_root);

/* ptw_rb_walk_again does the same walk again, with the storage that the first
 * walk had. */
enum ptw_status ptw_rb_walk_again(struct ptw_rebuild *rb,
                                  struct ptw_root *new_root);

/* ptw_rb_map_reaches says whether tables of that regime can map the addresses
 * of a map: those of one half of a space can't map what the other half can. */
PTW_ENGINE bool ptw_rb_map_reaches(const struct ptw_regime *r,
                                   const struct ptw_map_request *q)
{
    return ptw_canonical(r, q->first) && ptw_canonical(r, q->last);
}

/* ptw_rb_add_maps maps the addresses that the caller asked for in every new
 * space whose tables can map them.  Only spaces that have a table at the same
 * address share it, and all of them are to have the map: so the map may be
 * written through the table. */
enum ptw_status ptw_rb_add_maps(struct ptw_rebuild *rb,
                                const struct ptw_root *new_root);

/* ptw_rb_count_written counts the pages that became copy-on-write, and those
 * that the guest can still write.  A page of a leaf that became copy-on-write
 * has no other leaf, unless all of its leaves did. */
void ptw_rb_count_written(struct ptw_rebuild *rb);

#endif
