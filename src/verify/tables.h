/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of tables, and their entries that are not present. */
#ifndef PTW_VF_TABLES_H
#define PTW_VF_TABLES_H

#include "state.h"

/* What a new table that had no counterpart is noted to be. */
#define NO_OLD_TABLE UINT64_MAX

/* ptw_vf_find_overlaps marks as different the new pages that overlap a table
 * which they did not overlap before. */
void ptw_vf_find_overlaps(struct ptw_verify *v);

/* ptw_vf_pair_tables pairs a new table with the old table in its place, or
 * with NO_OLD_TABLE. */
enum ptw_status ptw_vf_pair_tables(struct ptw_verify *v,
                                   const struct ptw_item *n, unsigned level,
                                   uint64_t old_table, ptw_pa new_table);

#endif
