/* SPDX-License-Identifier: Apache-2.0 */
/* The aarch64 family: VMSAv8-64, stage 1.  Its regimes' names and features,
 * what its processors differ in, and its registers.  Arm Architecture Reference
 * Manual for A-profile architecture, chapter D8, "The AArch64 Virtual Memory
 * System Architecture".
 *
 * A regime is one half of a space: what TTBR0_ELx translates, or what TTBR1_ELx
 * does.  A space that has two halves has two roots, and walks take both.
 *
 * The names, as ptw_regime_by_name takes them, are
 *
 *   aarch64-GRANULE-BITS[-lpa2][/upper][/el2|/el3|/e2h]
 *
 *   GRANULE  "4k", "16k", "64k": the size of a table and of the smallest page
 *   BITS     how wide the addresses are that are translated, 64 - TnSZ, in
 *            decimal: from 16 (64k: 17, FEAT_TTST) to 48; to 52 with "-lpa2",
 *            or of 64k (FEAT_LVA)
 *   -lpa2    TCR_ELx.DS is set (FEAT_LPA2; 4k and 16k): bits 9:8 of an entry
 *            hold bits 51:50 of its address, and 49:48 stand where they are
 *   /upper   the half of TTBR1: addresses go on with ones
 *   /el2, /el3   the regime of that level alone: one half, one privilege
 *   /e2h     EL2&0, which is like EL1&0
 *
 * and else it is EL1&0 and the lower half.  Physical addresses have
 * cpu->pa_bits bits; at most 48 unless it is "-lpa2", or "64k" and cpu->pa_bits
 * is 52: then bits 15:12 of an entry hold bits 51:48 of its address (FEAT_LPA).
 * A name alone switches on no feature. */
#ifndef PTWALK_ARCH_AARCH64_H
#define PTWALK_ARCH_AARCH64_H

#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_cpu;    /* ptwalk/cpu.h */
struct ptw_regime; /* ptwalk/regime.h */

/* What registers switch on.  A set of these stands in the features of a regime
 * of this family.
 *
 * The rights of items and of entries are what the tables say.  Of what is
 * listed here they depend on HPD and PIE alone; all else counts where an access
 * is judged (ptw_access_allowed), and HD where the guest's writes are
 * (ptw_guest_writes). */
enum ptw_aarch64_feature {
    PTW_AARCH64_HA = 1 << 0, /* TCR_ELx.HA: the processor sets AF; without it an
                                access faults where AF is clear */
    PTW_AARCH64_HD =
        1 << 1, /* TCR_ELx.HD, which counts with HA only: a leaf with
                                DBM set is writable, since the processor clears
                                its AP[2] */
    PTW_AARCH64_WXN = 1 << 2, /* SCTLR_ELx.WXN: what is writable does not run */
    PTW_AARCH64_HPD =
        1 << 3, /* TCR_ELx.HPDn: APTable, PXNTable and UXNTable are
                                 ignored */
    PTW_AARCH64_PIE =
        1 << 4, /* TCR2_ELx.PIE: leaves have an index into PIR_ELx and
                                 PIRE0_ELx, and tables take nothing away */
    PTW_AARCH64_E0PD =
        1 << 5, /* TCR_ELx.E0PDn: EL0 has no access to the half */
    PTW_AARCH64_TBI =
        1 << 6, /* TCR_ELx.TBIn: bits 63:56 of an address are a tag */
    PTW_AARCH64_TBID = 1 << 7, /* TCR_ELx.TBIDn: but not of an instruction's */
    PTW_AARCH64_PAN3 =
        1 << 8, /* SCTLR_ELx.EPAN: PSTATE.PAN counts for pages that
                                  EL0 may only run, too */
    PTW_AARCH64_MTX =
        1 << 9, /* TCR_ELx.MTXn: bits 59:56 of the address of data are a tag */
};

/* ptw_is_aarch64 says whether r is a regime of this family: its features are a
 * set of enum ptw_aarch64_feature.  ptw_aarch64_is_upper says whether r, which
 * is one, is the half of TTBR1. */
PTW_API bool ptw_is_aarch64(const struct ptw_regime *r);
PTW_API bool ptw_aarch64_is_upper(const struct ptw_regime *r);

/* ptw_aarch64_el returns the exception level whose registers control r, a
 * regime of this family: 1 to 3. */
PTW_API unsigned ptw_aarch64_el(const struct ptw_regime *r);

