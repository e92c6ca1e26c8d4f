/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (incompatible types when assigning to type 'ptw_va' from type 'ptw_pa'|assigning to 'ptw_va' from incompatible type 'ptw_pa') */
#include <ptwalk/ptwalk.h>

void f(ptw_va *va, ptw_pa pa);

void f(ptw_va *va, ptw_pa pa)
{
    *va = pa;
}
