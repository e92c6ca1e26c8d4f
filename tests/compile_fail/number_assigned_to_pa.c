/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (incompatible types when assigning to type 'ptw_pa' from type 'uint64_t'|assigning to 'ptw_pa' from incompatible type 'uint64_t') */
#include <ptwalk/ptwalk.h>

void f(ptw_pa *pa, uint64_t number);

void f(ptw_pa *pa, uint64_t number)
{
    *pa = number;
}
