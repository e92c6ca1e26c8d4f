/* SPDX-License-Identifier: Apache-2.0 */
/* i686, 32-bit paging.
 *
 * Intel SDM vol. 3A, "32-Bit Paging".
 *
 *   level   the manual's name   an entry covers   and may map
 *     0     PT                  4 KiB             4 KiB
 *     1     PD                  4 MiB             4 MiB, where CR4.PSE is set
 *
 * Without CR4.PSE, bit 7 of a PD entry is ignored.  With it, a 4 MiB page has
 * address bits 39:32 in bits 20:13 of its entry (PSE-36): as many of them as
 * the processor's physical address width has, and what is left of bits 21:13 is
 * reserved.  There is no XD. */
#include "archs.h"
#include "instance.h"
#include "x86.h"

enum i686_level { I686_PT, I686_PD, I686_LEVELS };

static void i686_setup(struct ptw_regime *r)
{
    /* "M is the minimum of 40 and MAXPHYADDR." */
    unsigned m = r->pa_bits < 40 ? r->pa_bits : 40;

    r->table_pa = ptw_bits(31, 12);
    r->rule[I686_PT].leaf_address = ptw_bits(31, 12);
    r->rule[I686_PT].leaf_pa = ptw_bits(31, 12);
    r->rule[I686_PT].alike = ptw_bits(31, 12) | x86_alike(r);
    r->rule[I686_PD].leaf = (r->features & PTW_X86_PSE) != 0;
    r->rule[I686_PD].table_reserved = r->rule[I686_PD].leaf ? X86_PS : 0;
    r->rule[I686_PD].leaf_address = ptw_bits(31, 22) | ptw_bits(20, 13);
    r->rule[I686_PD].leaf_pa = ptw_bits(m - 1, 22);
    r->rule[I686_PD].leaf_reserved = ptw_bits(21, m - 19);
    x86_grant_exec(r);
    x86_quick_setup(r);
}

/* The shape is x86's; only a 4 MiB page has its address in two places. */
PTW_ENGINE struct ptw_entry i686_decode(const struct ptw_regime *r,
                                        uint64_t raw, unsigned level,
                                        unsigned index)
{
    struct ptw_entry e = x86_decode(r, raw, level, index);

    if (level == I686_PD && e.kind == PTW_ENTRY_LEAF) {
        e.pa.v = (raw & ptw_bits(31, 22)) | (raw & ptw_bits(20, 13))
                                                << (32 - 13);
    }
    return e;
}
PTW_NAMED(i686_decode);

static struct ptw_attributes i686_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw)
{
    return x86_attributes(r, raw, level);
}

static struct ptw_bad_entry i686_bad(const struct ptw_regime *r, unsigned level,
                                     unsigned index, uint64_t raw)
{
    (void)index;
    return ptw_x86_bad_beyond(r, level, raw, ptw_bits(20, 13));
}

PTW_ALIASES(i686);

_Static_assert((int)PTW_I686_ALIAS_PT == I686_PT,
               "alias levels are numbered from the leaves");

static uint64_t i686_table_bits(const struct ptw_regime *r, unsigned level,
                                unsigned rights)
{
    return x86_table_bits(r, level, rights | PTW_USER);
}

PTW_ENGINE bool i686_leaf_bits(const struct ptw_regime *r, unsigned level,
                               unsigned rights, bool copy_on_write,
                               const struct ptw_attributes *attributes,
                               uint64_t *bits)
{
    return (attributes->key | attributes->flag_bits) == 0 &&
           x86_leaf_bits(r, level, rights, copy_on_write, attributes, bits);
}
PTW_NAMED(i686_leaf_bits);

/* Bits 39:32 of a 4 MiB page's address stand in bits 20:13 of its entry. */
PTW_ENGINE uint64_t i686_put_address(const struct ptw_regime *r, unsigned level,
                                     enum ptw_entry_kind kind, uint64_t pa)
{
    if (kind == PTW_ENTRY_LEAF && level == I686_PD) {
        return (pa & ptw_bits(31, 22)) | (pa & ptw_bits(39, 32)) >> (32 - 13);
    }
    return x86_put_address(r, level, kind, pa);
}
PTW_NAMED(i686_put_address);

static const struct ptw_format i686 = {
    .levels = I686_LEVELS,
    .entry_log2 = 2,
    .va_bits = 32,
    .rights = X86_RIGHTS,
    .present = 1,
    .mark = X86_MARK,
    .level =
        {
            [I686_PT] =
                {.name = "pt", .shift = 12, .bits = 10, .step = 1 << 12},
            [I686_PD] = {.name = "pd", .shift = 22, .bits = 10},
        },
    .decode = PTW_BY_NAME(i686_decode),
    X86_QUICK,
    .folds = I686_LEVELS,
    .leaf_class = PTW_BY_NAME(x86_leaf_class),
    .address_bits = PTW_BY_NAME(x86_address_bits),
    .put_address = PTW_BY_NAME(i686_put_address),
    .table_bits = i686_table_bits,
    .path_bits = x86_path_bits,
    .leaf_bits = PTW_BY_NAME(i686_leaf_bits),
    .leaf_with_rights = PTW_BY_NAME(x86_leaf_with_rights),
    .leaf_split = x86_leaf_split,
    .leaf_copy_on_write = PTW_BY_NAME(x86_leaf_copy_on_write),
    .alias_put = i686_alias_put,
};

PTW_INSTANCE(i686);

const struct ptw_arch ptw_arch_i686 = {
    PTW_INSTANCE_OF(i686),
    .name = "i686",
    .id = PTW_ARCH_I686,
    .widths = &ptw_x86_widths,
    .root_bits = 32,
    .features =
        PTW_X86_PSE | PTW_X86_WP | PTW_X86_SMEP | PTW_X86_SMAP | PTW_X86_CET,
    .granted = PTW_READ,
    .letters = X86_LETTERS,
    .setup = i686_setup,
    .attributes = i686_attributes,
    .conflict = ptw_x86_conflict,
    .bad = i686_bad,
    .fields = ptw_x86_fields,
    .present_text = X86_PRESENT_TEXT,
    .right_text = ptw_x86_right_text,
    .guest_writes = ptw_x86_guest_writes,
    .shadow_stack = ptw_x86_shadow_stack,
    .access_allowed = ptw_x86_access_allowed,
    PTW_ALIASES_OF(i686),
};
