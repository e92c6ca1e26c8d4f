/* SPDX-License-Identifier: Apache-2.0 */
/* The regimes of RISC-V against a model of satp and of accesses. */
#ifndef PTW_FUZZ_REGISTERS_RISCV_H
#define PTW_FUZZ_REGISTERS_RISCV_H

#include "entries.h"

enum { FZ_RISCV_NAMES = 4 };

/* The names of the family's regimes. */
extern const char *const fz_riscv_names[FZ_RISCV_NAMES];

/* fz_riscv_registers builds a regime of the record's satp, and asks about it
 * and that many entries, and, of many, about policies.  seed: of the numbers
 * that it asks about. */
void fz_riscv_registers(const struct fz_records *in, uint64_t seed,
                        unsigned entries);

/* fz_riscv_name builds the regime of a name, without some features and with
 * more, modulo 4, of them; false when it is none of this family.  cpu may be
 * NULL. */
bool fz_riscv_name(const char *name, const struct ptw_cpu *cpu,
                   unsigned without, unsigned more, uint64_t seed);

#endif
