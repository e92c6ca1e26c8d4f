/* SPDX-License-Identifier: Apache-2.0 */
/* The facts about a processor that no control register shows: those that every
 * family of architectures has, and a struct for each family.  A regime is built
 * with them. */
#ifndef PTWALK_CPU_H
#define PTWALK_CPU_H

#include "ptwalk/arch_aarch64.h"
#include "ptwalk/arch_x86.h"

#ifdef __cplusplus
extern "C" {
#endif

/* pa_bits is the width of a physical address in bits: under x86 and aarch64
 * from 32 to 52, under RISC-V from 32 to 56, of which sv32 has 34 at most.
 *
 * flag_bits are bits of an address in a root register, in entries that lead to
 * tables and in leaves that are no address but say something of the memory
 * behind it: under x86 from 32 to 51, in entries of 64 bits; RISC-V has none.
 * They may stand above pa_bits, and are never reserved.
 *
 * A regime looks at the struct of its own family only. */
struct ptw_cpu {
    unsigned pa_bits;
    uint64_t flag_bits;
    struct ptw_x86_cpu x86;
    struct ptw_aarch64_cpu aarch64;
};

/* ptw_cpu_widest is what is assumed where nobody knows better: all sizes of
 * pages, 52 bits, and no flag bits.  NULL in its place means the same with as
 * many bits as the family has at most: 52 under x86 and of "bare" by name, 56
 * under RISC-V. */
PTW_API extern const struct ptw_cpu ptw_cpu_widest;

#ifdef __cplusplus
}
#endif

#endif
