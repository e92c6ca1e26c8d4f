/* SPDX-License-Identifier: Apache-2.0 */
/* A target that fails, for fuzz/shrink.sh: where an edit of at least 5 pages
 * stands behind a chain. */
#include "harness.h"

static struct fz_case toy;

static void run(const uint8_t *data, size_t len)
{
    struct fz_records in = fz_records_of(data, len);
    bool chain = false;

    fz_case_without(&toy);
    while (fz_next_record(&toy, &in)) {
        chain = chain || fz_op_of(in.record) == OP_CHAIN;
        if (chain && fz_op_of(in.record) == OP_EDIT &&
            fz_get(in.record, EDIT_PAGES) >= 4) {
            fz_fail("%s of %llu pages", "an edit",
                    (unsigned long long)fz_get(in.record, EDIT_PAGES) + 1);
        }
    }
}

FZ_TARGET(toy, run, NULL);
