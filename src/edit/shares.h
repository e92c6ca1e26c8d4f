/* SPDX-License-Identifier: Apache-2.0 */
/* How often each table is referred to. */
#ifndef PTW_SHARES_H
#define PTW_SHARES_H

#include "ptwalk/edit.h"
#include "walk/memo.h"

/* ptw_shares_count returns how often the table is referred to. */
uint64_t ptw_shares_count(const struct ptw_shares *s, uint64_t table);

/* ptw_shares_add adds to that; PTW_E_SPACE when the list is full. */
PTW_NODISCARD enum ptw_status ptw_shares_add(struct ptw_shares *s,
                                             uint64_t table, int more);

/* ptw_shares_begin begins an edit, of which each plan is one: nothing is noted
 * of any table, and nothing is wanted. */
void ptw_shares_begin(struct ptw_shares *s);

/* ptw_shares_leave notes, of a reference to a table, that this edit will take
 * it away; the count stays as it is.  Returns true when no other reference is
 * left: of those that there are and those that come, this was noted of all. */
bool ptw_shares_leave(struct ptw_shares *s, uint64_t table);

/* ptw_shares_come notes that this edit will make one more reference to a table,
 * which is listed from now on; false: there is no room to list it. */
bool ptw_shares_come(struct ptw_shares *s, uint64_t table);

/* ptw_shares_left says whether the table was shared when this edit began, and
 * ptw_shares_leave noted a reference to it. */
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

#endif
