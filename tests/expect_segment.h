/* SPDX-License-Identifier: Apache-2.0 */
/* What a parser of dumps found. */
#ifndef PTW_EXPECT_SEGMENT_H
#define PTW_EXPECT_SEGMENT_H

#include "dump.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static inline void expect_segment(const struct dump *d, size_t i, uint64_t pa,
                                  uint64_t bytes, uint64_t offset)
{
    cr_assert(lt(sz, i, d->segments));
    cr_expect(eq(u64, d->segment[i].pa, pa));
    cr_expect(eq(u64, d->segment[i].bytes, bytes));
    cr_expect(eq(u64, d->segment[i].offset, offset));
}

#endif
