/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (invalid use of incomplete typedef 'ptw_bare_alias'|incomplete definition of type '(const )?struct ptw_void') */
#include <ptwalk/ptwalk.h>

uint64_t f(const struct ptw_item *item);

uint64_t f(const struct ptw_item *item)
{
    return item->u.alias.bare->ref.table.v;
}
