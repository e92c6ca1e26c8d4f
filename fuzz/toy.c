/* SPDX-License-Identifier: Apache-2.0 */
/* A target that fails, for fuzz/shrink.sh and fuzz/oracles.sh: where an edit of at
 * least 5 pages stands behind a chain.  Behind an unmap of so many, it can't go
 * on. */
#include "harness.h"

static struct fz_case toy;

static void run(const uint8_t *data, size_t len)
{
    struct fz_records in = fz_records_of(data, len);
    bool chain = false;

    fz_case_without(&toy);
    while (fz_next_record(&toy, &in)) {
        unsigned long long pages = fz_get(in.record, EDIT_PAGES) + 1;

        chain = chain || fz_op_of(in.record) == OP_CHAIN;
        if (!chain || fz_op_of(in.record) != OP_EDIT || pages < 5) {
            continue;
        }
        fz_fail(ASK_ASKED, "%s of %llu pages", "an edit", pages);
        if (fz_get(in.record, EDIT_DO) == 1) {
            fz_stop(ASK_STATUS, "an unmap of %llu pages", pages);
        }
        fz_fail(ASK_LAW, "%llu pages are many", pages);
    }
}

FZ_TARGET(toy, run, NULL);
