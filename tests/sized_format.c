/* SPDX-License-Identifier: Apache-2.0 */
/* A format without a width of its own, of the entries of 4-level paging. */
#include "sized_format.h"

#include "arch/archs.h"
#include "arch/instance.h"
#include "arch/long_mode.h"

#include <stdlib.h>

_Static_assert((int)SIZED_PD == LONG_PD && (int)SIZED_PDPT == LONG_PDPT &&
                   (int)SIZED_PML4 == LONG_PML4,
               "levels are numbered from the leaves");

static void put_alias(union ptw_alias *alias, const struct ptw_alias_ref *ref,
                      unsigned level)
{
    ptw_arch_amd64.format->alias_put(alias, ref, level);
}

static const struct ptw_format sized = {
    .levels = LONG_PML4 + 1,
    .entry_log2 = 3,
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
    .alias_put = put_alias,
};

PTW_INSTANCE(sized);

static struct ptw_arch arch = {
    PTW_INSTANCE_OF(sized), LONG_MODE_ARCH, .name = "sized",
    .id = PTW_ARCH_AMD64, /* whose alias type it has */
};

/* What the next regime is to be. */
static struct {
    unsigned top;
    unsigned top_bits;
    enum ptw_extension extension;
} shape;

static void set_up(struct ptw_regime *r)
{
    long_setup(r);
    r->top = shape.top;
    r->top_bits = shape.top_bits;
    r->va_bits = sized.level[shape.top].shift + shape.top_bits;
    r->extension = shape.extension;
}

void sized_regime(struct ptw_regime *r, unsigned top, unsigned top_bits,
                  enum ptw_extension extension)
{
    arch.setup = set_up;
    arch.alias_get = ptw_arch_amd64.alias_get;
    arch.alias_level = ptw_arch_amd64.alias_level;
    arch.level_number = ptw_arch_amd64.level_number;
    shape.top = top;
    shape.top_bits = top_bits;
    shape.extension = extension;
    if (ptw_regime_build(&arch, NULL, PTW_X86_NX | PTW_X86_WP, r, NULL) !=
        PTW_OK) {
        abort();
    }
}
