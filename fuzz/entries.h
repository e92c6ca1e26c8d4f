/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of an input that are asked about as entries: its `raw` records. */
#ifndef PTW_FUZZ_ENTRIES_H
#define PTW_FUZZ_ENTRIES_H

#include "harness.h"

/* fz_next_number goes to the next record that has one; false: there is none. */
bool fz_next_number(const struct fz_case *w, struct fz_records *in);

/* fz_number returns it, with as many bits as an entry has. */
uint64_t fz_number(const struct fz_case *w, const struct fz_records *in);

#endif
