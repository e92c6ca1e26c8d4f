/* SPDX-License-Identifier: Apache-2.0 */
/* One address: one descent.
 *
 * There are two ways down.  The quick one is for memory that can be read
 * directly, entries that lead to tables, and a leaf of level 0: rights are
 * folded along the path, and nothing is kept of it.  Where it ends (an entry of
 * another kind, another region, callbacks), the careful way goes on from there,
 * with the entry that was read. */
#ifndef PTW_LOOKUP_H
#define PTW_LOOKUP_H

#include "descend.h"
#include "quick.h"

/* Whether tables at root can translate va; ptw_lookup_refused says why not. */
PTW_ENGINE bool ptw_can_look_up(struct ptw_root root, ptw_va va)
{
    return ptw_root_fits(root) && ptw_is_canonical(root.regime, va.v);
}

enum ptw_status ptw_lookup_refused(struct ptw_root root);

PTW_ENGINE enum ptw_status ptw_lookup_check(struct ptw_root root, ptw_va va)
{
    return PTW_LIKELY(ptw_can_look_up(root, va)) ? PTW_OK
                                                 : ptw_lookup_refused(root);
}

/* ptw_answer_leaf writes the answer that a leaf of that level is. */
PTW_ENGINE void ptw_answer_leaf(ptw_va va, unsigned level, unsigned shift,
                                unsigned above, uint64_t raw, uint64_t pa,
                                unsigned rights, struct ptw_translation *out)
{
    uint64_t within = va.v & ptw_low_mask(shift);

    out->pa.v = pa + within;
    out->leaf_va.v = va.v - within;
    out->leaf_pa.v = pa;
    out->raw = raw;
    out->rights = rights;
    out->above = (uint8_t)above;
    out->level = (uint8_t)level;
    out->size_log2 = (uint8_t)shift;
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
    enum ptw_status st;

    ptw_cursor_at(a, c, mem, root, va.v & ptw_low_mask(ptw_width(a, r)));
    if (a->levels > 0) {
        v = ptw_descend_to(a, c, 0, &e);
        level = (unsigned)c->level;
        shift = a->level[level].shift;
        above = c->at[level].rights;
        raw = c->at[level].raw;
    }
    if (v == PTW_V_LEAF) {
        ptw_answer_leaf(va, level, shift, above, raw, e.pa.v, e.rights, out);
        return PTW_OK;
    }
    out->above = (uint8_t)above;
    out->level = (uint8_t)level;
    out->raw = raw;
    st = ptw_verdict_status(v);
    if (st == PTW_E_BUS) {
        out->raw = 0;
    }
    return st;
}

/* Where a descent to one address stands: one register, as `at` below is, so
 * that the quick way ends in a jump. */
struct ptw_stand {
    uint8_t above; /* the rights of the path that leads there */
    uint8_t level; /* of the table */
    bool read;     /* the entry of it for the address was read */
};

/* ptw_look_on goes on from there, careful at each entry, which is read once:
 * where the quick way ends.  `at` is the entry, turned, if it was read, else
 * the table. There is one for each architecture, out of line. */
typedef enum ptw_status ptw_look_on(const struct ptw_mem *mem,
                                    const struct ptw_regime *r, uint64_t at,
                                    ptw_va va, struct ptw_translation *out,
                                    struct ptw_stand s);

/* ptw_look_down is ptw_look_on for a cache, which follows, and a trail or NULL,
 * which keeps the tables of the path.  The level falls on every pass. */
PTW_ENGINE enum ptw_status
ptw_look_down(const struct ptw_format *a, const struct ptw_mem *mem,
              struct ptw_region_cache *cache, const struct ptw_regime *r,
              uint64_t at, ptw_va va, struct ptw_stand s,
              struct ptw_trail *trail, struct ptw_translation *out)
{
    struct ptw_entry e = {PTW_ENTRY_LEAF, s.above, {0}};
    unsigned shift = r->va_bits;
    uint64_t raw = 0;

