/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (incompatible types when assigning to type 'ptw_pa' from type 'ptw_va'|assigning to 'ptw_pa' from incompatible type 'ptw_va') */
#include <ptwalk/ptwalk.h>

void f(ptw_pa *pa, ptw_va va);

void f(ptw_pa *pa, ptw_va va)
{
    *pa = va;
}
