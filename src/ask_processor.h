/* SPDX-License-Identifier: Apache-2.0 */
/* Which vectors the processor has. */
#ifndef PTW_ASK_PROCESSOR_H
#define PTW_ASK_PROCESSOR_H

#include "vector.h"

#if PTW_VECTORS >= 32
#include <cpuid.h>
#endif

/* ptw_ask_processor returns the best kernels that it can run.  On a virtual
 * machine each CPUID goes out to the host: no leaf is asked for twice. */
static inline unsigned ptw_ask_processor(void)
{
#if PTW_VECTORS >= 32
    /* What the processor says in leaf 7, and the registers that the system keeps:
     * of 16 and 32 bytes, and the masks and all of those of 64. */
    const unsigned of_32 = bit_AVX2 | bit_BMI | bit_BMI2;
    const unsigned of_64 = bit_AVX512F | bit_AVX512DQ;
    const unsigned keeps_32 = 0x6;
    const unsigned keeps_64 = 0xE0;
    unsigned most = (unsigned)__get_cpuid_max(0, NULL);
    unsigned a;
    unsigned b;
    unsigned c = 0;
    unsigned d;

    if (most >= 7) {
        __cpuid(1, a, b, c, d);
    }
    if ((c & bit_OSXSAVE) != 0 && (c & bit_AVX) != 0) {
        unsigned kept;
        unsigned high;

        __asm__ volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
        __cpuid_count(7, 0, a, b, c, d);
        if ((kept & keeps_32) == keeps_32 && (b & of_32) == of_32) {
            /* Processors that have AVX-512 and not VBMI2 slow down for it. */
            return (kept & keeps_64) == keeps_64 && (b & of_64) == of_64 &&
                           (c & bit_AVX512VBMI2) != 0
                       ? PTW_VECTORS_64
                       : PTW_VECTORS_32;
        }
    }
#endif
    return PTW_VECTORS >= 16 ? PTW_VECTORS_16 : PTW_VECTORS_NONE;
}

#endif
