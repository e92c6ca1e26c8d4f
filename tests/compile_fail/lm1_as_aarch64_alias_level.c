/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_AARCH64_ALIAS_LM1' undeclared|use of undeclared identifier 'PTW_AARCH64_ALIAS_LM1') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_aarch64_alias *a);

void f(struct ptw_aarch64_alias *a)
{
    a->level = PTW_AARCH64_ALIAS_LM1;
}
