/* SPDX-License-Identifier: Apache-2.0 */
/* A format for tests: 4-level paging's entries, and a regime that says how far its
 * addresses reach. */
#ifndef PTW_TESTS_SIZED_FORMAT_H
#define PTW_TESTS_SIZED_FORMAT_H

#include "ptwalk/ptwalk.h"

enum { SIZED_PD = 1, SIZED_PDPT, SIZED_PML4 };

/* sized_regime builds a regime whose root is at level `top`, and has 1 << top_bits
 * entries. */
void sized_regime(struct ptw_regime *r, unsigned top, unsigned top_bits,
                  enum ptw_extension extension);

#endif
