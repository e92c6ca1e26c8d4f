/* SPDX-License-Identifier: Apache-2.0 */
/* Old pages: which leaves write them, and which pages can be read. */
#ifndef PTW_VF_WRITERS_H
#define PTW_VF_WRITERS_H

#include "state.h"

/* ptw_vf_try_to_read finds out whether the old page at pa can be read, and
 * returns its block.  It tries once, however often the page is mapped. */
enum ptw_status ptw_vf_try_to_read(struct ptw_verify *v, uint64_t pa,
                                   struct leaves **block);

/* ptw_vf_no_page_from returns how much of an old leaf, from offset `from` on
 * and before offset `to`, has no page that is kept and that memory has whole.
 * *dropped pages of that are kept.  It returns 0 when the next page of the
 * leaf is such a page. */
uint64_t ptw_vf_no_page_from(struct ptw_verify *v, const struct ptw_item *o,
                             uint64_t from, uint64_t to, uint64_t *dropped);

/* ptw_vf_all_readable finds out whether all of a page of the old image can be
 * read, of whatever size: once for each page. */
enum ptw_status ptw_vf_all_readable(struct ptw_verify *v, uint64_t pa,
                                    unsigned bits, bool *all);

/* ptw_vf_is_shared says whether any of the old pages from pa has a leaf that
 * writes and another leaf.  Only pages that memory has whole are counted at
 * all. */
bool ptw_vf_is_shared(struct ptw_verify *v, uint64_t pa, unsigned size_log2);

/* ptw_vf_named says what an old entry names, as far as the tables and the
 * memory's layout say.  For a frame, *item is its page as if it were mapped
 * there.  A page that can't be kept whole is no frame. */
enum ptw_absent_kind ptw_vf_named(const struct ptw_verify *v,
                                  const struct ptw_item *table, unsigned level,
                                  uint64_t va, uint64_t raw,
                                  struct ptw_item *item);

/* ptw_vf_count_leaves counts the leaves of all old pages, and those that
 * write. */
enum ptw_status ptw_vf_count_leaves(struct ptw_verify *v);

#endif
