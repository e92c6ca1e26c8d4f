/* SPDX-License-Identifier: Apache-2.0 */
/* expect: incompatible (pointer types passing|type for argument)|from incompatible pointer type */
#include <ptwalk/ptwalk.h>

enum ptw_status f(struct ptw_movable_tables *t, const struct ptw_item *item,
                  struct ptw_built *built);

enum ptw_status f(struct ptw_movable_tables *t, const struct ptw_item *item,
                  struct ptw_built *built)
{
    return ptw_space_aware_map(t, item, built, 1, 0);
}
