/* SPDX-License-Identifier: Apache-2.0 */
/* amd64, 4-level paging.
 *
 * Intel SDM vol. 3A, "4-Level Paging and 5-Level Paging"; AMD64 Architecture
 * Programmer's Manual vol. 2, "Long-Mode Page Translation".
 *
 *   level   the manual's name   an entry covers   and may map
 *     0     PT                  4 KiB             4 KiB
 *     1     PD                  2 MiB             2 MiB
 *     2     PDPT                1 GiB             1 GiB, where there is PAGE1G
 *     3     PML4                512 GiB           -
 *
 * Where vendors differ: AMD reserves bit 8 of a PML4 entry and of a PDPT entry
 * that is no leaf, Intel ignores it; it is ignored here.  Both reserve bit 7
 * (PS) of a PML4 entry, and of a PDPT entry where there are no 1 GiB pages, and
 * so does this. */
#include "../iterate.h"
#include "../lookup.h"
#include "../rewrite.h"
#include "x86.h"

enum amd64_level { AMD64_PT, AMD64_PD, AMD64_PDPT, AMD64_PML4, AMD64_LEVELS };

static void amd64_setup(struct ptw_regime *r)
{
    uint64_t reserved =
        ptw_bits(51, r->pa_bits) | ((r->features & PTW_NX) != 0 ? 0 : X86_XD);

    r->table_address = ptw_bits(r->pa_bits - 1, 12);
    for (unsigned level = 0; level < AMD64_LEVELS; level++) {
        unsigned shift = 12 + 9 * level;
        struct ptw_level_rule *rule = &r->rule[level];

        /* PS is looked at, or reserved. */
        rule->table_reserved = reserved | X86_PS;
        /* Between PAT (bit 12) and the address, a large leaf has zeros. */
        rule->leaf_reserved = reserved | ptw_bits(shift - 1, 13);
        rule->leaf_address = ptw_bits(r->pa_bits - 1, shift);
        rule->alike = ptw_bits(51, 12) | x86_alike(r);
    }
    r->rule[AMD64_PD].leaf = true;
    r->rule[AMD64_PDPT].leaf = (r->features & PTW_PAGE1G) != 0;
}

static struct ptw_attributes amd64_attributes(const struct ptw_regime *r,
                                              unsigned level, uint64_t raw)
{
    struct ptw_attributes at = x86_attributes(raw, level);

    at.key = (r->features & PTW_PKE) != 0 ? raw >> 59 & 15 : 0;
    return at;
}

static void amd64_alias_put(union ptw_alias *alias,
                            const struct ptw_alias_ref *ref, unsigned level)
{
    alias->amd64.ref = *ref;
    alias->amd64.level = (enum ptw_amd64_alias_level)level;
}

static struct ptw_alias_ref amd64_alias_get(const union ptw_alias *alias,
                                            unsigned *level)
{
    *level = alias->amd64.level;
    return alias->amd64.ref;
}

_Static_assert((int)PTW_AMD64_ALIAS_PT == AMD64_PT &&
                   (int)PTW_AMD64_ALIAS_PD == AMD64_PD &&
                   (int)PTW_AMD64_ALIAS_PDPT == AMD64_PDPT,
               "alias levels are numbered from the leaves");

/* Where XD exists. */
static uint64_t amd64_xd(const struct ptw_regime *r)
{
    return (r->features & PTW_NX) != 0 ? X86_XD : 0;
}

PTW_ENGINE bool amd64_leaf_bits(const struct ptw_regime *r, unsigned level,
                                unsigned rights, bool copy_on_write,
                                const struct ptw_attributes *attributes,
                                uint64_t *bits)
{
    uint64_t key = attributes->key;

    if ((key != 0 && ((r->features & PTW_PKE) == 0 || key > 15)) ||
        !x86_leaf_bits(r, level, rights, copy_on_write, attributes, amd64_xd(r),
                       bits)) {
        return false;
    }
    *bits |= X86_D | key << 59;
    return true;
}
PTW_NAMED(amd64_leaf_bits);

