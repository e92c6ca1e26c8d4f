/* SPDX-License-Identifier: Apache-2.0 */
/* i686: what a walk over several spaces gives. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_walk(&oracle_i686, data, len);
}

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, &oracle_i686, data, len);
}

FZ_TARGET(walk_i686, run, describe);
