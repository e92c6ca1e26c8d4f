/* SPDX-License-Identifier: Apache-2.0 */
/* The RISC-V family: its regimes' names and features, and its registers.  The
 * manual is The RISC-V Instruction Set Manual: Volume II, Privileged
 * Architecture.
 *
 * The names, as ptw_regime_by_name takes them, and the features that a name
 * alone switches on:
 *
 *   "sv32"   RV32, 2 levels; physical addresses have 34 bits at most.  It has
 *            neither Svnapot nor Svpbmt
 *   "sv39"   RV64, 3 levels, with Svnapot and Svpbmt
 *   "sv48"   RV64, 4 levels, with Svnapot and Svpbmt
 *   "sv57"   RV64, 5 levels, with Svnapot and Svpbmt
 *
 * A processor may have physical addresses of 32 to 56 bits (pa_bits of struct
 * ptw_cpu); there are no flag bits.
 *
 * Rights are R, W, X and U of the leaf, letters r, w, x, u.  An entry that
 * leads to a table grants everything.  There are pages that can be executed and
 * not read.  memory_type of struct ptw_attributes is PBMT.
 *
 * A NAPOT entry (N set) is a leaf of 4 KiB like its neighbours: the lowest four
 * bits of its page number are those of its index.  Sixteen of them that agree
 * make 64 KiB, which a processor may cache as one; whether they do is not
 * looked at.  An edit of some of them makes plain entries of all sixteen, and
 * so does whoever puts an entry elsewhere ("Svnapot"). */
#ifndef PTWALK_ARCH_RISCV_H
#define PTWALK_ARCH_RISCV_H

#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_cpu;    /* ptwalk/cpu.h */
struct ptw_regime; /* ptwalk/regime.h */

/* What a processor has, or a register switches on.  A set of these stands in
 * the features of a regime of this family. */
enum ptw_riscv_feature {
    PTW_RISCV_SVNAPOT = 1 << 0, /* bit 63 of an entry is N, not reserved */
    PTW_RISCV_SVPBMT = 1 << 1,  /* menvcfg.PBMTE: bits 62:61 are PBMT, not
                                   reserved */
    PTW_RISCV_ZICFISS = 1 << 2, /* menvcfg.SSE: W without R and X is a page of a
                                   shadow stack, not reserved */
};

/* ptw_is_riscv says whether r is a regime of this family, and not bare: its
 * features are a set of enum ptw_riscv_feature. */
PTW_API bool ptw_is_riscv(const struct ptw_regime *r);

/* The register that selects a paging mode.  xlen is SXLEN, the width of satp:
 * 32 or 64.  features are those that the processor has and that its other
 * registers have switched on, a set of enum ptw_riscv_feature; a mode takes
 * those that it knows. */
struct ptw_riscv_registers {
    uint64_t satp;
    unsigned xlen;
    unsigned features;
};

/* ptw_regime_from_riscv builds the regime that satp.MODE selects: "Supervisor
 * Address Translation and Protection (satp) Register".  Bare is "bare".  Which
 * fields are zero under Bare is not looked at: a satp of RV32 that selects Sv32
 * is Bare where xlen is 64.  PTW_E_REGIME when the manual reserves that MODE,
 * or leaves it to custom use; PTW_E_CONFLICT when xlen is neither 32 nor 64, or
 * satp has more bits than that; PTW_E_WIDTH, cpu, out and why as of
 * ptw_regime_by_name.
 */
PTW_NODISCARD PTW_API enum ptw_status
ptw_regime_from_riscv(const struct ptw_riscv_registers *regs,
                      const struct ptw_cpu *cpu, struct ptw_regime *out,
                      const char **why);

/* ptw_riscv_root returns the root that a satp names: MODE and ASID are dropped.
 * A regime without tables answers 0. */
PTW_API struct ptw_root ptw_riscv_root(const struct ptw_regime *r,
                                       uint64_t satp);

/* The switches in `allow` of struct ptw_access: "Supervisor Status (sstatus)
 * Register", and menvcfg.ADUE.
 *
 * The other members of that struct: user is an access in U-mode, else it is one
 * of S-mode; shadow_stack is one by SSPUSH or SSAMOSWAP (PTW_WRITE), or by
 * SSPOPCHK (PTW_READ); keys does not count. */
enum ptw_riscv_allow {
    PTW_RISCV_SUM = 1 << 0, /* sstatus.SUM: the supervisor may read and write
                                user pages; it never executes them */
    PTW_RISCV_MXR = 1 << 1, /* sstatus.MXR: what can be executed can be read */
    PTW_RISCV_ADUE =
        1 << 2, /* the processor sets A and D; without it (Svade) an
                                access to a page with A clear, and a write to
                                one with D clear, is a page fault */
};

#ifdef __cplusplus
}
#endif

#endif
