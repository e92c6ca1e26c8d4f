/* SPDX-License-Identifier: Apache-2.0 */
/* sv32: two levels of entries of 32 bits.  riscv.h says what they mean.
 *
 * "Sv32: Page-Based 32-bit Virtual-Memory Systems": a page number has 22 bits,
 * so that physical addresses have 34; Svnapot and Svpbmt need entries of 64
 * bits. */
#include "archs.h"
#include "instance.h"
#include "riscv.h"

enum { SV32_L0, SV32_L1, SV32_LEVELS, SV32_PA_BITS = 34 };

static void sv32_setup(struct ptw_regime *r)
{
    r->pa_bits = r->pa_bits < SV32_PA_BITS ? r->pa_bits : SV32_PA_BITS;
    ptw_riscv_setup(r, SV32_L1, 0);
}

PTW_ENGINE struct ptw_entry sv32_decode(const struct ptw_regime *r,
                                        uint64_t raw, unsigned level,
                                        unsigned index)
{
    return riscv_decode_of(r, false, raw, level, index);
}
PTW_NAMED(sv32_decode);

PTW_ALIASES(riscv);

_Static_assert((int)PTW_RISCV_ALIAS_L0 == SV32_L0,
               "alias levels are numbered from the leaves");

static const struct ptw_format sv32 = {
    .levels = SV32_LEVELS,
    .entry_log2 = 2,
    .va_bits = 32,
    .level =
        {
            [SV32_L0] =
                {.name = "l0", .shift = 12, .bits = 10, .step = 1 << 10},
            [SV32_L1] = {.name = "l1", .shift = 22, .bits = 10},
        },
    .decode = PTW_BY_NAME(sv32_decode),
    RISCV_ENTRIES,
};

PTW_INSTANCE(sv32);

const struct ptw_arch ptw_arch_sv32 = {
    PTW_INSTANCE_OF(sv32),
    RISCV_ARCH,
    .name = "sv32",
    .id = PTW_ARCH_SV32,
    .root_bits = SV32_PA_BITS,
    .features = PTW_RISCV_ZICFISS,
    .setup = sv32_setup,
};
