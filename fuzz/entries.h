/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of an input that are asked about as entries: its `raw` records. */
#ifndef PTW_FUZZ_ENTRIES_H
#define PTW_FUZZ_ENTRIES_H

#include "harness.h"

/* Entries that a regime is asked about; FEW: of one that differs in a bit. */
enum { FZ_MANY_ENTRIES = 64, FZ_FEW_ENTRIES = 2 };

/* fz_next_number goes to the next record that has one; false: there is none. */
bool fz_next_number(const struct fz_case *w, struct fz_records *in);

/* fz_number returns it, with as many bits as an entry has. */
uint64_t fz_number(const struct fz_case *w, const struct fz_records *in);

/* fz_check_parts returns the bits of raw, an entry of that level, that have a
 * name: no two parts have a bit in common, and one that is no number is set.
 * there: the entry is present. */
uint64_t fz_check_parts(const struct ptw_regime *r, unsigned level,
                        uint64_t raw, bool there);

/* fz_check_bare asks about a regime without tables: every access passes that the
 * rights grant, and to a shadow stack none does. */
void fz_check_bare(const struct ptw_regime *r);

#endif
