/* SPDX-License-Identifier: Apache-2.0 */
/* The stock of tables of an edit, and the check of a table that it is to
 * have. */
#ifndef PTW_STOCK_H
#define PTW_STOCK_H

#include "ptwalk/edit.h"

/* ptw_table_check says whether a table of that level there can be written and
 * referred to: of the top level, by a root register. */
PTW_NODISCARD enum ptw_status ptw_table_check(const struct ptw_tables *t,
                                              ptw_pa table, unsigned level);

/* ptw_new_table_check says the same of one that the host gives; PTW_E_IN_USE,
 * too: it is known to be referred to more than once. */
PTW_NODISCARD enum ptw_status ptw_new_table_check(const struct ptw_tables *t,
                                                  ptw_pa table, unsigned level);

/* The stock: tables that were taken and not used, chained through their first
 * 8 bytes.  Each has the size and alignment of the regime's largest table.
 * reserve sees to it that there are `needed`, of which the one that is taken
 * first can be a root if that is asked; or it gives back what it took and says
 * why.  take gets one that will be of that level, all zeros; give puts one back
 * that is no longer referred to, unless it can't be written, or kept is set and
 * the host takes none back: a table that may move and was not asked to is not
 * written.  release ends an edit: what is left is given back.  It returns
 * st. */
PTW_NODISCARD enum ptw_status ptw_spare_reserve(struct ptw_tables *t,
                                                uint64_t needed, bool root);
PTW_NODISCARD enum ptw_status ptw_spare_take(struct ptw_tables *t,
                                             unsigned level, ptw_pa *table);
PTW_NODISCARD enum ptw_status ptw_spare_give(struct ptw_tables *t, ptw_pa table,
                                             unsigned level, bool kept);
PTW_NODISCARD enum ptw_status ptw_spare_release(struct ptw_tables *t,
                                                enum ptw_status st);

#endif
