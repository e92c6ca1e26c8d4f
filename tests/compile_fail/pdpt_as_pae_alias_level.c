/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_PAE_ALIAS_PDPT' undeclared|use of undeclared identifier 'PTW_PAE_ALIAS_PDPT') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_pae_alias *a);

void f(struct ptw_pae_alias *a)
{
    a->level = PTW_PAE_ALIAS_PDPT;
}
