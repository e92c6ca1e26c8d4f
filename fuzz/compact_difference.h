/* SPDX-License-Identifier: Apache-2.0 */
/* What the verifier says of a difference that it found, looked up in both
 * images by the naive walker. */
#ifndef PTW_FUZZ_COMPACT_DIFFERENCE_H
#define PTW_FUZZ_COMPACT_DIFFERENCE_H

#include "compact_guest.h"
#include "compact_image.h"

/* fc_check_difference checks the difference between a guest and its image that
 * a comparison just found. */
void fc_check_difference(struct fc_guest *g, const struct fc_image *m,
                         const struct ptw_difference *d);

#endif
