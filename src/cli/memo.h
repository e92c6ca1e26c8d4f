/* SPDX-License-Identifier: Apache-2.0 */
/* Room for the tables that a walk over spaces has seen. */
#ifndef CLI_MEMO_H
#define CLI_MEMO_H

#include "cli.h"

/* memo_new makes an empty memo. */
void memo_new(struct ptw_memo *memo, void **storage, size_t *tables);

/* memo_more makes more room in a memo. */
void memo_more(struct ptw_memo *memo, void **storage, size_t *tables);

#endif
