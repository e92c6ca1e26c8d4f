/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels for wide entries on vectors of 64 bytes, which a processor may
 * have: all of this file is compiled for one that does, and called for no other.
 */
#include "blocks.h"

#if PTW_VECTORS >= 64
#if defined(__clang__)
#pragma clang attribute push(                                                  \
    __attribute__((target("avx512f,avx512dq,bmi,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,bmi,bmi2")
#endif
#define PTW_VECTOR_BYTES 64
#include "blocks_vector.h"

const struct ptw_kernels ptw_wide_kernels_64 = {
    .block = wide_block, .run = wide_run, .copy = wide_copy};
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