/* What a regime of this family keeps of struct ptw_cpu besides pa_bits, which
 * is ID_AA64MMFR0_EL1.PARange as a number of bits: 32 to 52; a 64k granule
 * knows 48 bits or 52, so that one of 49 to 51 counts as 48.  There are no flag
 * bits.
 *
 * pir and pire0 are PIR_ELx and PIRE0_ELx, which count with PTW_AARCH64_PIE. */
struct ptw_aarch64_cpu {
    uint64_t pir;
    uint64_t pire0;
};

/* The registers that select a regime: those of the exception level `el`, 1 to
 * 3, that controls it.  Of EL2 it is EL2&0 where HCR_EL2.E2H is set, and EL2
 * alone where it is not. */
struct ptw_aarch64_registers {
    unsigned el;
    bool has_pir;   /* pir and pire0 are known */
    uint64_t tcr;   /* TCR_ELx */
    uint64_t ttbr0; /* TTBR0_ELx */
    uint64_t ttbr1; /* TTBR1_ELx, where there is one */
    uint64_t mair;  /* MAIR_ELx: what memory_type is an index into */
    uint64_t sctlr; /* SCTLR_ELx */
    uint64_t hcr;   /* HCR_EL2, or 0 */
    uint64_t tcr2;  /* TCR2_ELx, or 0; EL3 has none */
    uint64_t pir;   /* PIR_ELx */
    uint64_t pire0; /* PIRE0_ELx, of EL1&0 and EL2&0 */
};

/* ptw_regime_from_aarch64 builds the regime of the lower or the upper half that
 * the registers select.  cpu->aarch64 is not looked at; pa_bits becomes what
 * (I)PS says where that is less.
 *
 * PTW_E_ARG when there is no such half or level; PTW_E_REGIME when the library
 * does not walk what they select: SCTLR_ELx.M is clear, tables are big-endian
 * (EE), EL1&0 has a stage 2 (HCR_EL2.VM, DC) or is nested (NV and NV1),
 * permissions are indirect (PIE) and pir is not known, there are overlays
 * (POE), protected entries (PnCH), attributes of MAIR2 (AIE) or entries of 128
 * bits (D128); PTW_E_CONFLICT when TGn, (I)PS or TnSZ is
 * reserved or out of range, where a processor may do what it wants
 * ("CONSTRAINED UNPREDICTABLE"): as if it were another value, or fault.
 * PTW_E_WIDTH, cpu, out and why as of ptw_regime_by_name. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_regime_from_aarch64(const struct ptw_aarch64_registers *regs, bool upper,
                        const struct ptw_cpu *cpu, struct ptw_regime *out,
                        const char **why);

/* ptw_aarch64_walks says whether the registers have tables of that half walked:
 * there is such a half, and TCR_ELx.EPDn is clear.  A half that is not walked
 * has no root: every address of it faults. */
PTW_API bool ptw_aarch64_walks(const struct ptw_aarch64_registers *regs,
                               bool upper);

/* ptw_aarch64_root returns the root that a TTBR names, of a regime of this
 * family: ASID and CnP, and what is below the root's alignment, are dropped.
 * With 52-bit addresses, bits 5:2 of it hold bits 51:48 of the root. */
PTW_API struct ptw_root ptw_aarch64_root(const struct ptw_regime *r,
                                         uint64_t ttbr);

/* ptw_aarch64_untag returns the address that the processor translates when a
 * program uses va, to fetch an instruction or for data: bits 63:56 (TBI), or
 * 59:56 of data (MTX), are copies of bit 55 where they are a tag, and va itself
 * elsewhere, in the other half (bit 55 says which), and in a regime of another
 * family. */
PTW_API ptw_va ptw_aarch64_untag(const struct ptw_regime *r, bool fetch,
                                 ptw_va va);

/* The switches in `allow` of struct ptw_access: unlike those of other families,
 * they let less pass.
 *
 * The other members of that struct: user is an access at EL0, or by an
 * unprivileged load or store; of a regime without EL0 none passes.
 * shadow_stack is an access to a guarded control stack, which PIE alone can
 * grant.  keys has no meaning. */
enum ptw_aarch64_allow {
    PTW_AARCH64_PAN =
        1 << 0, /* PSTATE.PAN is set: data that EL0 may touch is no
                                 business of the privileged */
    PTW_AARCH64_EPAN = 1 << 1, /* and so is what EL0 may only run, as with
                                  PTW_AARCH64_PAN3 */
};

#ifdef __cplusplus
}
#endif

#endif
