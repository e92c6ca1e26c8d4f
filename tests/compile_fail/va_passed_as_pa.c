/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (incompatible type for argument 2 of 'ptw_root_of'|passing 'ptw_va' to parameter of incompatible type 'ptw_pa') */
#include <ptwalk/ptwalk.h>

enum ptw_status f(const struct ptw_regime *r, const struct ptw_mem *mem,
                  ptw_va va, struct ptw_translation *t);

enum ptw_status f(const struct ptw_regime *r, const struct ptw_mem *mem,
                  ptw_va va, struct ptw_translation *t)
{
    return ptw_lookup(mem, ptw_root_of(r, va), va, t);
}
