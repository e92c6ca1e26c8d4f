/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (storage size of 'never' isn't known|variable has incomplete type 'struct ptw_void') */
#include <ptwalk/ptwalk.h>

void f(void);

void f(void)
{
    struct ptw_void never;

    ptw_absurd(&never);
}
