/* SPDX-License-Identifier: Apache-2.0 */
/* expect: invalid application of 'sizeof' to (incomplete|an incomplete) type '(struct ptw_void|ptw_bare_alias) */
#include <ptwalk/ptwalk.h>

size_t f(void);

size_t f(void)
{
    return sizeof(ptw_bare_alias);
}
