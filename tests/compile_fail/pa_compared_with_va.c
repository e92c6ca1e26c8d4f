/* SPDX-License-Identifier: Apache-2.0 */
/* expect: invalid operands to binary */
#include <ptwalk/ptwalk.h>

bool f(ptw_pa pa, ptw_va va);

bool f(ptw_pa pa, ptw_va va)
{
    return pa == va;
}
