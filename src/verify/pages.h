/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of pages: which old page each new page is. */
#ifndef PTW_VF_PAGES_H
#define PTW_VF_PAGES_H

#include "state.h"

/* ptw_vf_compare_page compares the bytes of an old page and of the new page,
 * and adds them to the digest. */
enum ptw_difference_kind ptw_vf_compare_page(struct ptw_verify *v,
                                             uint64_t old_pa, uint64_t new_pa,
                                             uint32_t sequence);

/* ptw_vf_pair_leaf pairs the pages of one new leaf, which is writable or not,
 * with the old pages in their places.  Where neither image has memory, both
 * must have the same address.  It goes through a large leaf once, however
 * often it is mapped. */
enum ptw_status ptw_vf_pair_leaf(struct ptw_verify *v, const struct ptw_item *o,
                                 const struct ptw_item *n, bool writable);

/* ptw_vf_pair_small is the same for a new leaf of the smallest size in the
 * place of an old one, whose flag bits are known. */
enum ptw_status ptw_vf_pair_small(struct ptw_verify *v,
                                  const struct ptw_item *o,
                                  const struct ptw_item *n, bool writable,
                                  uint64_t flags);

#endif
