/* SPDX-License-Identifier: Apache-2.0 */
/* sv39, sv48, sv57: three to five levels of entries of 64 bits.  riscv.h says
 * what they mean.
 *
 * "Sv39: Page-Based 39-bit Virtual-Memory System" and those that follow: the
 * modes differ in the level of the root and in nothing else, so one format
 * serves them.  Addresses are sign-extended; a page number has 44 bits. */
#include "archs.h"
#include "instance.h"
#include "riscv.h"

enum { WIDE_L0, WIDE_L1, WIDE_L2, WIDE_L3, WIDE_L4, WIDE_LEVELS };
enum { WIDE_PA_BITS = 56, WIDE_BITS = 9 };

PTW_ENGINE struct ptw_entry wide_decode(const struct ptw_regime *r,
                                        uint64_t raw, unsigned level,
                                        unsigned index)
{
    return riscv_decode_of(r, true, raw, level, index);
}
PTW_NAMED(wide_decode);

PTW_ALIASES(riscv);

_Static_assert((int)PTW_RISCV_ALIAS_L0 == WIDE_L0 &&
                   (int)PTW_RISCV_ALIAS_L1 == WIDE_L1 &&
                   (int)PTW_RISCV_ALIAS_L2 == WIDE_L2 &&
                   (int)PTW_RISCV_ALIAS_L3 == WIDE_L3,
               "alias levels are numbered from the leaves");

static const struct ptw_format wide = {
    .levels = WIDE_LEVELS,
    .entry_log2 = 3,
    .irregular = (uint64_t)1 << 63, /* N */
    .together = (uint64_t)1 << 63,
    .level =
        {
            [WIDE_L0] = {.name = "l0",
                         .shift = 12,
                         .bits = WIDE_BITS,
                         .run = 4,
                         .step = 1 << 10},
            [WIDE_L1] = {.name = "l1", .shift = 21, .bits = WIDE_BITS},
            [WIDE_L2] = {.name = "l2", .shift = 30, .bits = WIDE_BITS},
            [WIDE_L3] = {.name = "l3", .shift = 39, .bits = WIDE_BITS},
            [WIDE_L4] = {.name = "l4", .shift = 48, .bits = WIDE_BITS},
        },
    .decode = PTW_BY_NAME(wide_decode),
    RISCV_ENTRIES,
};

PTW_INSTANCE(wide);

static void set_up(struct ptw_regime *r, unsigned top)
{
    r->extension = PTW_EXTEND_SIGN;
    r->top = top;
    r->top_bits = WIDE_BITS;
    r->va_bits = wide.level[top].shift + WIDE_BITS;
    ptw_riscv_setup(r, top, RISCV_HIGH | RISCV_PBMT | RISCV_N);
}

static void sv39_setup(struct ptw_regime *r)
{
    set_up(r, WIDE_L2);
}

static void sv48_setup(struct ptw_regime *r)
{
    set_up(r, WIDE_L3);
}

static void sv57_setup(struct ptw_regime *r)
{
    set_up(r, WIDE_L4);
}

#define WIDE_ARCH                                                              \
    PTW_INSTANCE_OF(wide), RISCV_ARCH,                                         \
        .root_bits = WIDE_PA_BITS,                                             \
        .features = PTW_RISCV_SVNAPOT | PTW_RISCV_SVPBMT | PTW_RISCV_ZICFISS

const struct ptw_arch ptw_arch_sv39 = {
    WIDE_ARCH,
    .name = "sv39",
    .id = PTW_ARCH_SV39,
    .setup = sv39_setup,
};

const struct ptw_arch ptw_arch_sv48 = {
    WIDE_ARCH,
    .name = "sv48",
    .id = PTW_ARCH_SV48,
    .setup = sv48_setup,
};

const struct ptw_arch ptw_arch_sv57 = {
    WIDE_ARCH,
    .name = "sv57",
    .id = PTW_ARCH_SV57,
    .setup = sv57_setup,
};
