/* SPDX-License-Identifier: Apache-2.0 */
/* aarch64 with a granule of 4 KiB.  aarch64.h says what its entries mean. */
#include "aarch64.h"
#include "archs.h"
#include "instance.h"

PTW_ALIASES(aarch64);

_Static_assert((int)PTW_AARCH64_ALIAS_L3 == A64_L3 &&
                   (int)PTW_AARCH64_ALIAS_L2 == A64_L2 &&
                   (int)PTW_AARCH64_ALIAS_L1 == A64_L1 &&
                   (int)PTW_AARCH64_ALIAS_L0 == A64_L0,
               "alias levels are numbered from the leaves");

static const struct ptw_format aarch64_4k = {
    .levels = A64_LM1 + 1,
    .level =
        {
            [A64_L3] = {.name = "l3",
                        .shift = 12,
                        .bits = 9,
                        .run = 4,
                        .step = 1 << 12},
            [A64_L2] = {.name = "l2", .shift = 21, .bits = 9, .run = 4},
            [A64_L1] = {.name = "l1", .shift = 30, .bits = 9, .run = 4},
            [A64_L0] = {.name = "l0", .shift = 39, .bits = 9, .run = 4},
            [A64_LM1] = {.name = "l-1", .shift = 48, .bits = 9, .run = 4},
        },
    A64_ENTRIES,
};

PTW_INSTANCE(aarch64_4k);

const struct ptw_arch ptw_arch_aarch64_4k = {
    PTW_INSTANCE_OF(aarch64_4k),
    A64_ARCH,
    .name = "aarch64-4k",
    .id = PTW_ARCH_AARCH64_4K,
};
