/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk over several spaces gives. */
#include "harness.h"

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, false, data, len);
}

FZ_TARGET(walk, fz_walk, describe);
