/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are remembered. */
#ifndef PTW_REMEMBER_H
#define PTW_REMEMBER_H

#include "ptwalk/walk.h"

enum { PTW_COPY_BYTES = 4096 };

/* ptw_recall returns the copy of the table at that address, of PTW_COPY_BYTES
 * bytes; it makes one when there is none.  NULL: there is no room, or callbacks
 * don't copy the table. */
const void *ptw_recall(struct ptw_remembered *tables, uint64_t table);

#endif
