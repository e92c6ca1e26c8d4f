/* SPDX-License-Identifier: Apache-2.0 */
#include "entries.h"

bool fz_next_number(const struct fz_case *w, struct fz_records *in)
{
    while (fz_next_record(w, in)) {
        if (fz_op_of(in->record) == OP_RAW) {
            return true;
        }
    }
    return false;
}

uint64_t fz_number(const struct fz_case *w, const struct fz_records *in)
{
    uint64_t raw = fz_get(in->record, RAW_IS);

    return w->entry_bytes == 4 ? (uint32_t)raw : raw;
}
