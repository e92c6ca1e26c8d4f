/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for what was told before and comes again, once or at addresses that are
 * equally far from each other: "as the 2M at ...", "the 2M at ... repeats 511
 * times". */
#ifndef CLI_AGAIN_H
#define CLI_AGAIN_H

#include "cli.h"

struct again {
    uint32_t root; /* where it comes, for the first time: */
    ptw_va first;
    ptw_va last;
    uint32_t of_root; /* where it was told */
    ptw_va of;
    uint64_t times; /* how often it comes once more, */
    uint64_t every; /* each time so many bytes further on */
};

/* again_repeats says whether what starts at first is one more at the same
 * distance, and counts it. */
bool again_repeats(struct again *a, ptw_va first);

/* again_end returns the last address of the last time. */
ptw_va again_end(const struct again *a);

/* again_bytes returns how much comes each time. */
uint64_t again_bytes(const struct again *a);

/* again_print prints that it comes so many times from `first` on, up to the
 * last time; again_print_json is the same as an object. */
void again_print(const struct again *a, ptw_va first, uint64_t times);
void again_print_json(const struct options *o, const struct again *a,
                      ptw_va first, uint64_t times);

#endif
