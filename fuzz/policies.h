/* SPDX-License-Identifier: Apache-2.0 */
/* Policies for entries that are not present. */
#ifndef PTW_FUZZ_POLICIES_H
#define PTW_FUZZ_POLICIES_H

#include "harness.h"

/* fz_check_policies asks about policies that can be in guests of r and about
 * policies that can't, and lets the conventions of those that can be read and
 * write entries.  seed: of the numbers that it asks about. */
void fz_check_policies(const struct ptw_regime *r, uint64_t seed);

#endif
