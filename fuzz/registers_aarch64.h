/* SPDX-License-Identifier: Apache-2.0 */
/* The regimes of aarch64 against a model of the registers and of accesses. */
#ifndef PTW_FUZZ_REGISTERS_AARCH64_H
#define PTW_FUZZ_REGISTERS_AARCH64_H

#include "entries.h"

/* fz_aarch64_registers builds a regime of the record's registers, and asks
 * about it and that many entries, and, of many, about policies.  seed: of the
 * numbers that it asks about. */
void fz_aarch64_registers(const struct fz_records *in, uint64_t seed,
                          unsigned entries);

/* fz_is_aarch64_name says whether it is one of this family. */
bool fz_is_aarch64_name(const char *name);

/* fz_aarch64_name builds the regime of a name; false when it begins unlike
 * those of this family.  cpu may be NULL. */
bool fz_aarch64_name(const char *name, const struct ptw_cpu *cpu,
                     uint64_t seed);

#endif
