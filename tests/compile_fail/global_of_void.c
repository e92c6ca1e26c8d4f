/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (storage size of 'never' isn't known|tentative definition has type 'struct ptw_void' that is never completed) */
#include <ptwalk/ptwalk.h>

struct ptw_void never;
