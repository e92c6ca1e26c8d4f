/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64 with a granule of 64 KiB.  aarch64.h says what its entries mean. */
#include "aarch64.h"
#include "archs.h"
#include "instance.h"

PTW_ALIASES(aarch64);

_Static_assert((int)PTW_AARCH64_ALIAS_L3 == A64_L3 &&
                   (int)PTW_AARCH64_ALIAS_L2 == A64_L2 &&
                   (int)PTW_AARCH64_ALIAS_L1 == A64_L1 &&
                   (int)PTW_AARCH64_ALIAS_L0 == A64_L0,
               "alias levels are numbered from the leaves");

static const struct ptw_format aarch64_64k = {
    .levels = A64_L1 + 1,
    .level =
        {
            [A64_L3] = {.name = "l3",
                        .shift = 16,
                        .bits = 13,
                        .run = 5,
                        .step = 1 << 16},
            [A64_L2] = {.name = "l2", .shift = 29, .bits = 13, .run = 5},
            [A64_L1] = {.name = "l1", .shift = 42, .bits = 13, .run = 5},
        },
    A64_ENTRIES,
};

PTW_INSTANCE(aarch64_64k);

const struct ptw_arch ptw_arch_aarch64_64k = {
    PTW_INSTANCE_OF(aarch64_64k),
    A64_ARCH,
    .name = "aarch64-64k",
    .id = PTW_ARCH_AARCH64_64K,
};
