/* SPDX-License-Identifier: Apache-2.0 */
/* expect: field ('(never|alias)' )?has incomplete type */
#include <ptwalk/ptwalk.h>

struct holder {
    struct ptw_void never;
};
