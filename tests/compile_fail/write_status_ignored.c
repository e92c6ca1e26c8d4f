/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ignoring return value of .*warn_unused_result.*unused-result */
#include <ptwalk/ptwalk.h>

void f(const struct ptw_mem *mem);

void f(const struct ptw_mem *mem)
{
    ptw_write64(mem, ptw_pa_of(0), 1);
}
