/* SPDX-License-Identifier: Apache-2.0 */
/* What must compile: the twin of every file here that must not. */
#include <ptwalk/ptwalk.h>

struct holder {
    const struct ptw_void *never; /* a pointer is all that there can be */
};

ptw_pa assigns(ptw_pa pa);
enum ptw_status passes(const struct ptw_regime *r, const struct ptw_mem *mem,
                       ptw_pa pa, ptw_va va);
void levels(struct ptw_amd64_alias *a, struct ptw_i686_alias *i,
            struct ptw_pae_alias *p, struct ptw_la57_alias *l,
            struct ptw_aarch64_alias *aarch64);
const struct ptw_void *reads(const struct ptw_item *item);
void takes(const struct ptw_void *never);
bool heeds(const struct ptw_regime *r);
uint64_t compares(ptw_pa pa, ptw_va va);
enum ptw_status edits(struct ptw_tables *t, struct ptw_movable_tables *m,
                      const struct ptw_map_request *q,
                      const struct ptw_range_request *range,
                      const struct ptw_item *item, struct ptw_built *built);

ptw_pa assigns(ptw_pa pa)
{
    ptw_pa other = pa;

    other = ptw_pa_of(0x1000);
    return other;
}

enum ptw_status passes(const struct ptw_regime *r, const struct ptw_mem *mem,
                       ptw_pa pa, ptw_va va)
{
    struct ptw_translation t;

    return ptw_lookup(mem, ptw_root_of(r, pa), va, &t);
}

void levels(struct ptw_amd64_alias *a, struct ptw_i686_alias *i,
            struct ptw_pae_alias *p, struct ptw_la57_alias *l,
            struct ptw_aarch64_alias *aarch64)
{
    a->level = PTW_AMD64_ALIAS_PT;
    a->level = PTW_AMD64_ALIAS_PD;
    a->level = PTW_AMD64_ALIAS_PDPT;
    i->level = PTW_I686_ALIAS_PT;
    p->level = PTW_PAE_ALIAS_PD;
    l->level = PTW_LA57_ALIAS_PML4;
    aarch64->level = PTW_AARCH64_ALIAS_L0;
}

const struct ptw_void *reads(const struct ptw_item *item)
{
    struct holder h = {item->u.alias.bare};

    return h.never;
}

void takes(const struct ptw_void *never)
{
    ptw_absurd(never);
}

bool heeds(const struct ptw_regime *r)
{
    return ptw_root_check(ptw_root_of(r, ptw_pa_of(0))) == PTW_OK;
}

uint64_t compares(ptw_pa pa, ptw_va va)
{
    return pa.v + va.v;
}

enum ptw_status edits(struct ptw_tables *t, struct ptw_movable_tables *m,
                      const struct ptw_map_request *q,
                      const struct ptw_range_request *range,
                      const struct ptw_item *item, struct ptw_built *built)
{
    if (ptw_map(t, q) != PTW_OK || ptw_map_movable(m, q) != PTW_OK ||
        ptw_unmap(t, range) != PTW_OK || ptw_protect(t, range) != PTW_OK ||
        ptw_unmap_movable(m, range) != PTW_OK ||
        ptw_protect_movable(m, range) != PTW_OK) {
        return PTW_E_ARG;
    }
    return ptw_space_aware_map(t, item, built, 1, 0);
}
