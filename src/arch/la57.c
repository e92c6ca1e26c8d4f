/* SPDX-License-Identifier: Apache-2.0 */
/* amd64-la57: 5-level paging.  long_mode.h says what its entries mean. */
#include "archs.h"
#include "instance.h"
#include "long_mode.h"

PTW_ALIASES(la57);

_Static_assert((int)PTW_LA57_ALIAS_PT == LONG_PT &&
                   (int)PTW_LA57_ALIAS_PD == LONG_PD &&
                   (int)PTW_LA57_ALIAS_PDPT == LONG_PDPT &&
                   (int)PTW_LA57_ALIAS_PML4 == LONG_PML4,
               "alias levels are numbered from the leaves");

static const struct ptw_format la57 = {
    .levels = LONG_PML5 + 1,
    .entry_log2 = 3,
    .va_bits = 57,
    .extension = PTW_EXTEND_SIGN,
    .rights = X86_RIGHTS,
    .present = 1,
    .level =
        {
            [LONG_PT] = {.name = "pt", .shift = 12, .bits = 9, .step = 1 << 12},
            [LONG_PD] = {.name = "pd", .shift = 21, .bits = 9},
            [LONG_PDPT] = {.name = "pdpt", .shift = 30, .bits = 9},
            [LONG_PML4] = {.name = "pml4", .shift = 39, .bits = 9},
            [LONG_PML5] = {.name = "pml5", .shift = 48, .bits = 9},
        },
    LONG_MODE_ENTRIES,
    .alias_put = la57_alias_put,
};

PTW_INSTANCE(la57);

const struct ptw_arch ptw_arch_la57 = {
    PTW_INSTANCE_OF(la57), LONG_MODE_ARCH,       .name = "amd64-la57",
    .id = PTW_ARCH_LA57,   PTW_ALIASES_OF(la57),
};
