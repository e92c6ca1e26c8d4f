/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses on a trail: what needs no specialisation. */
#include "trail.h"

enum ptw_status ptw_trail_init(struct ptw_trail *trail,
                               const struct ptw_mem *mem, struct ptw_root root)
{
    const struct ptw_format *a = root.regime->arch->format;
    enum ptw_status st = ptw_root_check(root);

    if (!mem->stopped) {
        return PTW_E_ARG;
    }
    if (st != PTW_OK) {
        return st;
    }
    memset(trail, 0, sizeof *trail);
    trail->mem = mem;
    trail->root = root;
    trail->cache = mem->cache;
    trail->level = a->levels > 0 ? ptw_top(a, root.regime) : 0;
    trail->at[trail->level].table = root.table.v;
    trail->at[trail->level].rights = ptw_start_rights(a, root.regime);
    return PTW_OK;
}

enum ptw_status ptw_trail_lookup(struct ptw_trail *trail, ptw_va va,
                                 struct ptw_translation *out)
{
    return trail->root.regime->arch->trail_lookup(trail, va, out);
}
