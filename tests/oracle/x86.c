/* SPDX-License-Identifier: Apache-2.0 */
/* What all regimes of x86 have in common. */
#include "x86.h"

void oracle_x86_features(struct oracle_mode *mode, unsigned bits)
{
    mode->nx = (bits & 1) == 0;
    mode->pse = (bits & 2) == 0;
    mode->page1g = (bits & 4) == 0;
    mode->wp = (bits & ORACLE_NO_WRITE_PROTECT) == 0;
    mode->cet = (bits & ORACLE_SHADOW_STACKS) != 0 && mode->wp;
    mode->amd = (bits & 32) != 0;
    mode->pke = (bits & 256) != 0;
}

struct oracle_entry oracle_x86_rights(uint64_t raw)
{
    struct oracle_entry e = {.kind = ORACLE_NOT_PRESENT};

    e.rights = ORACLE_READ |
               ((raw & ORACLE_X86_RW) != 0 ? (unsigned)ORACLE_WRITE : 0) |
               ((raw & ORACLE_X86_US) != 0 ? (unsigned)ORACLE_USER : 0) |
               ((raw & ORACLE_X86_XD) == 0 ? (unsigned)ORACLE_EXEC : 0);
    return e;
}

uint64_t oracle_x86_rights_bits(const struct oracle_entry *is)
{
    return ORACLE_X86_P |
           ((is->rights & ORACLE_WRITE) != 0 ? ORACLE_X86_RW : 0) |
           ((is->rights & ORACLE_USER) != 0 ? ORACLE_X86_US : 0) |
           ((is->rights & ORACLE_EXEC) != 0 ? 0 : ORACLE_X86_XD);
}

uint64_t oracle_x86_wide_reserved(const struct oracle_mode *mode)
{
    uint64_t reserved =
        mode->pa_bits <= 51 ? oracle_ones(51, mode->pa_bits) : 0;

    reserved &= ~mode->flag_bits;
    return mode->nx ? reserved : reserved | ORACLE_X86_XD;
}

uint64_t oracle_x86_address(const struct oracle_mode *mode, unsigned lo)
{
    return oracle_ones(51, lo) & ~mode->flag_bits;
}

unsigned oracle_x86_wide_granted(const struct oracle_mode *mode)
{
    return ORACLE_READ | (mode->nx ? 0 : (unsigned)ORACLE_EXEC);
}

uint64_t oracle_x86_shadow_stack(uint64_t leaf)
{
    return leaf | ORACLE_X86_D;
}

unsigned oracle_x86_memory_types(const struct oracle_mode *mode)
{
    (void)mode;
    return 8;
}

unsigned oracle_x86_memory_type(const struct oracle_mode *mode, unsigned level,
                                uint64_t leaf)
{
    unsigned pat = level == 0 ? 7 : 12;

    (void)mode;
    return (unsigned)(leaf >> 3 & 3) | (unsigned)(leaf >> pat & 1) << 2;
}

unsigned oracle_x86_width(const struct oracle_mode *mode)
{
    return mode->pa_bits;
}

unsigned oracle_x86_leaf_width(const struct oracle_mode *mode, unsigned level)
{
    (void)level;
    return mode->pa_bits;
}

/* A large leaf has PS in bit 7 and PAT in bit 12, a PTE has PAT in bit 7. */
uint64_t oracle_x86_split(const struct oracle_mode *mode, unsigned level,
                          uint64_t bits)
{
    uint64_t pat = oracle_ones(12, 12);

    (void)mode;
    if (level != 1) {
        return bits;
    }
    return (bits & ~(ORACLE_X86_PS | pat)) | (bits & pat) >> 5;
}

/* Intel SDM vol. 3A, "Determination of Access Rights": the supervisor writes
 * everywhere if CR0.WP is 0.  Else R/W is 1 in every entry; or CR4.CET is 1, R/W
 * is 0 and D is 1 in the leaf, and R/W is 1 in every other: a shadow stack. */
bool oracle_x86_writes(const struct oracle_mode *mode, bool above,
                       uint64_t leaf)
{
    bool rw = (leaf & ORACLE_X86_RW) != 0;
    bool d = (leaf & ORACLE_X86_D) != 0;

    return !mode->wp || (above && (rw || (mode->cet && d)));
}
