/* SPDX-License-Identifier: Apache-2.0 */
/* Old leaves, and the new items that stand in their place. */
#ifndef PTW_VF_LEAVES_H
#define PTW_VF_LEAVES_H

#include "state.h"

/* ptw_vf_take_new_table goes on behind a new table that may stand where there
 * was none.  It returns a difference when the item is no such table. */
enum ptw_status ptw_vf_take_new_table(struct ptw_verify *v,
                                      const struct ptw_item *n);

/* ptw_vf_compare_leaf compares an old leaf, from offset v->state.done on, with
 * the items that stand in its place. */
enum ptw_status ptw_vf_compare_leaf(struct ptw_verify *v,
                                    const struct ptw_item *o);

#endif
