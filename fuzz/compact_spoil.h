/* SPDX-License-Identifier: Apache-2.0 */
/* An image is spoilt, to see whether the verifier finds it. */
#ifndef PTW_FUZZ_COMPACT_SPOIL_H
#define PTW_FUZZ_COMPACT_SPOIL_H

#include "compact_image.h"
#include "compact_input.h"

/* fc_spoil spoils the image in that way. */
void fc_spoil(struct fc_guest *g, struct fc_image *m,
              const struct fc_spoilt *spoilt);

#endif
