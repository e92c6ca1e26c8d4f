/* SPDX-License-Identifier: Apache-2.0 */
/* This one must compile: regime.h is enough for a regime by its name, and names no
 * family, so that these are not there yet. */
#include <ptwalk/regime.h>

struct ptw_x86_cpu {
    int unlike_any;
};

enum { PTW_X86_NX };

enum ptw_status by_name(struct ptw_regime *r);

enum ptw_status by_name(struct ptw_regime *r)
{
    return ptw_regime_by_name("amd64", NULL, 0, r, NULL);
}
