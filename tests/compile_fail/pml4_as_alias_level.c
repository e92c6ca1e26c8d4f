/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_AMD64_ALIAS_PML4' undeclared|use of undeclared identifier 'PTW_AMD64_ALIAS_PML4') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_amd64_alias *a);

void f(struct ptw_amd64_alias *a)
{
    a->level = PTW_AMD64_ALIAS_PML4;
}