    while (a->levels > 0) {
        unsigned index =
            ptw_quick_index(a, r, s.level == ptw_top(a, r), s.level, va);

        if (trail != NULL && !s.read) {
            trail->level = s.level;
            trail->at[s.level].table = at;
            trail->at[s.level].rights = s.above;
        }
        if (s.read) {
            raw = at ^ r->rule[s.level].turned;
        } else if (ptw_get_cached(mem, cache, ptw_entry_at(a, at, index),
                                  1u << a->entry_log2, &raw) != PTW_OK) {
            out->above = s.above;
            out->level = s.level;
            out->raw = 0;
            return PTW_E_BUS;
        }
        shift = a->level[s.level].shift;
        e = a->decode(r, raw, s.level, index);
        if (e.kind != PTW_ENTRY_TABLE || s.level == 0) {
            break;
        }
        s.above = (uint8_t)(s.above & e.rights);
        at = e.pa.v;
        s.level--;
        s.read = false;
    }
    if (e.kind == PTW_ENTRY_ABSENT || e.kind == PTW_ENTRY_BAD) {
        out->above = s.above;
        out->level = s.level;
        out->raw = raw;
        return e.kind == PTW_ENTRY_ABSENT ? PTW_NOT_MAPPED : PTW_BAD_ENTRY;
    }
    ptw_answer_leaf(va, s.level, shift, s.above, raw, e.pa.v,
                    e.rights & s.above, out);
    return PTW_OK;
}

/* ptw_quick_leaf writes the answer that raw is, an entry of level 0; false when
 * it maps nothing. */
PTW_ENGINE bool ptw_quick_leaf(const struct ptw_format *a,
                               const struct ptw_regime *r, uint64_t raw,
                               unsigned above, ptw_va va,
                               struct ptw_translation *out)
{
    struct ptw_entry e =
        a->decode(r, raw, 0, ptw_quick_index(a, r, false, 0, va));

    if (PTW_UNLIKELY(e.kind != PTW_ENTRY_LEAF)) {
        return false;
    }
    ptw_answer_leaf(va, 0, ptw_page_log2(a), above, raw, e.pa.v,
                    e.rights & above, out);
    return true;
}

/* Written without a loop, the level is a constant at each step, and so the path
 * needs no memory. */
PTW_ENGINE enum ptw_status ptw_look_up(const struct ptw_format *a,
                                       const struct ptw_mem *mem,
                                       struct ptw_root root, ptw_va va,
                                       ptw_look_on *look_on,
                                       struct ptw_translation *out)
{
    const struct ptw_regime *r = root.regime;
    struct ptw_quick q = {.table = root.table.v, .kept = UINT64_MAX};
    struct ptw_stand s;
    uint64_t raw;

    if (PTW_UNLIKELY(!ptw_can_look_up(root, va))) {
        return ptw_lookup_refused(root);
    }
    if (!ptw_is_quick(a, r)) {
        s.above = (uint8_t)ptw_start_rights(a, r);
        s.level = (uint8_t)(a->levels > 0 ? ptw_top(a, r) : 0);
        s.read = false;
        return look_on(mem, r, root.table.v, va, out, s);
    }
    if (ptw_quick_down(a, mem, r, va, &q)) {
        const unsigned char *place = NULL;
        unsigned above = a->path_rights(r, q.kept);

        s.above = (uint8_t)above;
        s.level = 0;
        if (PTW_UNLIKELY(!ptw_quick_place(a, mem, q.table,
                                          ptw_quick_index(a, r, false, 0, va),
                                          &place))) {
            s.read = false;
            return look_on(mem, r, q.table, va, out, s);
        }
        raw = ptw_load_entry(a, place, 0);
        if (PTW_LIKELY(ptw_quick_leaf(a, r, raw, above, va, out))) {
            return PTW_OK;
        }
        s.read = true;
        return look_on(mem, r, raw ^ r->rule[0].turned, va, out, s);
    }
    s.above = (uint8_t)a->path_rights(r, q.kept);
    s.level = (uint8_t)q.level;
    s.read = q.read;
    return look_on(mem, r, q.read ? q.turned : q.table, va, out, s);
}

/* The same, and the way down is read off the path that the cursor kept. */
PTW_ENGINE enum ptw_status
ptw_look_up_steps(const struct ptw_format *a, const struct ptw_mem *mem,
                  struct ptw_root root, ptw_va va, struct ptw_translation *out,
                  struct ptw_step *step, size_t *steps)
{
    struct ptw_cursor c;
    enum ptw_status st = ptw_lookup_check(root, va);

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
