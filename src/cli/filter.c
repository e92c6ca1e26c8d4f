/* SPDX-License-Identifier: Apache-2.0 */
#include "filter.h"

bool filter_is_set(const struct options *o)
{
    return o->size != 0 || o->has_pa || o->global || o->memory_type != NULL ||
           o->executed;
}

bool filter_selects(const struct options *o)
{
    return o->need != 0 || filter_is_set(o);
}

static bool has_attributes(const struct options *o, const struct ptw_mapping *m)
{
    struct ptw_attributes at = ptw_attributes_of(&o->regime, m->level, m->raw);

    return (!o->global || at.global) &&
           (o->memory_type == NULL || (o->memory_types >> at.memory_type & 1));
}

bool filter_leaf_by_leaf(const struct options *o)
{
    return o->global || o->attributes || (o->json && o->has_pa);
}

bool filter_keeps(const struct options *o, struct ptw_item *run)
{
    struct ptw_mapping *m = &run->u.mapping;
    uint64_t in_leaf = ((uint64_t)1 << m->size_log2) - 1;
    uint64_t last = m->pa.v + (run->last.v - run->first.v);
    uint64_t skip;

    if (o->size != 0 && o->size != in_leaf + 1) {
        return false;
    }
    if ((o->global || o->memory_type != NULL) && !has_attributes(o, m)) {
        return false;
    }
    /* By whomever: aarch64 has a right for each privilege. */
    if (o->executed && (m->rights & (PTW_EXEC | PTW_USER_EXEC)) == 0) {
        return false;
    }
    if (!o->has_pa) {
        return true;
    }
    if (last < o->pa_first || m->pa.v > o->pa_last) {
        return false;
    }
    /* Whole leaves, of which the entries go on as the addresses do. */
    if (last > o->pa_last) {
        run->last.v -= (last - o->pa_last) & ~in_leaf;
    }
    if (m->pa.v < o->pa_first) {
        skip = (o->pa_first - m->pa.v) & ~in_leaf;
        run->first.v += skip;
        m->pa.v += skip;
    }
    return true;
}
