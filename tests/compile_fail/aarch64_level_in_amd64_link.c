/* SPDX-License-Identifier: Apache-2.0 */
/* expect: implicit conversion from .*enum ptw_aarch64_alias_level.* to .*enum ptw_amd64_alias_level.*enum-conversion */
#include <ptwalk/ptwalk.h>

void f(struct ptw_link_request *q, const struct ptw_aarch64_alias *from);

void f(struct ptw_link_request *q, const struct ptw_aarch64_alias *from)
{
    q->level.amd64 = from->level;
}
