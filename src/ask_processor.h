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
    unsigned most = (unsigned)__get_cpuid_max(0, NULL);
    unsigned a;
    unsigned b;
    unsigned c = 0;
    unsigned d;

    if (most >= 7) {
        __cpuid(1, a, b, c, d);
    }
    if ((c & bit_OSXSAVE) != 0 && (c & bit_AVX) != 0) {
        unsigned kept; /* the registers that the system keeps: bits 1 and 2 */
        unsigned high;

        __asm__ volatile("xgetbv" : "=a"(kept), "=d"(high) : "c"(0));
        __cpuid_count(7, 0, a, b, c, d);
        if ((kept & 6) == 6 && (b & bit_AVX2) != 0 && (b & bit_BMI) != 0 &&
            (b & bit_BMI2) != 0) {
            return PTW_VECTORS_32;
        }
    }
#endif
    return PTW_VECTORS >= 16 ? PTW_VECTORS_16 : PTW_VECTORS_NONE;
}

#endif
