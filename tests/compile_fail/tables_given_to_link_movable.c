/* SPDX-License-Identifier: Apache-2.0 */
/* expect: incompatible (pointer types passing|type for argument)|from incompatible pointer type */
#include <ptwalk/ptwalk.h>

enum ptw_status f(struct ptw_tables *t, const struct ptw_link_request *q);

enum ptw_status f(struct ptw_tables *t, const struct ptw_link_request *q)
{
    return ptw_link_movable(t, q);
}
