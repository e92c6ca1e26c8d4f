/* SPDX-License-Identifier: Apache-2.0 */
/* i686: hostile guests rebuilt, and verified. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_compact(&oracle_i686, data, len);
}

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe_compact(to, &oracle_i686, data, len);
}

FZ_TARGET(compact_i686, run, describe);
