/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for entries that lead to tables of another space, or to another part
 * of this one. */
#include "link.h"

#include "request.h"
#include "run.h"
#include "shares.h"

union ptw_alias_level ptw_alias_level_of(const struct ptw_regime *r,
                                         unsigned level)
{
    return r->arch->alias_level(level);
}

bool ptw_leads_to_a_table(const struct ptw_tables *t, uint64_t bits,
                          unsigned level)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;

    return ptw_decode_given(a, r, bits, level).kind == PTW_ENTRY_TABLE &&
           (bits & a->address_bits(r, level, bits)) == 0;
}

enum ptw_status ptw_link_regions(struct ptw_tables *t,
                                 const struct ptw_movable_tables *movable,
                                 const struct ptw_link *l)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;
    const struct ptw_regime *owner = l->owner.regime;
    unsigned level = l->level + 1;
    struct ptw_edit ed;
    enum ptw_status st;
    uint64_t gap_first;
    uint64_t gap_last;
    uint64_t region;
    uint64_t more;
    uint64_t ours;
    uint64_t theirs;

    if (l->level >= ptw_top(a, r) || t->shares == NULL ||
        !ptw_roots_agree((struct ptw_root[]){t->root, l->owner}, 2)) {
        return PTW_E_ARG;
    }
    /* A whole table of that level can be a root of the owner's. */
    if (l->level > ptw_top(a, owner) ||
        ptw_index_bits(a, owner, l->level) != a->level[l->level].bits) {
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
        st = ptw_root_check(l->owner);
    }
    if (st != PTW_OK) {
        return st;
    }
    if (ptw_gap(a, owner, &gap_first, &gap_last) && theirs <= gap_last &&
        theirs + more >= gap_first) {
        return PTW_NOT_CANONICAL;
    }
    /* A root that is shared is copied, and the owner keeps what he has. */
    ed.entry_self = l->owner.table.v == t->root.table.v &&
                    ptw_top(a, owner) == ptw_top(a, r) &&
                    ptw_shares_count(t->shares, l->owner.table.v) <= 1;
    theirs &= ptw_low_mask(owner->va_bits);
    if (!ptw_leads_to_a_table(t, l->bits, level) ||
        (ed.entry_self && theirs <= ed.first + more &&
         ed.first <= theirs + more)) {
        return PTW_E_ARG;
    }
    /* Of a root that is linked itself, nothing is read. */
    if (l->level == ptw_top(a, owner) &&
        !ptw_touches(t->mem, l->owner.table.v, ptw_root_bytes(owner))) {
        return PTW_E_BUS;
    }
    ed.entry_level = (int)level;
    ed.entry_bits = l->bits;
    ed.entry_owner = l->owner;
    ed.entry_ahead = theirs - ed.first;
    ed.entry_rights = l->narrow;
    ed.rights = l->rights;
    st = ptw_edit_run(&ed, movable);
    return st == PTW_OK && !ed.linked ? PTW_NOT_MAPPED : st;
}

static enum ptw_status link_request(struct ptw_tables *t,
                                    const struct ptw_movable_tables *movable,
                                    const struct ptw_link_request *q)
{
    const struct ptw_regime *r = t->root.regime;
    const struct ptw_format *a = r->arch->format;
    struct ptw_link l = {
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
    if (l.level >= ptw_top(a, r)) {
        return PTW_E_ARG;
    }
    if (q->first.v > q->last.v) {
        return PTW_E_RANGE;
    }
    l.regions = (q->last.v >> a->level[l.level + 1].shift) -
                (q->first.v >> a->level[l.level + 1].shift);
    if (l.narrow) {
        l.bits = a->table_bits(r, l.level + 1, l.rights) | t->table_flags;
        if ((l.rights & ~r->rights) != 0 || (r->granted & ~l.rights) != 0 ||
            !a->path_bits(r, l.level + 1, l.rights, &l.bits)) {
            return PTW_E_RIGHTS;
        }
    }
    return ptw_link_regions(t, movable, &l);
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
