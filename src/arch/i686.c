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
#include "../iterate.h"
#include "../lookup.h"
#include "../rewrite.h"
#include "x86.h"

enum i686_level { I686_PT, I686_PD, I686_LEVELS };

static void i686_setup(struct ptw_regime *r)
{
    /* "M is the minimum of 40 and MAXPHYADDR." */
    unsigned m = r->pa_bits < 40 ? r->pa_bits : 40;

    r->table_address = ptw_bits(31, 12);
    r->rule[I686_PT].leaf_address = ptw_bits(31, 12);
    r->rule[I686_PT].alike = ptw_bits(31, 12) | x86_alike(r);
    r->rule[I686_PD].leaf = (r->features & PTW_PSE) != 0;
    r->rule[I686_PD].table_reserved = r->rule[I686_PD].leaf ? X86_PS : 0;
    r->rule[I686_PD].leaf_address = ptw_bits(31, 22);
    r->rule[I686_PD].leaf_reserved = ptw_bits(21, m - 19);
}

/* The shape is x86's; only a 4 MiB page has its address in two pieces. */
PTW_ENGINE struct ptw_entry i686_decode(const struct ptw_regime *r,
                                        uint64_t raw, unsigned level)
{
    struct ptw_entry e = x86_decode(r, raw, level);

    if (level == I686_PD && e.kind == PTW_ENTRY_LEAF) {
        e.pa.v |= (raw & ptw_bits(20, 13)) << (32 - 13);
    }
    return e;
}
PTW_NAMED(i686_decode);

static struct ptw_attributes i686_attributes(const struct ptw_regime *r,
                                             unsigned level, uint64_t raw)
{
    (void)r;
    return x86_attributes(raw, level);
}

static void i686_alias_put(union ptw_alias *alias,
                           const struct ptw_alias_ref *ref, unsigned level)
{
    alias->i686.ref = *ref;
    alias->i686.level = (enum ptw_i686_alias_level)level;
}

static struct ptw_alias_ref i686_alias_get(const union ptw_alias *alias,
                                           unsigned *level)
{
    *level = alias->i686.level;
    return alias->i686.ref;
}

_Static_assert((int)PTW_I686_ALIAS_PT == I686_PT,
               "alias levels are numbered from the leaves");

static uint64_t i686_table_bits(unsigned rights)
{
    return x86_table_bits(rights | PTW_USER);
}

PTW_ENGINE bool i686_leaf_bits(const struct ptw_regime *r, unsigned level,
                               unsigned rights, bool copy_on_write,
                               const struct ptw_attributes *attributes,
                               uint64_t *bits)
{
    return attributes->key == 0 &&
           x86_leaf_bits(r, level, rights, copy_on_write, attributes, 0, bits);
}
PTW_NAMED(i686_leaf_bits);

/* Bits 39:32 of a 4 MiB page's address stand in bits 20:13 of its entry. */
static uint64_t i686_leaf_address(const struct ptw_regime *r, unsigned level,
                                  uint64_t pa)
{
    uint64_t address = pa & r->rule[level].leaf_address;

    if (level == I686_PD) {
        address |= (pa & ptw_bits(39, 32)) >> (32 - 13);
    }
    return address;
}

static uint64_t i686_leaf_with_rights(const struct ptw_regime *r, uint64_t raw,
                                      unsigned rights)
{
    (void)r;
    return x86_leaf_with_rights(raw, rights, 0);
}

static uint64_t i686_leaf_split(const struct ptw_regime *r, uint64_t raw,
                                unsigned level)
{
    (void)r;
    return x86_leaf_split(raw & ~(ptw_bits(31, 22) | ptw_bits(20, 13)), level);
}

static uint64_t i686_with_path_rights(const struct ptw_regime *r, uint64_t raw,
                                      unsigned rights)
{
    (void)r;
    return x86_with_rights(raw, rights, 0);
}

static const struct ptw_format i686 = {
    .levels = I686_LEVELS,
    .entry_log2 = 2,
    .va_bits = 32,
    .present = 1,
    .level =
        {
            [I686_PT] = {.name = "pt", .shift = 12, .bits = 10},
            [I686_PD] = {.name = "pd", .shift = 22, .bits = 10},
        },
    .decode = PTW_BY_NAME(i686_decode),
    .leaf_class = PTW_BY_NAME(x86_leaf_class),
    .table_bits = i686_table_bits,
    .leaf_bits = PTW_BY_NAME(i686_leaf_bits),
    .leaf_address = i686_leaf_address,
    .leaf_with_rights = i686_leaf_with_rights,
    .leaf_split = i686_leaf_split,
    .with_path_rights = i686_with_path_rights,
    .leaf_copy_on_write = PTW_BY_NAME(x86_leaf_copy_on_write),
    .alias_put = i686_alias_put,
};

static enum ptw_status i686_lookup(const struct ptw_regime *r,
                                   const struct ptw_mem *mem, ptw_pa root,
                                   ptw_va va, struct ptw_translation *out)
{
    return ptw_look_up(&i686, r, mem, root, va, out);
}

static enum ptw_status i686_explain(const struct ptw_regime *r,
                                    const struct ptw_mem *mem, ptw_pa root,
                                    ptw_va va, struct ptw_translation *out,
                                    struct ptw_step *step, size_t *steps)
{
    return ptw_look_up_steps(&i686, r, mem, root, va, out, step, steps);
}

static enum ptw_status i686_next(struct ptw_walk *w, struct ptw_item *item,
                                 size_t room, size_t *items)
{
    return ptw_iterate(&i686, w, item, room, items);
}

static enum ptw_status i686_map(struct ptw_tables *t,
                                const struct ptw_map_request *q)
{
    return ptw_map_now(&i686, t, q);
}

static enum ptw_status i686_edit(struct ptw_edit *ed)
{
    return ptw_edit_run(&i686, ed, false);
}

static enum ptw_status i686_edit_movable(struct ptw_edit *ed)
{
    return ptw_edit_run(&i686, ed, true);
}

const struct ptw_arch ptw_arch_i686 = {
    .name = "i686",
    .id = PTW_ARCH_I686,
    .format = &i686,
    .root_bits = 32,
    .features = PTW_PSE | PTW_WP | PTW_SMEP | PTW_SMAP | PTW_CET,
    .setup = i686_setup,
    .attributes = i686_attributes,
    .guest_writes = ptw_x86_guest_writes,
    .shadow_stack = ptw_x86_shadow_stack,
    .access_allowed = ptw_x86_access_allowed,
    .alias_get = i686_alias_get,
    .lookup = i686_lookup,
    .explain = i686_explain,
    .next = i686_next,
    .map = i686_map,
    .edit = i686_edit,
    .edit_movable = i686_edit_movable,
};
