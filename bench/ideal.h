/* SPDX-License-Identifier: Apache-2.0 */
/* The same work by programs that trust everything: no bounds, no reserved bits,
 * no limits, no width but the format's.  They know amd64 and i686 without large
 * pages beyond those of the images, and nothing else.  Each takes a struct
 * image and returns its sum. */
#ifndef PTW_BENCH_IDEAL_H
#define PTW_BENCH_IDEAL_H

#include <stdint.h>

uint64_t ideal_runs(void *image);
uint64_t ideal_leaves(void *image);
uint64_t ideal_spaces(void *image);
uint64_t ideal_lookups(void *image);

#endif
