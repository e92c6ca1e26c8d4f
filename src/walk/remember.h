/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are remembered. */
#ifndef PTW_REMEMBER_H
#define PTW_REMEMBER_H

#include "ptwalk/walk.h"

/* ptw_recall returns the copy of the table at that address, of the set's
 * table_bytes; it makes one when there is none.  NULL: there is no room, or
 * callbacks don't copy the table. */
const void *ptw_recall(struct ptw_remembered *tables, uint64_t table);

#endif
