/* SPDX-License-Identifier: Apache-2.0 */
/* Large leaves, and the new leaves that they become. */
#ifndef PTW_RB_SPLIT_H
#define PTW_RB_SPLIT_H

#include "state.h"

/* ptw_rb_leaf_bits returns the bits, without address, of a new leaf of level
 * `to` that stands for raw, a leaf of `level`, or for a part of it;
 * copy-on-write is not considered. */
uint64_t ptw_rb_leaf_bits(const struct ptw_rebuild *rb, unsigned level,
                          unsigned to, uint64_t raw);

/* ptw_rb_put_leaf writes one new leaf. */
enum ptw_status ptw_rb_put_leaf(struct ptw_rebuild *rb,
                                const struct ptw_item *item,
                                const struct new_leaf *p);

/* ptw_rb_large_leaf keeps, counts or builds a large leaf.  It goes through
 * the leaf for what it becomes, and for a leaf that adds something to its
 * pages, however often the guest maps it; except where ranges cut it, and
 * when new leaves are built, if it has some. */
enum ptw_status ptw_rb_large_leaf(struct ptw_rebuild *rb,
                                  const struct ptw_item *item);

#endif
