/* SPDX-License-Identifier: Apache-2.0 */
/* One edit and what holds after it, whatever makes edits: for the targets edit,
 * move, space_map and link. */
#ifndef PTW_FUZZ_EDITS_H
#define PTW_FUZZ_EDITS_H

#include "edit_host.h"

/* fe_entries_to_compare returns how many entries a comparison looks at.  A
 * fuzzer compares a prefix where there is much. */
uint64_t fe_entries_to_compare(const struct fz_case *w);

/* fe_edit_begin comes before an edit. */
void fe_edit_begin(struct fe_host *h, const struct fe_record *q, bool movable);

/* fe_check_refusal checks that an edit says what was refused, and does not keep
 * it. */
void fe_check_refusal(const struct fe_host *h, enum ptw_status st);

/* fe_check_failed checks that an edit which failed wrote nothing, except to
 * tables that moved before, and says of the comparison that nothing is to be
 * another. */
void fe_check_failed(const struct fe_host *h, enum ptw_status st,
                     struct fm_change *change);

/* fe_after comes after an edit, before the roots are where it says; false:
 * nothing more is asked.  fe_check_edit comes after that: what holds whatever
 * the edit said is checked. */
bool fe_after(const struct fe_host *h, enum ptw_status st);
void fe_check_edit(struct fe_host *h, const struct ptw_tables *t,
                   enum ptw_status st);

/* fe_check_counts checks that the list counts each table, as often as it is
 * referred to; exact: and no oftener. */
void fe_check_counts(const struct fe_host *h, const struct ptw_tables *t,
                     bool exact);

/* fe_check_root checks that a root register can have that address. */
void fe_check_root(const struct fe_host *h, uint64_t root);

/* fe_count_stock marks the tables in stock, a chain of tables that nobody
 * refers to. */
void fe_count_stock(struct fe_host *h, const struct ptw_tables *t);

/* fe_take_back: a table that can be no root was taken for one and is refused;
 * without give, the status tells the host that it still has the table. */
void fe_take_back(struct fe_host *h, enum ptw_status st);

/* fe_follow_root takes over where the root is after an edit, and checks that
 * the hook was told. */
void fe_follow_root(struct fe_host *h, unsigned root,
                    const struct ptw_tables *t, bool movable);

/* fe_compare_all compares each space with the space before; only that root may
 * have changed, as said. */
void fe_compare_all(struct fe_host *h, const uint64_t *was,
                    const struct fm_change *change, unsigned only);

/* fe_step_with_room makes an edit.  Where the list of shared tables has no
 * room, the edit is made again with the room that was wanted. */
void fe_step_with_room(struct fz_case *w, struct fe_host *h,
                       struct ptw_movable_tables *mt, const struct fe_record *q,
                       bool movable);

#endif
