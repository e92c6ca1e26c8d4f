/* SPDX-License-Identifier: Apache-2.0 */
/* What all regimes of x86 have in common. */
#include "format.h"

/* Intel SDM vol. 3A, "Determination of Access Rights": the supervisor writes
 * everywhere if CR0.WP is 0.  Else R/W is 1 in every entry; or CR4.CET is 1, R/W
 * is 0 and D is 1 in the leaf, and R/W is 1 in every other: a shadow stack. */
bool oracle_x86_writes(const struct oracle_mode *mode, bool above,
                       uint64_t leaf)
{
    bool rw = (leaf & 1 << 1) != 0;
    bool d = (leaf & 1 << 6) != 0;

    return !mode->wp || (above && (rw || (mode->cet && d)));
}
