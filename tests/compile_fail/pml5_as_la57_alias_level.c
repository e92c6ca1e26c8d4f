/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_LA57_ALIAS_PML5' undeclared|use of undeclared identifier 'PTW_LA57_ALIAS_PML5') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_la57_alias *a);

void f(struct ptw_la57_alias *a)
{
    a->level = PTW_LA57_ALIAS_PML5;
}
