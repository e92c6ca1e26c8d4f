/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked before an edit looks at a table. */
#include "rewrite.h"

static enum ptw_status run(struct ptw_edit *ed,
                           const struct ptw_movable_tables *movable)
{
    const struct ptw_arch *arch = ed->t->regime->arch;

    if (movable == NULL) {
        return arch->edit(ed);
    }
    ed->move = movable->move;
    return arch->edit_movable(ed);
}

static enum ptw_status range_request(struct ptw_edit *ed, enum ptw_op op,
                                     struct ptw_tables *t,
                                     const struct ptw_range_request *q)
{
    enum ptw_status st =
        ptw_edit_begin(t->regime->arch->format, ed, op, t, q->first, q->last,
                       q->flags, q->max_reads);
    static const struct ptw_attributes plain;
    uint64_t bits;

    if (st != PTW_OK) {
        return st;
    }
    if (op == PTW_OP_PROTECT) {
        ed->rights = q->rights;
        if (!t->regime->arch->format->leaf_bits(t->regime, 0, q->rights, false,
                                                &plain, &bits)) {
            return PTW_E_RIGHTS;
        }
    }
    return PTW_OK;
}

enum ptw_status ptw_map(struct ptw_tables *t, const struct ptw_map_request *q)
{
    return t->regime->arch->map(t, q);
}

PTW_COLD enum ptw_status ptw_map_far(struct ptw_tables *t,
                                     const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_map(t->regime->arch->format, &ed, t, q);

    return st == PTW_OK ? run(&ed, NULL) : st;
}

enum ptw_status ptw_map_movable(struct ptw_movable_tables *t,
                                const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st =
        ptw_edit_map(t->tables.regime->arch->format, &ed, &t->tables, q);

    return st == PTW_OK ? run(&ed, t) : st;
}

static enum ptw_status change(struct ptw_tables *t,
                              const struct ptw_movable_tables *movable,
                              enum ptw_op op, const struct ptw_range_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st = range_request(&ed, op, t, q);

    return st == PTW_OK ? run(&ed, movable) : st;
}

enum ptw_status ptw_unmap(struct ptw_tables *t,
                          const struct ptw_range_request *q)
{
    return change(t, NULL, PTW_OP_UNMAP, q);
}

enum ptw_status ptw_unmap_movable(struct ptw_movable_tables *t,
                                  const struct ptw_range_request *q)
{
    return change(&t->tables, t, PTW_OP_UNMAP, q);
}

enum ptw_status ptw_protect(struct ptw_tables *t,
                            const struct ptw_range_request *q)
{
    return change(t, NULL, PTW_OP_PROTECT, q);
}

enum ptw_status ptw_protect_movable(struct ptw_movable_tables *t,
                                    const struct ptw_range_request *q)
{
    return change(&t->tables, t, PTW_OP_PROTECT, q);
}

/* ------------------------------------------------------- space_aware_map */

/* The table that the space has at that level on the way to va.
 * PTW_NOT_MAPPED: the way ends before; PTW_E_LARGE: in a large leaf. */
static enum ptw_status table_at(const struct ptw_tables *t, ptw_pa root,
                                ptw_va va, unsigned level, uint64_t *table)
{
    const struct ptw_format *a = t->regime->arch->format;
    struct ptw_cursor c;

    c.regime = t->regime;
    c.mem = t->mem;
    c.memo = NULL;
    c.near = t->mem->near;
    c.first = va.v & ptw_low_mask(t->regime->va_bits);
    c.last = c.first;
    (void)ptw_enter(a, &c, true, a->levels - 1, root.v, PTW_ALL_RIGHTS, 0);
    while (c.level > (int)level) {
        struct ptw_entry e;

        switch (ptw_descend_once(a, &c, true, (unsigned)c.level, NULL, &e)) {
        case PTW_V_ENTERED:
            break;
        case PTW_V_LEAF:
            return PTW_E_LARGE;
        case PTW_V_BAD:
            return PTW_BAD_ENTRY;
        case PTW_V_ABSENT:
            return PTW_NOT_MAPPED;
        case PTW_V_REFUSED:
        case PTW_V_NO_TABLE:
        case PTW_V_ALIAS:
        case PTW_V_SELF:
        case PTW_V_PRUNED:
        case PTW_V_REMARK:
        case PTW_V_LIMIT:
        case PTW_V_FULL:
            return PTW_E_BUS;
        }
    }
    *table = c.at[level].table;
    return PTW_OK;
}

/* Sets the entry of that level for va to `bits` and table; new_table: to a
 * table of its own instead, unless it leads to one already.  Tables that it
 * takes on the way there grant the rights. */
static enum ptw_status set_entry(struct ptw_tables *t, ptw_va va,
                                 unsigned level, uint64_t bits, uint64_t table,
                                 bool new_table, unsigned rights,
                                 unsigned flags)
{
    const struct ptw_format *a = t->regime->arch->format;
    uint64_t page = va.v & ~ptw_low_mask(a->level[level].shift);
    struct ptw_edit ed;
    enum ptw_status st;

    st = ptw_edit_begin(a, &ed, PTW_OP_ENTRY, t, ptw_va_of(page),
                        ptw_va_of(page + ptw_low_mask(a->level[level].shift)),
                        flags, UINT64_MAX);
    if (st != PTW_OK) {
        return st;
    }
    ed.entry_level = (int)level;
    ed.entry_bits = bits;
    ed.entry_table = table;
    ed.entry_new = new_table;
    ed.rights = rights;
    return run(&ed, NULL);
}

