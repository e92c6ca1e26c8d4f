/* SPDX-License-Identifier: Apache-2.0 */
/* pae: PAE paging.
 *
 * Intel SDM vol. 3A, "PAE Paging"; AMD64 Architecture Programmer's Manual
 * vol. 2, "Legacy-Mode Page Translation".
 *
 *   level   the manual's name   an entry covers   and may map
 *     0     PT                  4 KiB             4 KiB
 *     1     PD                  2 MiB             2 MiB, whatever CR4.PSE says
 *     2     PDPT                1 GiB             -
 *
 * The root is the PDPT: four entries, 32 bytes, at bits 31:5 of CR3; several
 * may stand in one page.  Its entries have no rights: they grant all.  Reserved
 * in them are bits 2:1, 8:6 and all above the width.  Bit 5 is reserved in the
 * manual, too; emulators set it as if it were "accessed", images of real guests
 * have it, and so it is tolerated.  Entries of a PD and a PT reserve bits 62:52
 * (in long mode some are ignored, some a protection key) and those of the
 * address above the width.
 *
 * A processor loads the four PDPTEs into registers when CR3 is written.  What
 * it holds may differ from the table in memory, which is what is read here. */
#include "archs.h"
#include "instance.h"
#include "x86_wide.h"

enum pae_level { PAE_PT, PAE_PD, PAE_PDPT, PAE_LEVELS };

static void pae_setup(struct ptw_regime *r)
{
    const struct ptw_format *f = r->arch->format;
    struct ptw_level_rule *root = &r->rule[PAE_PDPT];

    x86_wide_setup(r, PAE_PDPT, f->level, ptw_bits(62, 52));
    r->rule[PAE_PD].leaf = true;
    root->table_reserved =
        (ptw_bits(2, 1) | ptw_bits(8, 6) | ptw_bits(63, r->pa_bits)) &
        ~r->flag_bits;
    x86_grant_exec(r);
    x86_quick_setup(r);
}

/* The shape is x86's; only the entries of a PDPT have no rights. */
PTW_ENGINE struct ptw_entry pae_decode(const struct ptw_regime *r, uint64_t raw,
                                       unsigned level, unsigned index)
{
    struct ptw_entry e = x86_decode(r, raw, level, index);

    if (level == PAE_PDPT && e.kind == PTW_ENTRY_TABLE) {
        e.rights = r->rights;
    }
    return e;
}
PTW_NAMED(pae_decode);

static struct ptw_attributes pae_attributes(const struct ptw_regime *r,
                                            unsigned level, uint64_t raw)
{
    return x86_attributes(r, raw, level);
}

static size_t pae_fields(const struct ptw_regime *r, unsigned level,
                         uint64_t raw, struct ptw_entry_field *field)
{
    return level == PAE_PDPT ? ptw_x86_fields_in(r, X86_ROOT, raw, field)
                             : ptw_x86_fields(r, level, raw, field);
}

PTW_ALIASES(pae);

_Static_assert((int)PTW_PAE_ALIAS_PT == PAE_PT &&
                   (int)PTW_PAE_ALIAS_PD == PAE_PD,
               "alias levels are numbered from the leaves");

static uint64_t pae_table_bits(const struct ptw_regime *r, unsigned level,
                               unsigned rights)
{
    return level == PAE_PDPT ? X86_P : x86_table_bits(r, level, rights);
}

static bool pae_path_bits(const struct ptw_regime *r, unsigned level,
                          unsigned rights, uint64_t *raw)
{
    return level == PAE_PDPT ? (r->rights & ~rights) == 0
                             : x86_path_bits(r, level, rights, raw);
}

/* As under 32-bit paging, a leaf is not written dirty. */
PTW_ENGINE bool pae_leaf_bits(const struct ptw_regime *r, unsigned level,
                              unsigned rights, bool copy_on_write,
                              const struct ptw_attributes *attributes,
                              uint64_t *bits)
{
    if (attributes->key != 0 || (attributes->flag_bits & ~r->flag_bits) != 0 ||
        !x86_leaf_bits(r, level, rights, copy_on_write, attributes, bits)) {
        return false;
    }
    *bits |= attributes->flag_bits;
    return true;
}
PTW_NAMED(pae_leaf_bits);

static const struct ptw_format pae = {
    .levels = PAE_LEVELS,
    .entry_log2 = 3,
    .va_bits = 32,
    .rights = X86_RIGHTS,
    .flag_bits = true,
    .present = 1,
    .mark = X86_MARK,
    .level =
        {
            [PAE_PT] = {.name = "pt", .shift = 12, .bits = 9, .step = 1 << 12},
            [PAE_PD] = {.name = "pd", .shift = 21, .bits = 9},
            [PAE_PDPT] = {.name = "pdpt", .shift = 30, .bits = 2},
        },
    .decode = PTW_BY_NAME(pae_decode),
    X86_QUICK,
    .folds = PAE_PDPT,
    .leaf_class = PTW_BY_NAME(x86_leaf_class),
    .address_bits = PTW_BY_NAME(x86_address_bits),
    .put_address = PTW_BY_NAME(x86_put_address),
    .table_bits = pae_table_bits,
    .path_bits = pae_path_bits,
    .leaf_bits = PTW_BY_NAME(pae_leaf_bits),
    .leaf_with_rights = PTW_BY_NAME(x86_leaf_with_rights),
    .leaf_split = x86_leaf_split,
    .leaf_copy_on_write = PTW_BY_NAME(x86_leaf_copy_on_write),
    .alias_put = pae_alias_put,
};

PTW_INSTANCE(pae);

const struct ptw_arch ptw_arch_pae = {
    PTW_INSTANCE_OF(pae),
    .name = "pae",
    .id = PTW_ARCH_PAE,
    .widths = &ptw_x86_widths,
    .root_bits = 32,
    .features =
        PTW_X86_NX | PTW_X86_WP | PTW_X86_SMEP | PTW_X86_SMAP | PTW_X86_CET,
    .granted = PTW_READ,
    .letters = X86_LETTERS,
    .setup = pae_setup,
    .attributes = pae_attributes,
    .conflict = ptw_x86_conflict,
    .bad = x86_wide_bad,
    .fields = pae_fields,
    .present_text = X86_PRESENT_TEXT,
    .right_text = ptw_x86_right_text,
    .guest_writes = ptw_x86_guest_writes,
    .shadow_stack = ptw_x86_shadow_stack,
    .access_allowed = ptw_x86_access_allowed,
    PTW_ALIASES_OF(pae),
};
