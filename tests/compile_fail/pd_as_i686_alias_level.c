/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_I686_ALIAS_PD' undeclared|use of undeclared identifier 'PTW_I686_ALIAS_PD') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_i686_alias *a);

void f(struct ptw_i686_alias *a)
{
    a->level = PTW_I686_ALIAS_PD;
}
