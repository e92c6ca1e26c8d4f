/* SPDX-License-Identifier: Apache-2.0 */
/* What the memory itself allows: the loads of a walk or of lookups, and nothing
 * else.  Each takes a struct image and returns its sum; vectors are AVX2's
 * where the processor has them. */
#ifndef PTW_BENCH_LIMITS_H
#define PTW_BENCH_LIMITS_H

#include <stdint.h>

/* limit_sum adds up the tables in walk order, limit_sum_8 eight tables at a
 * time, line by line in turns. */
uint64_t limit_sum(void *image);
uint64_t limit_sum_8(void *image);

/* limit_chase translates random addresses of amd64's tables, each asked only
 * when the one before is answered; limit_overlap lets them overlap. */
uint64_t limit_chase(void *image);
uint64_t limit_overlap(void *image);

#endif
