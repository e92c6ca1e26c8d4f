/* SPDX-License-Identifier: Apache-2.0 */
/* The x86 family: its regimes' names and features, what its processors differ
 * in, and its registers.
 *
 * The names, as ptw_regime_by_name takes them, and the features that a name
 * alone switches on:
 *
 *   "i686"   32-bit paging with CR4.PSE, CR0.WP; physical addresses of 4 MiB
 *            pages have min(cpu->pa_bits, 40) bits (PSE-36).  No flag bits
 *   "amd64"  4-level paging with EFER.NXE, CR0.WP
 *   "amd64-la57"  5-level paging with EFER.NXE, CR0.WP
 *   "pae"    PAE paging with EFER.NXE, CR0.WP; roots are below 4 GiB and
 *            aligned to 32 bytes, and each root is the table in memory: a
 *            processor may hold PDPTE registers that differ from it */
#ifndef PTWALK_ARCH_X86_H
#define PTWALK_ARCH_X86_H

#include "ptwalk/status.h"
#include "ptwalk/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ptw_cpu;    /* ptwalk/cpu.h */
struct ptw_regime; /* ptwalk/regime.h */

/* What a processor has, or a register switches on.  A set of these stands in
 * the features of a regime of this family. */
enum ptw_x86_feature {
    PTW_X86_NX = 1 << 0,  /* EFER.NXE: bit 63 of an entry is XD, not reserved */
    PTW_X86_PSE = 1 << 1, /* CR4.PSE: 4 MiB pages under 32-bit paging */
    PTW_X86_PAGE1G = 1 << 2, /* CPUID 80000001H:EDX[26]: 1 GiB pages */
    PTW_X86_WP = 1 << 3,     /* CR0.WP: the supervisor obeys R/W */
    PTW_X86_SMEP = 1 << 4,   /* CR4.SMEP: the supervisor runs no user pages */
    PTW_X86_SMAP = 1 << 5,   /* CR4.SMAP: the supervisor reads no user pages */
    PTW_X86_PKE = 1 << 6,    /* CR4.PKE: protection keys for user pages */
    PTW_X86_CET = 1 << 7, /* CR4.CET: there are shadow stacks; only with WP */
    PTW_X86_LAM_SUP =
        1 << 8, /* CR4.LAM_SUP: the supervisor's addresses are tagged */
    PTW_X86_UAI = 1 << 9, /* EFER.UAIE: bits 63:57 of an address are a tag */
};

/* ptw_is_x86 says whether r is a regime of this family, and not bare: its
 * features are a set of enum ptw_x86_feature. */
PTW_API bool ptw_is_x86(const struct ptw_regime *r);

/* What x86 processors differ in; a member of struct ptw_cpu.  pa_bits there is
 * CPUID 80000008H:EAX[7:0].
 *
 * flag_bits there are the C-bit of SEV and SME (CPUID 8000001FH:EBX[5:0]; AMD64
 * Architecture Programmer's Manual vol. 2, "Secure Memory Encryption": CR3, all
 * levels), the shared bit of a TDX guest (bit 47 or 51 of a guest's physical
 * address; Linux, Documentation/arch/x86/tdx.rst) or the key ids of TME-MK (the
 * upper bits of a physical address, wherever one is written; Intel Architecture
 * Memory Encryption Technologies Specification).
 *
 * page1g: there are 1 GiB pages (CPUID 80000001H:EDX[26]).
 *
 * amd: bit 8 of a PML5 and PML4 entry, and of a PDPT entry that is no leaf, is
 * reserved (AMD64 Architecture Programmer's Manual vol. 2, "4-Kbyte Page
 * Translation"); Intel ignores it. */
struct ptw_x86_cpu {
    bool page1g;
    bool amd;
};

/* The control registers that select a paging mode. */
struct ptw_x86_registers {
    uint64_t cr0;
    uint64_t cr4;
    uint64_t efer;
};

/* ptw_regime_from_x86 builds the regime that the registers select: Intel SDM
 * vol. 3A, "Paging Modes and Control Bits".  A mode without flag bits has none,
 * whatever the processor has.  PTW_E_CONFLICT when no processor can be in that
 * state; PTW_E_WIDTH, cpu, out and why as of ptw_regime_by_name. */
PTW_NODISCARD PTW_API enum ptw_status
ptw_regime_from_x86(const struct ptw_x86_registers *regs,
                    const struct ptw_cpu *cpu, struct ptw_regime *out,
                    const char **why);

/* ptw_x86_root returns the root that a CR3 names: PCID, cache,
 * flag and tag bits are dropped.  A regime without tables answers 0. */
PTW_API struct ptw_root ptw_x86_root(const struct ptw_regime *r, uint64_t cr3);

/* ptw_x86_untag returns the address that the processor translates when a
 * program uses va for data, in a space of that CR3: without the tag, where the
 * registers say that there is one, and va itself elsewhere, and in a regime of
 * another family.  What it returns may still not be canonical.  The CR3 counts
 * for the user's addresses, bit 63 clear: LAM_U57 (bit 61) takes off bits
 * 62:57, LAM_U48 (bit 62) bits 62:48; CR4.LAM_SUP for the supervisor's, bit 63
 * set: bits 62:57 with five levels, else 62:48.  EFER.UAIE takes off bits 63:57
 * of any.  Intel SDM vol. 1, "Linear-Address Pre-Processing"; AMD64
 * Architecture Programmer's Manual vol. 2, "Upper Address Ignore".  Instruction
 * fetches are not affected by LAM. */
PTW_API ptw_va ptw_x86_untag(const struct ptw_regime *r, uint64_t cr3,
                             ptw_va va);

/* The switches in `allow` of struct ptw_access.  Intel SDM vol. 3A,
 * "Determination of Access Rights".
 *
 * The other members of that struct under x86: user is an access at CPL 3, or by
 * WRUSS; keys is PKRU, in bits 31:0, which counts when the regime has
 * PTW_X86_PKE ("Protection Keys"). */
enum ptw_x86_allow {
    PTW_X86_ALLOW_AC = 1 << 0, /* EFLAGS.AC is set, and the access is explicit:
                                  under SMAP, the supervisor may touch user
                                  pages */
};

#ifdef __cplusplus
}
#endif

#endif
