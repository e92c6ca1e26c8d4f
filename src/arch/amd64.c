/* SPDX-License-Identifier: Apache-2.0 */
/* amd64: 4-level paging.  long_mode.h says what its entries mean. */
#include "archs.h"
#include "instance.h"
#include "long_mode.h"

PTW_ALIASES(amd64);

_Static_assert((int)PTW_AMD64_ALIAS_PT == LONG_PT &&
                   (int)PTW_AMD64_ALIAS_PD == LONG_PD &&
                   (int)PTW_AMD64_ALIAS_PDPT == LONG_PDPT,
               "alias levels are numbered from the leaves");

static const struct ptw_format amd64 = {
    .levels = LONG_PML4 + 1,
    .entry_log2 = 3,
    .va_bits = 48,
    .extension = PTW_EXTEND_SIGN,
    .rights = X86_RIGHTS,
    .present = 1,
    .level =
        {
            [LONG_PT] = {.name = "pt", .shift = 12, .bits = 9, .step = 1 << 12},
            [LONG_PD] = {.name = "pd", .shift = 21, .bits = 9},
            [LONG_PDPT] = {.name = "pdpt", .shift = 30, .bits = 9},
            [LONG_PML4] = {.name = "pml4", .shift = 39, .bits = 9},
        },
    LONG_MODE_ENTRIES,
    .alias_put = amd64_alias_put,
};

PTW_INSTANCE(amd64);

const struct ptw_arch ptw_arch_amd64 = {
    PTW_INSTANCE_OF(amd64), LONG_MODE_ARCH,        .name = "amd64",
    .id = PTW_ARCH_AMD64,   PTW_ALIASES_OF(amd64),
};
