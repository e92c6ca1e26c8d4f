/* SPDX-License-Identifier: Apache-2.0 */
/* The architectures, for the registry and for those who choose one by
 * registers.
 */
#ifndef PTW_ARCHS_H
#define PTW_ARCHS_H

#include "format.h"

/* Those of x86, with paging off, too: physical addresses of 32 to 52 bits;
 * CPUID 80000008H:EAX[7:0]. */
extern const struct ptw_widths ptw_x86_widths;

/* Those of RISC-V, in Bare, too: from 32 to 56 bits. */
extern const struct ptw_widths ptw_riscv_widths;

extern const struct ptw_arch ptw_arch_bare;
extern const struct ptw_arch ptw_arch_bare_riscv; /* with its widths */
extern const struct ptw_arch ptw_arch_i686;
extern const struct ptw_arch ptw_arch_amd64;
extern const struct ptw_arch ptw_arch_pae;
extern const struct ptw_arch ptw_arch_la57;
extern const struct ptw_arch ptw_arch_aarch64_4k;
extern const struct ptw_arch ptw_arch_aarch64_16k;
extern const struct ptw_arch ptw_arch_aarch64_64k;
extern const struct ptw_arch ptw_arch_sv32;
extern const struct ptw_arch ptw_arch_sv39;
extern const struct ptw_arch ptw_arch_sv48;
extern const struct ptw_arch ptw_arch_sv57;

/* ptw_aarch64_by_name builds the regime that a name of that family says; see
 * ptw_regime_by_name. */
PTW_NODISCARD enum ptw_status
ptw_aarch64_by_name(const char *name, const struct ptw_cpu *cpu,
                    unsigned without, struct ptw_regime *out, const char **why);

#endif
