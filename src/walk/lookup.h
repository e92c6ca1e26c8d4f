/* SPDX-License-Identifier: Apache-2.0 */
/* One address: one descent. */
#ifndef PTW_LOOKUP_H
#define PTW_LOOKUP_H

#include "descend.h"

/* What every lookup starts with: sets up c for va, or says why not. */
PTW_ENGINE enum ptw_status ptw_aim(const struct ptw_format *a,
                                   struct ptw_cursor *c,
                                   const struct ptw_regime *r,
                                   const struct ptw_mem *mem, ptw_pa root,
                                   ptw_va va)
{
    c->regime = r;
    c->mem = mem;
    c->memo = NULL;
    c->first = va.v & ptw_low_mask(ptw_width(a, r));
    c->last = c->first;
    c->near = mem->near;
    c->level = -1;
    if (PTW_UNLIKELY(!ptw_root_fits(r, root))) {
        return ptw_root_check(r, root);
    }
    if (PTW_UNLIKELY(!ptw_is_canonical(a, r, va.v))) {
        return PTW_NOT_CANONICAL;
    }
    return PTW_OK;
}

PTW_ENGINE enum ptw_status ptw_find_leaf(const struct ptw_format *a,
                                         struct ptw_cursor *c, ptw_pa root,
                                         ptw_va va, struct ptw_translation *out)
{
    struct ptw_entry e = {PTW_ENTRY_LEAF, a->rights, {0}};
    enum ptw_verdict v = PTW_V_LEAF;
    unsigned shift = c->regime->va_bits;
    unsigned level = 0;
    unsigned above = a->rights;
    uint64_t raw = 0;
    uint64_t within;

    if (a->levels > 0) {
        (void)ptw_enter(a, c, true, ptw_top(a), root.v, a->rights, 0);
        v = ptw_descend_to(a, c, 0, &e);
        level = (unsigned)c->level;
        shift = a->level[level].shift;
        above = c->at[level].rights;
        raw = c->at[level].raw;
    }
    out->above = (uint8_t)above;
    out->level = (uint8_t)level;
    out->raw = raw;
    switch (v) {
    case PTW_V_LEAF:
        within = va.v & ptw_low_mask(shift);
        out->pa.v = e.pa.v + within;
        out->leaf_va.v = va.v - within;
        out->leaf_pa = e.pa;
        out->rights = e.rights;
        out->size_log2 = (uint8_t)shift;
        return PTW_OK;
    case PTW_V_ABSENT:
        return PTW_NOT_MAPPED;
    case PTW_V_BAD:
        return PTW_BAD_ENTRY;
    case PTW_V_REFUSED:
    case PTW_V_NO_TABLE:
        out->raw = 0;
        return PTW_E_BUS;
    case PTW_V_ENTERED:
    case PTW_V_ALIAS:
    case PTW_V_SELF:
    case PTW_V_PRUNED:
    case PTW_V_REMARK:
    case PTW_V_LIMIT:
    case PTW_V_FULL:
        break;
    }
    assert(0 && "a lookup has no memo, no needs, and a read for every level");
    return PTW_E_LIMIT;
}

PTW_ENGINE enum ptw_status ptw_look_up(const struct ptw_format *a,
                                       const struct ptw_regime *r,
                                       const struct ptw_mem *mem, ptw_pa root,
                                       ptw_va va, struct ptw_translation *out)
{
    struct ptw_cursor c;
    enum ptw_status st = ptw_aim(a, &c, r, mem, root, va);

    return st == PTW_OK ? ptw_find_leaf(a, &c, root, va, out) : st;
}

/* The same, and the way down is read off the path that the cursor kept. */
PTW_ENGINE enum ptw_status
ptw_look_up_steps(const struct ptw_format *a, const struct ptw_regime *r,
                  const struct ptw_mem *mem, ptw_pa root, ptw_va va,
                  struct ptw_translation *out, struct ptw_step *step,
                  size_t *steps)
{
    struct ptw_cursor c;
    enum ptw_status st = ptw_aim(a, &c, r, mem, root, va);

    *steps = 0;
    if (st != PTW_OK) {
        return st;
    }
    st = ptw_find_leaf(a, &c, root, va, out);
    for (int level = (int)a->levels - 1; level >= c.level && level >= 0;
         level--) {
        const struct ptw_path_table *t = &c.at[level];
        struct ptw_step *s = &step[(*steps)++];

        s->level = (uint8_t)level;
        s->read = level > c.level || st != PTW_E_BUS;
        s->raw = s->read ? t->raw : 0;
        s->entry.v = ptw_entry_at(a, t->table, t->index);
        s->rights =
            s->read ? t->rights &
                          a->decode(r, t->raw, (unsigned)level, t->index).rights
                    : t->rights;
    }
    return st;
}

#endif