static enum ptw_status begin_space(struct ptw_tables *t,
                                   const struct ptw_item *item,
                                   struct ptw_built *built)
{
    const struct ptw_space *s = &item->u.space_info;
    struct ptw_built *own = &built[item->space];
    const struct ptw_format *a = t->regime->arch->format;
    enum ptw_status st;

    own->built = false;
    if (t->shares != NULL) {
        t->shares->wanted = 0;
    }
    switch (s->kind) {
    case PTW_SPACE_BAD:
        return s->why;
    case PTW_SPACE_SAME:
        if (s->same_as >= item->space || !built[s->same_as].built ||
            t->shares == NULL) {
            return PTW_E_ARG;
        }
        st = ptw_shares_add(t->shares, built[s->same_as].root.v, 1);
        own->root = built[s->same_as].root;
        own->built = st == PTW_OK;
        return st;
    case PTW_SPACE_WALKED:
        break;
    }
    st = ptw_spare_reserve(t, 1, ptw_table_bytes(a, a->levels - 1));
    if (st == PTW_OK) {
        st = ptw_spare_take(t, &own->root);
    }
    own->built = st == PTW_OK;
    return ptw_spare_release(t, st);
}

static enum ptw_status link_alias(struct ptw_tables *t,
                                  const struct ptw_item *item,
                                  const struct ptw_built *built, unsigned flags)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(t->regime, item, &level);
    const struct ptw_format *a = t->regime->arch->format;
    uint64_t bits = ref.attributes;
    enum ptw_status found;
    enum ptw_status st;
    uint64_t table = 0;
    uint64_t span;

    if (level + 1 >= a->levels || ref.owner > item->space ||
        !built[ref.owner].built || t->shares == NULL) {
        return PTW_E_ARG;
    }
    if (!ptw_canonical(t->regime, ref.our_va) ||
        !ptw_canonical(t->regime, ref.their_va)) {
        return PTW_NOT_CANONICAL;
    }
    /* A region that refers to itself would be its own table. */
    span = ptw_low_mask(a->level[level].shift + a->level[level].bits);
    if (ref.owner == item->space &&
        (ref.our_va.v & ~span) == (ref.their_va.v & ~span)) {
        return PTW_E_ARG;
    }
    found = table_at(t, built[ref.owner].root, ref.their_va, level, &table);
    if (found != PTW_OK && found != PTW_NOT_MAPPED) {
        return found;
    }
    if ((flags & PTW_EDIT_EXACT) == 0) {
        /* Tables above were not rebuilt with their own bits, so this entry
         * stands for the whole path. */
        bits = a->with_path_rights(t->regime, bits, ref.rights);
    }
    st = set_entry(t, ref.our_va, level + 1, found == PTW_OK ? bits : 0, table,
                   false, ref.rights, flags);
    return st == PTW_OK ? found : st;
}

static enum ptw_status map_item(struct ptw_tables *t,
                                const struct ptw_item *item, unsigned flags)
{
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(t->regime, m->level, m->raw);
    struct ptw_map_request q = {
        .first = item->first,
        .last = item->last,
        .pa = m->pa,
        .rights = m->rights,
        .copy_on_write = at.copy_on_write,
        .attributes = at,
        .flags = flags | (m->level > 0 ? PTW_EDIT_LARGE : 0),
        .max_reads = UINT64_MAX,
    };
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_map(t->regime->arch->format, &ed, t, &q);

    if (st != PTW_OK) {
        return st;
    }
    if (m->level > ed.widest) {
        return PTW_E_ALIGN;
    }
    ed.widest = m->level;
    if ((flags & PTW_EDIT_EXACT) != 0) {
        uint64_t leaf =
            ptw_low_mask(t->regime->arch->format->level[m->level].shift);

        /* A part of a leaf would not have its bits. */
        if (((ed.first | (ed.last + 1)) & leaf) != 0) {
            return PTW_E_ALIGN;
        }
        ed.exact = true;
        ed.bits = m->raw & ~t->regime->arch->format->leaf_address(
                               t->regime, m->level, UINT64_MAX);
    }
    return run(&ed, NULL);
}

enum ptw_status ptw_space_aware_map(struct ptw_tables *t,
                                    const struct ptw_item *item,
                                    struct ptw_built *built, uint32_t spaces,
                                    unsigned flags)
{
    enum ptw_status st = PTW_OK;

    if (t->regime->arch->format->levels == 0) {
        return PTW_E_REGIME;
    }
    if (item->space >= spaces) {
        return PTW_E_ARG;
    }
    if (item->kind == PTW_ITEM_SPACE) {
        return begin_space(t, item, built);
    }
    if (!built[item->space].built) {
        return PTW_E_ARG;
    }
    t->root = built[item->space].root;
    switch (item->kind) {
    case PTW_ITEM_SPACE:
    case PTW_ITEM_HOLE:
    case PTW_ITEM_FINDING:
        break;
    case PTW_ITEM_TABLE:
        if (item->u.table.level + 1u >= t->regime->arch->format->levels) {
            return PTW_E_ARG;
        }
        st = set_entry(t, item->first, item->u.table.level + 1u,
                       item->u.table.attributes, 0, true, item->u.table.rights,
                       flags);
        break;
    case PTW_ITEM_MAPPING:
        st = map_item(t, item, flags);
        break;
    case PTW_ITEM_ALIAS:
        if (ptw_alias_view(t->regime, item, &(unsigned){0}).owner >= spaces) {
            return PTW_E_ARG;
        }
        st = link_alias(t, item, built, flags);
        break;
    }
    built[item->space].root = t->root;
    return st;
}
