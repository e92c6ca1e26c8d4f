/* SPDX-License-Identifier: Apache-2.0 */
/* A target that fails, for fuzz/shrink.sh and fuzz/oracles.sh: where an edit of at
 * least 5 pages stands behind a chain.  Before it fails, it translates the address
 * of the edit.  Behind an unmap of so many pages it can't go on, and a link is a
 * crash. */
#include "harness.h"

#include <signal.h>

static struct fz_case toy;

static void run(const uint8_t *data, size_t len)
{
    struct fz_records in = fz_records_of(data, len);
    struct ptw_region region[FZ_REGIONS];
    struct ptw_mem mem;
    struct ptw_translation t;
    enum ptw_status st;
    bool chain = false;

    fz_case_read(&toy, true, data, len);
    fz_case_memory(&toy, toy.memory, &mem, region);
    while (fz_next_record(&toy, &in)) {
        unsigned long long pages = fz_get(in.record, EDIT_PAGES) + 1;

        chain = chain || fz_op_of(in.record) == OP_CHAIN;
        if (!chain || fz_op_of(in.record) != OP_EDIT || pages < 5) {
            continue;
        }
        st = ptw_lookup(&mem, ptw_root_of(&toy.regime, ptw_pa_of(toy.root[0])),
                        ptw_va_of(fz_address(&in, EDIT_FIRST)), &t);
        fz_say("the lookup says: %s\n", ptw_status_text(st));
        if (fz_get(in.record, EDIT_DO) == 3) {
            (void)raise(SIGSEGV);
        }
        fz_fail(ASK_ASKED, "%s of %llu pages", "an edit", pages);
        if (fz_get(in.record, EDIT_DO) == 1) {
            fz_stop(ASK_STATUS, "an unmap of %llu pages", pages);
        }
        fz_fail(ASK_LAW, "%llu pages are many", pages);
    }
    fz_case_done(&toy);
}

FZ_TARGET(toy, run, NULL);
