/* SPDX-License-Identifier: Apache-2.0 */
/* The kernels on vectors of 16 bytes, which every host with PTW_VECTORS has. */
#include "blocks.h"

#if PTW_VECTORS
#define PTW_VECTOR_BYTES 16
#include "blocks_vector.h"

const struct ptw_kernels ptw_kernels_16[2] = {
    {.block = narrow_block, .run = narrow_run, .copy = narrow_copy},
    {.block = wide_block, .run = wide_run, .copy = wide_copy},
};
#endif
