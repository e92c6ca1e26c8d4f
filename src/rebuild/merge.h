/* SPDX-License-Identifier: Apache-2.0 */
/* Merging: small pages of the same content become one page. */
#ifndef PTW_RB_MERGE_H
#define PTW_RB_MERGE_H

#include "state.h"

/* ptw_rb_all_zeros says whether a page is all zeros. */
bool ptw_rb_all_zeros(const struct ptw_rebuild *rb, const void *page);

/* ptw_rb_merges says whether pages may be merged.  A table that refers to
 * itself still does in the new image.  A guest that can write it by that can
 * make any leaf below it writable, after which the page that two leaves have
 * must be two.  It does not find out which leaves those are: tables below may
 * be shared, and a guest that edits its tables can copy any entry that it
 * reads. */
bool ptw_rb_merges(const struct ptw_rebuild *rb);

/* ptw_rb_compare compares the pages that may be merged, and merges equal
 * ones. */
enum ptw_status ptw_rb_compare(struct ptw_rebuild *rb);

#endif
