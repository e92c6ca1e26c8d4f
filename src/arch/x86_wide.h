/* SPDX-License-Identifier: Apache-2.0 */
/* x86 entries of 64 bits: PAE paging, and 4-level and 5-level paging.  They
 * have the address in bits 51:12, as far as the processor's addresses go, and
 * XD in bit 63 where EFER.NXE is set. */
#ifndef PTW_X86_WIDE_H
#define PTW_X86_WIDE_H

#include "x86.h"

/* Sets up the rules of levels 0 to `levels` - 1, in which PS is looked at or
 * reserved.  more: what else is reserved in every entry. */
static inline void x86_wide_setup(struct ptw_regime *r, unsigned levels,
                                  const struct ptw_level *level, uint64_t more)
{
    uint64_t address = ptw_bits(r->pa_bits - 1, 12) & ~r->flag_bits;
    uint64_t reserved = (ptw_bits(51, r->pa_bits) & ~r->flag_bits) | more |
                        ((r->features & PTW_X86_NX) != 0 ? 0 : X86_XD);

    r->table_pa = address;
    for (unsigned i = 0; i < levels; i++) {
        struct ptw_level_rule *rule = &r->rule[i];

        /* PS is looked at, or reserved. */
        rule->table_reserved = reserved | X86_PS;
        /* Between PAT (bit 12) and the address, a large leaf has zeros. */
        rule->leaf_reserved = reserved | ptw_bits(level[i].shift - 1, 13);
        rule->leaf_address = address & ~ptw_low_mask(level[i].shift);
        rule->leaf_pa = rule->leaf_address;
        rule->alike = ptw_bits(51, 12) | reserved | x86_alike(r);
    }
}

static inline struct ptw_bad_entry x86_wide_bad(const struct ptw_regime *r,
                                                unsigned level, unsigned index,
                                                uint64_t raw)
{
    (void)index;
    return ptw_x86_bad_beyond(r, level, raw,
                              ptw_bits(51, r->pa_bits) & ~r->flag_bits);
}

#endif
