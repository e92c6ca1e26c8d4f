/* SPDX-License-Identifier: Apache-2.0 */
/* expect: implicit conversion from .*enum ptw_i686_alias_level.* to .*enum ptw_amd64_alias_level.*enum-conversion */
#include <ptwalk/ptwalk.h>

void f(struct ptw_amd64_alias *a);

void f(struct ptw_amd64_alias *a)
{
    a->level = PTW_I686_ALIAS_PT;
}
