/* SPDX-License-Identifier: Apache-2.0 */
/* Reference counts of tables, and the stock of tables of an edit. */
#ifndef PTW_SHARES_H
#define PTW_SHARES_H

#include "memo.h"
#include "ptwalk/edit.h"

/* ptw_shares_count returns how often the table is referred to. */
uint64_t ptw_shares_count(const struct ptw_shares *s, uint64_t table);

/* ptw_shares_add adds to that; PTW_E_SPACE when the list is full. */
PTW_NODISCARD enum ptw_status ptw_shares_add(struct ptw_shares *s,
                                             uint64_t table, int more);

/* ptw_shares_leave takes one reference away from a table that is shared, and
 * remembers that it was in this edit; ptw_shares_left says whether one was. */
PTW_NODISCARD enum ptw_status ptw_shares_leave(struct ptw_shares *s,
                                               uint64_t table);
bool ptw_shares_left(const struct ptw_shares *s, uint64_t table);

/* ptw_shares_refer counts one reference of a scan. */
PTW_NODISCARD enum ptw_status ptw_shares_refer(struct ptw_shares *s,
                                               uint64_t table);

/* ptw_shares_listed says whether the table is; then it needs no room. */
bool ptw_shares_listed(const struct ptw_shares *s, uint64_t table);

/* ptw_shares_room says whether that many tables more can be listed, and else
 * how much storage is wanted. */
PTW_NODISCARD enum ptw_status ptw_shares_room(struct ptw_shares *s,
                                              uint64_t more);

/* ptw_table_check says whether a table of that level there can be written and
 * referred to: of the top level, by a root register. */
PTW_NODISCARD enum ptw_status ptw_table_check(const struct ptw_tables *t,
                                              ptw_pa table, unsigned level);

/* ptw_new_table_check says the same of one that the host gives; PTW_E_IN_USE,
 * too: it is known to be referred to more than once. */
PTW_NODISCARD enum ptw_status ptw_new_table_check(const struct ptw_tables *t,
                                                  ptw_pa table, unsigned level);

/* The stock: tables that were taken and not used, chained through their first
 * 8 bytes.  Each has the size and alignment of the format's largest table.
 * reserve sees to it that there are `needed`, of which the one that is taken
 * first can be a root if that is asked; or it gives back what it took and says
 * why.  take gets one that will be of that level, all zeros; give puts one back
 * that is no longer referred to, unless it can't be written; release ends an
 * edit: what is left is given back.  It returns st. */
PTW_NODISCARD enum ptw_status ptw_spare_reserve(struct ptw_tables *t,
                                                uint64_t needed, bool root);
PTW_NODISCARD enum ptw_status ptw_spare_take(struct ptw_tables *t,
                                             unsigned level, ptw_pa *table);
PTW_NODISCARD enum ptw_status ptw_spare_give(struct ptw_tables *t, ptw_pa table,
                                             unsigned level);
PTW_NODISCARD enum ptw_status ptw_spare_release(struct ptw_tables *t,
                                                enum ptw_status st);

#endif
