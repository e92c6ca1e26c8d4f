/* SPDX-License-Identifier: Apache-2.0 */
/* Building a regime, and what the engine asks of one. */
#ifndef PTW_REGIME_H
#define PTW_REGIME_H

#include "format.h"
#include "ranges.h"

/* ptw_regime_build builds the regime of that architecture for that processor
 * (NULL: ptw_cpu_widest) and those features, as far as it has them; see
 * ptw_regime_by_name.  ptw_regime_fail sets *why, unless why is NULL, and
 * returns st. */
PTW_NODISCARD enum ptw_status
ptw_regime_build(const struct ptw_arch *arch, const struct ptw_cpu *cpu,
                 unsigned features, struct ptw_regime *out, const char **why);
enum ptw_status ptw_regime_fail(enum ptw_status st, const char *reason,
                                const char **why);

/* ptw_kept_check checks a range and what is left out of it: PTW_E_RANGE when it
 * is reversed, when those are not ascending and disjoint, or when nothing is
 * kept that tables of any of the roots can map; PTW_E_ALIGN when any of them is
 * not of whole smallest pages. */
PTW_NODISCARD enum ptw_status
ptw_kept_check(const struct ptw_root *root, uint32_t roots,
               struct ptw_va_range whole, const struct ptw_va_range *leave_out,
               size_t leave_outs);

/* ptw_map_check says of a map, before there are tables, what ptw_map would
 * without looking at them.  What it passes can be put into a space that has no
 * tables where its leaves stand, and grants the rights above them. */
PTW_NODISCARD enum ptw_status ptw_map_check(const struct ptw_regime *r,
                                            const struct ptw_map_request *q);

/* ptw_writes_unasked says whether the guest writes where no entry grants it. */
PTW_ENGINE bool ptw_writes_unasked(const struct ptw_regime *r)
{
    return r->arch->guest_writes(r, r->granted & ~(unsigned)PTW_WRITE, 0);
}

/* ptw_slot_writes says whether the guest can write the table that raw, an entry
 * of that level, refers to and stands in: by the path that goes through the
 * entry once for each level, and in which the entry is a leaf at last. */
PTW_ENGINE bool ptw_slot_writes(const struct ptw_regime *r, unsigned level,
                                uint64_t raw)
{
    const struct ptw_format *a = r->arch->format;
    unsigned above = a->decode(r, raw, level, 0).rights;

    return a->decode(r, raw, 0, 0).kind == PTW_ENTRY_LEAF &&
           r->arch->guest_writes(r, above, raw);
}

/* ptw_roots_agree says whether there are from 1 to 2^31 roots, and each has a
 * regime; those are alike in everything but the addresses that they translate
 * and the level and size of the root: then a table that two spaces share means
 * the same in both. */
bool ptw_roots_agree(const struct ptw_root *root, uint32_t roots);

/* ptw_same_space says whether those regimes agree, and are alike in that,
 * too. */
bool ptw_same_space(const struct ptw_regime *a, const struct ptw_regime *b);

/* ptw_tables_open says whether entries that lead to tables withhold nothing
 * there, unlike in a regime that agrees.  Where two roots differ in it, a table
 * that both have may grant more below one of them, though both lead to it with
 * the same rights. */
PTW_ENGINE bool ptw_tables_open(const struct ptw_regime *r)
{
    return (r->features & r->arch->open_tables) != 0;
}

/* ptw_root_fits is ptw_root_check without the reason. */
PTW_ENGINE bool ptw_root_fits(struct ptw_root root)
{
    return (root.table.v & root.regime->no_root) == 0;
}

#endif
