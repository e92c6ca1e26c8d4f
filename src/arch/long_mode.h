/* SPDX-License-Identifier: Apache-2.0 */
/* The entries of 4-level and of 5-level paging.
 *
 * Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging"; AMD64 Architecture
 * Programmer's Manual vol. 2, "Long-Mode Page Translation".
 *
 *   level   the manual's name   an entry covers   and may map
 *     0     PT                  4 KiB             4 KiB
 *     1     PD                  2 MiB             2 MiB
 *     2     PDPT                1 GiB             1 GiB, where there is PAGE1G
 *     3     PML4                512 GiB           -
 *     4     PML5                256 TiB           -
 *
 * Where vendors differ: AMD reserves bit 8 of a PML5 and PML4 entry and of a
 * PDPT entry that is no leaf, Intel ignores it; it is ignored here, unless the
 * processor is said to be AMD's.  Both
 * reserve bit 7 (PS) of a PML5 and PML4 entry, and of a PDPT entry where there
 * are no 1 GiB pages, and so does this. */
#ifndef PTW_LONG_MODE_H
#define PTW_LONG_MODE_H

#include "x86_wide.h"

enum { LONG_PT, LONG_PD, LONG_PDPT, LONG_PML4, LONG_PML5 };

static void long_setup(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    bool amd = (r->facts & X86_FACT_AMD) != 0;

    x86_wide_setup(r, f->levels, f->level, 0);
    x86_grant_exec(r);
    r->rule[LONG_PD].leaf = true;
    r->rule[LONG_PDPT].leaf = (r->features & PTW_X86_PAGE1G) != 0;
    for (unsigned level = LONG_PDPT; amd && level < f->levels; level++) {
        r->rule[level].table_reserved |= X86_G;
    }
    x86_quick_setup(r);
}

static struct ptw_attributes long_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw)
{
    struct ptw_attributes at = x86_attributes(r, raw, level);

    at.key = (r->features & PTW_X86_PKE) != 0 ? raw >> 59 & 15 : 0;
    return at;
}

/* A leaf is written dirty, so that the processor need not write it, unless it
 * would be a shadow stack by that. */
PTW_ENGINE bool long_leaf_bits(const struct ptw_regime *r, unsigned level,
                               unsigned rights, bool copy_on_write,
                               const struct ptw_attributes *attributes,
                               uint64_t *bits)
{
    uint64_t key = attributes->key;
    uint64_t flags = attributes->flag_bits;

    if (!x86_leaf_bits(r, level, rights, copy_on_write, attributes, bits)) {
        return false;
    }
    *bits = x86_no_shadow_stack(r, *bits | X86_D);
    if (PTW_UNLIKELY((key | flags) != 0)) {
        if ((key != 0 && ((r->features & PTW_X86_PKE) == 0 || key > 15)) ||
            (flags & ~r->flag_bits) != 0) {
            return false;
        }
        *bits |= key << 59 | flags;
    }
    return true;
}
PTW_NAMED(long_leaf_bits);

/* The members of a format and of an architecture that both modes have. */
#define LONG_MODE_ENTRIES                                                      \
    .flag_bits = true, .mark = X86_MARK, .decode = PTW_BY_NAME(x86_decode),    \
    X86_QUICK, .folds = PTW_MAX_LEVELS,                                        \
    .leaf_class = PTW_BY_NAME(x86_leaf_class),                                 \
    .address_bits = PTW_BY_NAME(x86_address_bits),                             \
    .put_address = PTW_BY_NAME(x86_put_address),                               \
    .table_bits = PTW_BY_NAME(x86_table_bits), .path_bits = x86_path_bits,     \
    .leaf_bits = PTW_BY_NAME(long_leaf_bits),                                  \
    .leaf_with_rights = PTW_BY_NAME(x86_leaf_with_rights),                     \
    .leaf_split = x86_leaf_split,                                              \
    .leaf_copy_on_write = PTW_BY_NAME(x86_leaf_copy_on_write)

#define LONG_MODE_ARCH                                                         \
    .widths = &ptw_x86_widths, .root_bits = 52,                                \
    .features = PTW_X86_NX | PTW_X86_PAGE1G | PTW_X86_WP | PTW_X86_SMEP |      \
                PTW_X86_SMAP | PTW_X86_PKE | PTW_X86_CET | PTW_X86_LAM_SUP |   \
                PTW_X86_UAI,                                                   \
    .granted = PTW_READ, .letters = X86_LETTERS, .setup = long_setup,          \
    .attributes = long_attributes, .lacks = ptw_x86_lacks,                     \
    .facts = ptw_x86_facts, .conflict = ptw_x86_conflict, .bad = x86_wide_bad, \
    .fields = ptw_x86_fields, .present_text = X86_PRESENT_TEXT,                \
    .right_text = ptw_x86_right_text, .guest_writes = ptw_x86_guest_writes,    \
    .shadow_stack = ptw_x86_shadow_stack,                                      \
    .access_allowed = ptw_x86_access_allowed

#endif
