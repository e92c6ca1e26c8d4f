/* SPDX-License-Identifier: Apache-2.0 */
/* One address: one descent. */
#ifndef PTW_LOOKUP_H
#define PTW_LOOKUP_H

#include "descend.h"

/* Whether tables at root can translate va, and if not, why. */
PTW_ENGINE enum ptw_status ptw_lookup_check(const struct ptw_format *a,
                                            struct ptw_root root, ptw_va va)
{
    if (PTW_UNLIKELY(!ptw_root_fits(root))) {
        return ptw_root_check(root);
    }
    if (PTW_UNLIKELY(!ptw_is_canonical(a, root.regime, va.v))) {
        return PTW_NOT_CANONICAL;
    }
    return PTW_OK;
}

PTW_ENGINE enum ptw_status ptw_find_leaf(const struct ptw_format *a,
                                         struct ptw_cursor *c,
                                         const struct ptw_mem *mem,
                                         struct ptw_root root, ptw_va va,
                                         struct ptw_translation *out)
{
    const struct ptw_regime *r = root.regime;
    struct ptw_entry e = {PTW_ENTRY_LEAF, ptw_start_rights(a, r), {0}};
    enum ptw_verdict v = PTW_V_LEAF;
    unsigned shift = r->va_bits;
    unsigned level = 0;
    unsigned above = ptw_start_rights(a, r);
    uint64_t raw = 0;
    uint64_t within;
    enum ptw_status st;

    ptw_cursor_at(a, c, mem, root, va.v & ptw_low_mask(ptw_width(a, r)));
    if (a->levels > 0) {
        v = ptw_descend_to(a, c, 0, &e);
        level = (unsigned)c->level;
        shift = a->level[level].shift;
        above = c->at[level].rights;
        raw = c->at[level].raw;
    }
    out->above = (uint8_t)above;
    out->level = (uint8_t)level;
    out->raw = raw;
    if (v == PTW_V_LEAF) {
        within = va.v & ptw_low_mask(shift);
        out->pa.v = e.pa.v + within;
        out->leaf_va.v = va.v - within;
        out->leaf_pa = e.pa;
        out->rights = e.rights;
        out->size_log2 = (uint8_t)shift;
        return PTW_OK;
    }
    st = ptw_verdict_status(v);
    if (st == PTW_E_BUS) {
        out->raw = 0;
    }
    return st;
}

PTW_ENGINE enum ptw_status ptw_look_up(const struct ptw_format *a,
                                       const struct ptw_mem *mem,
                                       struct ptw_root root, ptw_va va,
                                       struct ptw_translation *out)
{
    struct ptw_cursor c;
    enum ptw_status st = ptw_lookup_check(a, root, va);

    return st == PTW_OK ? ptw_find_leaf(a, &c, mem, root, va, out) : st;
}

/* The same, and the way down is read off the path that the cursor kept. */
PTW_ENGINE enum ptw_status
ptw_look_up_steps(const struct ptw_format *a, const struct ptw_mem *mem,
                  struct ptw_root root, ptw_va va, struct ptw_translation *out,
                  struct ptw_step *step, size_t *steps)
{
    struct ptw_cursor c;
    enum ptw_status st = ptw_lookup_check(a, root, va);

    *steps = 0;
    if (st != PTW_OK) {
        return st;
    }
    st = ptw_find_leaf(a, &c, mem, root, va, out);
    for (int level = (int)ptw_levels(root.regime) - 1;
         level >= c.level && level >= 0; level--) {
        const struct ptw_path_table *t = &c.at[level];
        struct ptw_step *s = &step[(*steps)++];

        s->level = (uint8_t)level;
        s->read = level > c.level || st != PTW_E_BUS;
        s->raw = s->read ? t->raw : 0;
        s->entry.v = ptw_entry_at(a, t->table, t->index);
        s->rights = s->read ? t->rights & a->decode(root.regime, t->raw,
                                                    (unsigned)level, t->index)
                                              .rights
                            : t->rights;
    }
    return st;
}

#endif
