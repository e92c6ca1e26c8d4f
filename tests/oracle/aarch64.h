/* SPDX-License-Identifier: Apache-2.0 */
/* What more is to be asked of the formats of aarch64. */
#ifndef PTW_TESTS_ORACLE_AARCH64_H
#define PTW_TESTS_ORACLE_AARCH64_H

#include <stdbool.h>
#include <stdint.h>

/* What a leaf lets the privileged and EL0 do: read, write, run; and use it as a
 * guarded control stack. */
struct oracle_aarch64_lets {
    bool pr, pw, px, ur, uw, ux;
    bool pg, ug;
};

/* oracle_aarch64_indirect returns what these registers say of a leaf, whatever its
 * nDirty is: "Stage 1 Indirect permissions", the table of the encodings of Perm<m>,
 * without overlays.  With one privilege, pire0 is 0. */
struct oracle_aarch64_lets oracle_aarch64_indirect(uint64_t pir, uint64_t pire0,
                                                   uint64_t leaf);

#endif
