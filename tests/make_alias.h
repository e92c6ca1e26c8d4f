/* SPDX-License-Identifier: Apache-2.0 */
/* An alias of any regime, for tests and fuzzers: a reference and a level, as all
 * members of union ptw_alias are. */
#ifndef PTW_TESTS_MAKE_ALIAS_H
#define PTW_TESTS_MAKE_ALIAS_H

#include "ptwalk/ptwalk.h"

#include <string.h>

/* make_alias makes the item an alias of tables of that level.  It returns false
 * when the library reads another alias there. */
static inline bool make_alias(const struct ptw_regime *r, struct ptw_item *item,
                              const struct ptw_alias_ref *ref, unsigned level)
{
    struct {
        struct ptw_alias_ref ref;
        union ptw_alias_level level;
    } alias;
    struct ptw_alias_ref is;
    unsigned of = level + 1;

    _Static_assert(sizeof alias == sizeof item->u.alias,
                   "an alias is a reference and a level");
    memset(&alias, 0, sizeof alias);
    alias.ref = *ref;
    alias.level = ptw_alias_level_of(r, level);
    item->kind = PTW_ITEM_ALIAS;
    memcpy(&item->u.alias, &alias, sizeof alias);
    is = ptw_alias_view(r, item, &of);
    return of == level && is.our_va.v == ref->our_va.v &&
           is.their_va.v == ref->their_va.v && is.table.v == ref->table.v &&
           is.attributes == ref->attributes && is.owner == ref->owner &&
           is.rights == ref->rights;
}

#endif
