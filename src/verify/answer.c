/* SPDX-License-Identifier: Apache-2.0 */
/* This file describes a difference: it says where the item is, and what the
 * difference is called. */
#include "answer.h"

void ptw_vf_note_leaf(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item, uint64_t va)
{
    struct ptw_difference *d = &v->difference;
    const struct ptw_mapping *m = &item->u.mapping;
    uint64_t pa = m->pa.v + (va - item->first.v);

    if (which == OLD) {
        d->old_pa.v = pa;
        d->old_raw = m->raw;
        d->old_rights = m->rights;
    } else {
        d->new_pa.v = pa;
        d->new_raw = m->raw;
        d->new_rights = m->rights;
    }
}

void ptw_vf_note_item(struct ptw_verify *v, unsigned which,
                      const struct ptw_item *item)
{
    const struct ptw_format *a = v->state.regime->arch->format;
    struct ptw_mapping m = {0};
    struct ptw_item as_leaf = *item;
    struct ptw_alias_ref ref;
    unsigned level;

    switch (item->kind) {
    case PTW_ITEM_MAPPING:
        m = item->u.mapping;
        break;
    case PTW_ITEM_SPACE:
        m.pa = item->u.space_info.root.table;
        break;
    case PTW_ITEM_TABLE:
        m.pa = item->u.table.table;
        m.raw = ptw_table_entry(a, v->state.regime, item->u.table.level + 1u,
                                item->u.table.attributes, m.pa.v);
        m.rights = item->u.table.rights;
        break;
    case PTW_ITEM_ALIAS:
        ref = ptw_alias_view(v->state.regime, item, &level);
        m.pa = ref.table;
        m.raw = ptw_table_entry(a, v->state.regime, level + 1u, ref.attributes,
                                m.pa.v);
        m.rights = ref.rights;
        break;
    case PTW_ITEM_FINDING:
        m.pa = item->u.finding.table;
        m.raw = item->u.finding.raw;
        m.rights = item->u.finding.rights;
        break;
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
    as_leaf.u.mapping = m;
    ptw_vf_note_leaf(v, which, &as_leaf, item->first.v);
}

enum ptw_difference_kind ptw_vf_kind_of(const struct ptw_item *item,
                                        bool is_new)
{
    switch (item->kind) {
    case PTW_ITEM_SPACE:
        return PTW_DIFFERS_SPACE;
    case PTW_ITEM_TABLE:
        return PTW_DIFFERS_TABLE;
    case PTW_ITEM_ALIAS:
        return PTW_DIFFERS_ALIAS;
    case PTW_ITEM_FINDING:
        return item->u.finding.kind == PTW_FINDING_SELF ? PTW_DIFFERS_SELF
               : item->u.finding.kind == PTW_FINDING_REFUSED
                   ? PTW_DIFFERS_REFUSED
                   : PTW_DIFFERS_BAD;
    case PTW_ITEM_MAPPING:
    case PTW_ITEM_LINE:
    case PTW_ITEM_HOLE:
        break;
    }
    return is_new ? PTW_DIFFERS_EXTRA : PTW_DIFFERS_MISSING;
}

enum ptw_status ptw_vf_stands_alone(struct ptw_verify *v, unsigned which,
                                    const struct ptw_item *item)
{
    ptw_vf_note_item(v, which, item);
    return ptw_vf_differ(v, ptw_vf_kind_of(item, which == NEW), item->space,
                         item->first.v);
}
