/* SPDX-License-Identifier: Apache-2.0 */
/* space_aware_map: an item of a walk is put into a space that is built. */
#include "leaves.h"
#include "link.h"
#include "request.h"
#include "run.h"
#include "shares.h"
#include "stock.h"

/* Whether what `owner` has was rebuilt with rights that its tables withheld from
 * `ours` alone: leaves stand for the whole path without PTW_EDIT_EXACT. */
static bool would_widen(const struct ptw_regime *owner,
                        const struct ptw_regime *ours, unsigned flags)
{
    return (flags & PTW_EDIT_EXACT) == 0 && ptw_tables_open(owner) &&
           !ptw_tables_open(ours);
}

/* Puts a table of its own there, referred to by an entry with those bits,
 * unless there is one; tables that it takes on the way there grant the
 * rights. */
static enum ptw_status new_table(struct ptw_tables *t,
                                 const struct ptw_item *item, unsigned flags)
{
    const struct ptw_format *a = t->root.regime->arch->format;
    const struct ptw_table *table = &item->u.table;
    unsigned level = table->level + 1u;
    struct ptw_edit ed;
    enum ptw_status st;
    uint64_t region;

    if (level > ptw_top(a, t->root.regime) ||
        !ptw_leads_to_a_table(t, table->attributes, level)) {
        return PTW_E_ARG;
    }
    region = ptw_low_mask(a->level[level].shift);
    st = ptw_edit_begin(a, &ed, PTW_OP_ENTRY, t,
                        ptw_va_of(item->first.v & ~region),
                        ptw_va_of(item->first.v | region), flags, 0);
    if (st != PTW_OK) {
        return st;
    }
    ed.entry_level = (int)level;
    ed.entry_bits = table->attributes;
    ed.entry_new = true;
    ed.rights = table->rights;
    return ptw_edit_run(&ed, NULL);
}

static enum ptw_status begin_space(struct ptw_tables *t,
                                   const struct ptw_item *item,
                                   struct ptw_built *built, unsigned flags)
{
    const struct ptw_space *s = &item->u.space_info;
    struct ptw_built *own = &built[item->space];
    const struct ptw_format *a = t->root.regime->arch->format;
    const struct ptw_root before = t->root;
    enum ptw_status st;

    own->built = false;
    if (t->shares != NULL) {
        t->shares->wanted = 0;
    }
    if (s->kind == PTW_SPACE_BAD) {
        return s->why;
    }
    if (s->met_below) {
        return PTW_E_SHARED;
    }
    if (!ptw_roots_agree((struct ptw_root[]){t->root, s->root}, 2)) {
        return PTW_E_ARG;
    }
    if (s->kind == PTW_SPACE_SAME) {
        if (s->same_as >= item->space || !built[s->same_as].built ||
            t->shares == NULL) {
            return PTW_E_ARG;
        }
        if (would_widen(built[s->same_as].root.regime, s->root.regime, flags)) {
            return PTW_E_RIGHTS;
        }
        st = ptw_shares_add(t->shares, built[s->same_as].root.table.v, 1);
        own->root = ptw_root_of(s->root.regime, built[s->same_as].root.table);
        own->built = st == PTW_OK;
        return st;
    }
    /* What is taken has to do for that regime. */
    t->root.regime = s->root.regime;
    own->root.regime = s->root.regime;
    st = ptw_spare_reserve(t, 1, true);
    if (st == PTW_OK) {
        st = ptw_spare_take(t, ptw_top(a, t->root.regime), &own->root.table);
    }
    own->built = st == PTW_OK;
    t->root = st == PTW_OK ? own->root : before;
    return ptw_spare_release(t, st);
}

static enum ptw_status link_alias(struct ptw_tables *t,
                                  const struct ptw_item *item,
                                  const struct ptw_built *built, unsigned flags)
{
    unsigned level;
    struct ptw_alias_ref ref = ptw_alias_view(t->root.regime, item, &level);
    const struct ptw_format *a = t->root.regime->arch->format;
    struct ptw_link l = {
        .ours = ref.our_va,
        .theirs = ref.their_va,
        .level = level,
        .bits = ref.attributes,
        .rights = ref.rights,
        .flags = flags,
    };
    uint64_t span;

    if (level >= ptw_top(a, t->root.regime) || ref.owner > item->space ||
        !built[ref.owner].built) {
        return PTW_E_ARG;
    }
    /* A region that refers to itself would be its own table. */
    span = ptw_low_mask(a->level[level].shift + a->level[level].bits);
    if (ref.owner == item->space &&
        (ref.our_va.v & ~span) == (ref.their_va.v & ~span)) {
        return PTW_E_ARG;
    }
    l.owner = built[ref.owner].root;
    /* Without PTW_EDIT_EXACT, tables above were not rebuilt with their own
     * bits, so this entry stands for the whole path. */
    if (would_widen(l.owner.regime, t->root.regime, flags) ||
        ((flags & PTW_EDIT_EXACT) == 0 &&
         !a->path_bits(t->root.regime, level + 1, ref.rights, &l.bits))) {
        return PTW_E_RIGHTS;
    }
    return ptw_link_regions(t, NULL, &l);
}

/* The leaf that a mapping has when it has become copy-on-write, without its
 * address; false: the guest would still write. */
