/* SPDX-License-Identifier: Apache-2.0 */
/* expect: (incompatible type for argument 3 of 'ptw_lookup'|passing 'ptw_pa' to parameter of incompatible type 'ptw_va') */
#include <ptwalk/ptwalk.h>

enum ptw_status f(const struct ptw_regime *r, const struct ptw_mem *mem,
                  ptw_pa pa, struct ptw_translation *t);

enum ptw_status f(const struct ptw_regime *r, const struct ptw_mem *mem,
                  ptw_pa pa, struct ptw_translation *t)
{
    return ptw_lookup(mem, ptw_root_of(r, pa), pa, t);
}
