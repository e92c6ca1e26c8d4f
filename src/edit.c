/* SPDX-License-Identifier: Apache-2.0 */
/* What is checked before an edit looks at a table. */
#include "rewrite.h"

static PTW_COLD enum ptw_status edit_far(struct ptw_edit *ed, bool movable)
{
    return ptw_edit_far(ed->t->regime->arch->format, ed, movable);
}

static enum ptw_status run(struct ptw_edit *ed,
                           const struct ptw_movable_tables *movable)
{
    const struct ptw_arch *arch = ed->t->regime->arch;

    if (movable == NULL) {
        bool near;
        enum ptw_status st = arch->edit_near(ed, &near);

        if (near) {
            return st;
        }
    } else {
        ed->move = movable->move;
    }
    return edit_far(ed, movable != NULL);
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
        ed->rights = ptw_rights_asked(t->regime, q->rights, q->flags);
        if (!t->regime->arch->format->leaf_bits(t->regime, 0, ed->rights, false,
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

enum ptw_status ptw_map_check(const struct ptw_regime *r,
                              const struct ptw_map_request *q)
{
    const struct ptw_format *a = r->arch->format;
    struct ptw_tables t = {.regime = r};
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_map(a, &ed, &t, q);
    uint64_t large;
    uint64_t page;

    if (st != PTW_OK || !ed.beyond) {
        return st;
    }
    /* Only large leaves reach its end: those before the first one, and behind
     * the last one, are small. */
    large = ptw_low_mask(a->level[ed.widest].shift);
    page = ptw_low_mask(a->level[0].shift);
    if (((ed.last + 1) & large) != 0) {
        return PTW_E_WIDTH;
    }
    return (ed.first & large) == 0 ||
                   ptw_leaf_fits(a, r, 0, (ed.pa | large) & ~page)
               ? PTW_OK
               : PTW_E_WIDTH;
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

/* -------------------------------------------------------------------- link */

union ptw_alias_level ptw_alias_level_of(const struct ptw_regime *r,
                                         unsigned level)
{
    return r->arch->alias_level(level);
}

/* Whether an entry of that level with those bits, which have no address, leads
 * to a table. */
static bool leads_to_a_table(const struct ptw_tables *t, uint64_t bits,
                             unsigned level)
{
    const struct ptw_regime *r = t->regime;

    return r->arch->format->decode(r, bits, level, 0).kind == PTW_ENTRY_TABLE &&
           (bits & r->arch->format->address_bits(r, level, bits)) == 0;
}

/* What is linked: `regions` is their number less one. */
struct link {
    ptw_va ours; /* any address of the first region */
    ptw_va theirs;
    uint64_t regions;
    ptw_pa owner;
    unsigned level;
    uint64_t bits; /* of our entries */
    unsigned rights;
    bool narrow; /* the path has to grant the rights */
    unsigned flags;
    uint64_t max_reads;
};

static enum ptw_status link_regions(struct ptw_tables *t,
                                    const struct ptw_movable_tables *movable,
                                    const struct link *l)
{
    const struct ptw_regime *r = t->regime;
    const struct ptw_format *a = r->arch->format;
    unsigned level = l->level + 1;
    struct ptw_edit ed;
    enum ptw_status st;
    uint64_t gap_first;
    uint64_t gap_last;
    uint64_t region;
    uint64_t more;
    uint64_t ours;
    uint64_t theirs;

    if (l->level >= ptw_top(a) || t->shares == NULL) {
        return PTW_E_ARG;
    }
    region = ptw_low_mask(a->level[level].shift);
    ours = l->ours.v & ~region;
    theirs = l->theirs.v & ~region;
    more = (l->regions << a->level[level].shift) + region;
    if (more > UINT64_MAX - theirs) {
        return PTW_E_RANGE;
    }
    st = ptw_edit_begin(a, &ed, PTW_OP_ENTRY, t, ptw_va_of(ours),
                        ptw_va_of(ours + more), l->flags, l->max_reads);
    if (st == PTW_OK) {
        st = ptw_root_check(r, l->owner);
    }
    if (st != PTW_OK) {
        return st;
    }
    if (ptw_gap(a, r, &gap_first, &gap_last) && theirs <= gap_last &&
        theirs + more >= gap_first) {
        return PTW_NOT_CANONICAL;
    }
    /* A root that is shared is copied, and the owner keeps what he has. */
    ed.entry_self =
        l->owner.v == t->root.v && ptw_shares_count(t->shares, l->owner.v) <= 1;
    if (!leads_to_a_table(t, l->bits, level) ||
        (ed.entry_self && theirs <= ours + more && ours <= theirs + more)) {
        return PTW_E_ARG;
    }
    ed.entry_level = (int)level;
    ed.entry_bits = l->bits;
    ed.entry_owner = l->owner.v;
    ed.entry_ahead = (theirs & ptw_low_mask(r->va_bits)) - ed.first;
    ed.entry_rights = l->narrow;
    ed.rights = l->rights;
    st = run(&ed, movable);
    return st == PTW_OK && !ed.linked ? PTW_NOT_MAPPED : st;
}

static enum ptw_status link_request(struct ptw_tables *t,
                                    const struct ptw_movable_tables *movable,
                                    const struct ptw_link_request *q)
{
    static const struct ptw_attributes plain;
    const struct ptw_regime *r = t->regime;
    const struct ptw_format *a = r->arch->format;
    struct link l = {
        .ours = q->first,
        .theirs = q->their_va,
        .owner = q->owner,
        .level = r->arch->level_number(&q->level),
        .bits = q->attributes,
        .rights = ptw_rights_asked(r, q->rights, q->flags),
        .narrow = (q->flags & PTW_EDIT_EXACT) == 0,
        .flags = q->flags,
        .max_reads = q->max_reads,
    };

    if (a->levels == 0) {
        return PTW_E_REGIME;
    }
    if (l.level >= ptw_top(a)) {
        return PTW_E_ARG;
    }
    if (q->first.v > q->last.v) {
        return PTW_E_RANGE;
    }
    l.regions = (q->last.v >> a->level[l.level + 1].shift) -
                (q->first.v >> a->level[l.level + 1].shift);
    if (l.narrow) {
        if (!a->leaf_bits(r, 0, l.rights, false, &plain, &l.bits)) {
            return PTW_E_RIGHTS;
        }
        l.bits = a->table_bits(r, l.level + 1, l.rights) | t->table_flags;
        if (!a->path_bits(r, l.level + 1, l.rights, &l.bits)) {
            return PTW_E_RIGHTS;
        }
    }
    return link_regions(t, movable, &l);
}

enum ptw_status ptw_link(struct ptw_tables *t, const struct ptw_link_request *q)
{
    return link_request(t, NULL, q);
}

enum ptw_status ptw_link_movable(struct ptw_movable_tables *t,
                                 const struct ptw_link_request *q)
{
    return link_request(&t->tables, t, q);
}

/* ------------------------------------------------------- space_aware_map */

/* Puts a table of its own there, referred to by an entry with those bits, unless
 * there is one; tables that it takes on the way there grant the rights. */
static enum ptw_status new_table(struct ptw_tables *t,
                                 const struct ptw_item *item, unsigned flags)
{
    const struct ptw_format *a = t->regime->arch->format;
    const struct ptw_table *table = &item->u.table;
    unsigned level = table->level + 1u;
    struct ptw_edit ed;
    enum ptw_status st;
    uint64_t region;

    if (level >= a->levels || !leads_to_a_table(t, table->attributes, level)) {
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
    st = ptw_spare_reserve(t, 1, true);
    if (st == PTW_OK) {
        st = ptw_spare_take(t, ptw_top(a), &own->root);
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
    struct link l = {
        .ours = ref.our_va,
        .theirs = ref.their_va,
        .level = level,
        .bits = ref.attributes,
        .rights = ref.rights,
        .flags = flags,
    };
    uint64_t span;

    if (level >= ptw_top(a) || ref.owner > item->space ||
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
    /* Without PTW_EDIT_EXACT, tables above were not rebuilt with their own bits,
     * so this entry stands for the whole path. */
    if ((flags & PTW_EDIT_EXACT) == 0 &&
        !a->path_bits(t->regime, level + 1, ref.rights, &l.bits)) {
        return PTW_E_RIGHTS;
    }
    return link_regions(t, NULL, &l);
}

/* The leaf that a mapping has when it has become copy-on-write, without its
 * address; false: the guest would still write. */
static bool copy_on_write(const struct ptw_regime *r,
                          const struct ptw_mapping *m, unsigned flags,
                          uint64_t *bits)
{
    const struct ptw_format *a = r->arch->format;
    struct ptw_attributes at = ptw_attributes_of(r, m->level, m->raw);
    uint64_t is = a->leaf_copy_on_write(*bits);

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
    if (item->kind != PTW_ITEM_MAPPING || m->level >= a->levels ||
        a->decode(r, m->raw, m->level, 0).kind != PTW_ENTRY_LEAF) {
        return PTW_E_ARG;
    }
    leaf = ptw_low_mask(a->level[m->level].shift);
    if ((now.v & leaf) != 0) {
        return PTW_E_ALIGN;
    }
    if (now.v > UINT64_MAX - span || ptw_flags_between(r, now.v, span) ||
        !ptw_leaf_fits(a, r, m->level, (now.v + span) & ~leaf)) {
        return PTW_E_WIDTH;
    }
    bits = ptw_attribute_bits(a, r, m->level, m->raw);
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
        if (ptw_decode(t->regime, m->level, m->raw).kind != PTW_ENTRY_LEAF) {
            return PTW_E_ARG;
        }
        ed.exact = true;
        ed.bits = ptw_attribute_bits(t->regime->arch->format, t->regime,
                                     m->level, m->raw);
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
        st = new_table(t, item, flags);
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