static bool copy_on_write(const struct ptw_regime *r,
                          const struct ptw_mapping *m, unsigned flags,
                          uint64_t *bits)
{
    const struct ptw_format *a = r->arch->format;
    struct ptw_attributes at = ptw_attributes_of(r, m->level, m->raw);
    uint64_t is = a->leaf_copy_on_write(r, *bits);

    *bits = is;
    if ((flags & PTW_EDIT_EXACT) == 0) {
        /* This is the leaf that will be there. */
        (void)a->leaf_bits(r, m->level, m->rights & ~(unsigned)PTW_WRITE, true,
                           &at, &is);
    }
    return !ptw_guest_writes(r, PTW_ALL_RIGHTS, m->level, is);
}

enum ptw_status ptw_item_place(const struct ptw_regime *r,
                               struct ptw_item *item, ptw_pa now,
                               enum ptw_place how, unsigned flags)
{
    const struct ptw_format *a = r->arch->format;
    struct ptw_mapping *m = &item->u.mapping;
    uint64_t span = item->last.v - item->first.v;
    uint64_t leaf;
    uint64_t bits;
    bool written;

    if (a->levels == 0) {
        return PTW_E_REGIME;
    }
    if (item->kind != PTW_ITEM_MAPPING || m->level > ptw_top(a, r) ||
        ptw_decode_given(a, r, m->raw, m->level).kind != PTW_ENTRY_LEAF) {
        return PTW_E_ARG;
    }
    leaf = ptw_low_mask(a->level[m->level].shift);
    if ((now.v & leaf) != 0) {
        return PTW_E_ALIGN;
    }
    if (now.v > UINT64_MAX - span || ptw_flags_between(a, r, now.v, span) ||
        !ptw_leaf_fits(r, m->level, (now.v + span) & ~leaf)) {
        return PTW_E_WIDTH;
    }
    bits = ptw_alone(a, ptw_attribute_bits(a, r, m->level, m->raw));
    written = ptw_guest_writes(r, PTW_ALL_RIGHTS, m->level, bits) &&
              ((flags & PTW_EDIT_EXACT) != 0 || (m->rights & PTW_WRITE) != 0 ||
               ptw_guest_writes(r, m->above, m->level, bits));
    if (how == PTW_PLACE_COPY_ON_WRITE && written) {
        if (!copy_on_write(r, m, flags, &bits)) {
            return PTW_E_RIGHTS;
        }
        m->rights &= ~(unsigned)PTW_WRITE;
    }
    m->raw = ptw_leaf_entry(a, r, m->level, bits, now.v);
    m->pa = now;
    return PTW_OK;
}

static enum ptw_status map_item(struct ptw_tables *t,
                                const struct ptw_item *item, unsigned flags)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;
    const struct ptw_mapping *m = &item->u.mapping;
    struct ptw_attributes at = ptw_attributes_of(r, m->level, m->raw);
    struct ptw_map_request q = {
        .first = item->first,
        .last = item->last,
        .pa = m->pa,
        .rights = m->rights,
        .copy_on_write = at.copy_on_write,
        .attributes = at,
        .flags = flags | (m->level > 0 ? PTW_EDIT_LARGE : 0),
    };
    struct ptw_edit ed;
    enum ptw_status st =
        ptw_edit_map(a, &ed, t, &q, (flags & PTW_EDIT_EXACT) != 0);

    if (st != PTW_OK) {
        return st;
    }
    if (m->level > ed.widest) {
        return PTW_E_ALIGN;
    }
    ed.widest = m->level;
    if (ed.exact) {
        uint64_t leaf = ptw_low_mask(a->level[m->level].shift);
        struct ptw_entry own = ptw_decode_given(a, r, m->raw, m->level);

        /* A part of a leaf would not have its bits. */
        if (((ed.first | (ed.last + 1)) & leaf) != 0) {
            return PTW_E_ALIGN;
        }
        if (own.kind != PTW_ENTRY_LEAF) {
            return PTW_E_ARG;
        }
        /* It is the leaf that was there, whether or not a map could ask for its
         * rights. */
        ed.rights &= own.rights;
        ed.bits = ptw_alone(a, ptw_attribute_bits(a, r, m->level, m->raw));
    }
    return ptw_edit_run(&ed, NULL);
}

enum ptw_status ptw_space_aware_map(struct ptw_tables *t,
                                    const struct ptw_item *item,
                                    struct ptw_built *built, uint32_t spaces,
                                    unsigned flags)
{
    enum ptw_status st = PTW_OK;

    if (t->root.regime->arch->format->levels == 0) {
        return PTW_E_REGIME;
    }
    if (item->space >= spaces) {
        return PTW_E_ARG;
    }
    if (item->kind == PTW_ITEM_SPACE) {
        return begin_space(t, item, built, flags);
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
        st = new_table(t, item, flags);
        break;
    case PTW_ITEM_MAPPING:
        st = map_item(t, item, flags);
        break;
    case PTW_ITEM_ALIAS:
        if (ptw_alias_view(t->root.regime, item, &(unsigned){0}).owner >=
            spaces) {
            return PTW_E_ARG;
        }
        st = link_alias(t, item, built, flags);
        break;
    case PTW_ITEM_LINE:
        return PTW_E_ARG;
    }
    built[item->space].root = t->root;
    return st;
}
