/* SPDX-License-Identifier: Apache-2.0 */
#include "memo.h"

#include "random.h"
#include "report.h"

#include <stdlib.h>

void memo_new(struct ptw_memo *memo, void **storage, size_t *tables)
{
    size_t bytes;

    *tables = 4096;
    bytes = ptw_memo_bytes(*tables);
    *storage = must(malloc(bytes));
    if (ptw_memo_init(memo, *storage, bytes, random_seed()) != PTW_OK) {
        die_of_memory();
    }
}

void memo_more(struct ptw_memo *memo, void **storage, size_t *tables)
{
    size_t more = *tables <= SIZE_MAX / 2 ? *tables * 2 : SIZE_MAX;
    size_t bytes = ptw_memo_bytes(more);
    void *larger = bytes == SIZE_MAX ? NULL : malloc(bytes);

    if (larger == NULL || ptw_memo_grow(memo, larger, bytes) != PTW_OK) {
        die_of_memory();
    }
    free(*storage);
    *storage = larger;
    *tables = more;
}