static uint64_t amd64_leaf_address(const struct ptw_regime *r, unsigned level,
                                   uint64_t pa)
{
    return pa & r->rule[level].leaf_address;
}

static uint64_t amd64_leaf_with_rights(const struct ptw_regime *r, uint64_t raw,
                                       unsigned rights)
{
    return x86_leaf_with_rights(raw, rights, amd64_xd(r));
}

static uint64_t amd64_leaf_split(const struct ptw_regime *r, uint64_t raw,
                                 unsigned level)
{
    return x86_leaf_split(raw & ~r->rule[level].leaf_address, level);
}

static uint64_t amd64_with_path_rights(const struct ptw_regime *r, uint64_t raw,
                                       unsigned rights)
{
    return x86_with_rights(raw, rights, amd64_xd(r));
}

static const struct ptw_format amd64 = {
    .levels = AMD64_LEVELS,
    .entry_log2 = 3,
    .va_bits = 48,
    .sign_extended = true,
    .present = 1,
    .level =
        {
            [AMD64_PT] = {.name = "pt", .shift = 12, .bits = 9},
            [AMD64_PD] = {.name = "pd", .shift = 21, .bits = 9},
            [AMD64_PDPT] = {.name = "pdpt", .shift = 30, .bits = 9},
            [AMD64_PML4] = {.name = "pml4", .shift = 39, .bits = 9},
        },
    .decode = PTW_BY_NAME(x86_decode),
    .leaf_class = PTW_BY_NAME(x86_leaf_class),
    .table_bits = PTW_BY_NAME(x86_table_bits),
    .leaf_bits = PTW_BY_NAME(amd64_leaf_bits),
    .leaf_address = amd64_leaf_address,
    .leaf_with_rights = amd64_leaf_with_rights,
    .leaf_split = amd64_leaf_split,
    .with_path_rights = amd64_with_path_rights,
    .leaf_copy_on_write = PTW_BY_NAME(x86_leaf_copy_on_write),
    .alias_put = amd64_alias_put,
};

static enum ptw_status amd64_lookup(const struct ptw_regime *r,
                                    const struct ptw_mem *mem, ptw_pa root,
                                    ptw_va va, struct ptw_translation *out)
{
    return ptw_look_up(&amd64, r, mem, root, va, out);
}

static enum ptw_status amd64_explain(const struct ptw_regime *r,
                                     const struct ptw_mem *mem, ptw_pa root,
                                     ptw_va va, struct ptw_translation *out,
                                     struct ptw_step *step, size_t *steps)
{
    return ptw_look_up_steps(&amd64, r, mem, root, va, out, step, steps);
}

static enum ptw_status amd64_next(struct ptw_walk *w, struct ptw_item *item,
                                  size_t room, size_t *items)
{
    return ptw_iterate(&amd64, w, item, room, items);
}

static enum ptw_status amd64_map(struct ptw_tables *t,
                                 const struct ptw_map_request *q)
{
    return ptw_map_now(&amd64, t, q);
}

static enum ptw_status amd64_edit(struct ptw_edit *ed)
{
    return ptw_edit_run(&amd64, ed, false);
}

static enum ptw_status amd64_edit_movable(struct ptw_edit *ed)
{
    return ptw_edit_run(&amd64, ed, true);
}

const struct ptw_arch ptw_arch_amd64 = {
    .name = "amd64",
    .id = PTW_ARCH_AMD64,
    .format = &amd64,
    .root_bits = 52,
    .features =
        PTW_NX | PTW_PAGE1G | PTW_WP | PTW_SMEP | PTW_SMAP | PTW_PKE | PTW_CET,
    .setup = amd64_setup,
    .attributes = amd64_attributes,
    .guest_writes = ptw_x86_guest_writes,
    .shadow_stack = ptw_x86_shadow_stack,
    .access_allowed = ptw_x86_access_allowed,
    .alias_get = amd64_alias_get,
    .lookup = amd64_lookup,
    .explain = amd64_explain,
    .next = amd64_next,
    .map = amd64_map,
    .edit = amd64_edit,
    .edit_movable = amd64_edit_movable,
};
