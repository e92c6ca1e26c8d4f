/* SPDX-License-Identifier: Apache-2.0 */
/* Rebuilds at their limits: what is just enough, and what is just too little. */
#ifndef PTW_FUZZ_COMPACT_LIMITS_H
#define PTW_FUZZ_COMPACT_LIMITS_H

#include "compact_make.h"

/* fc_check_limits checks that the image, which was made, can't be made of fewer
 * reads or bytes, that the highest place where it fits is one, and that what can't
 * be asked for is refused: half a page, a map that is there, another half. */
void fc_check_limits(struct fc_guest *g, const struct ptw_mem *mem,
                     const struct fc_image *m, unsigned growth);

/* fc_check_refused_map checks that a map which a plan refuses, because tables do
 * not grant what it asks for, is refused by itself, too, and that the maps
 * before it are not. */
void fc_check_refused_map(struct fc_guest *g, const struct ptw_mem *mem,
                          unsigned growth);

#endif
