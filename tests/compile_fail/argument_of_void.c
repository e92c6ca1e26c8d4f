/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (parameter 1 \('never'\) has incomplete type|variable has incomplete type 'struct ptw_void') */
#include <ptwalk/ptwalk.h>

void f(struct ptw_void never);

void f(struct ptw_void never)
{
    (void)never;
}
