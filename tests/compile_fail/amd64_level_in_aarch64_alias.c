/* SPDX-License-Identifier: Apache-2.0 */
/* expect: implicit conversion from .*enum ptw_amd64_alias_level.* to .*enum ptw_aarch64_alias_level.*enum-conversion */
#include <ptwalk/ptwalk.h>

void f(struct ptw_aarch64_alias *a);

void f(struct ptw_aarch64_alias *a)
{
    a->level = PTW_AMD64_ALIAS_PT;
}
