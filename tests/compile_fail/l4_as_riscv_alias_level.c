/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ('PTW_RISCV_ALIAS_L4' undeclared|use of undeclared identifier 'PTW_RISCV_ALIAS_L4') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_riscv_alias *a);

void f(struct ptw_riscv_alias *a)
{
    a->level = PTW_RISCV_ALIAS_L4;
}
