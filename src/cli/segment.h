/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SEGMENT_H
#define CLI_SEGMENT_H

#include <stdint.h>

/* `bytes` bytes of physical memory from pa lie at `offset` of the image. */
struct segment {
    uint64_t pa;
    uint64_t bytes;
    uint64_t offset;
};

#endif
