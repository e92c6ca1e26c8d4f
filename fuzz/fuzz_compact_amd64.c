/* SPDX-License-Identifier: Apache-2.0 */
/* amd64: hostile guests rebuilt, and verified. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_compact(&oracle_amd64, data, len);
}

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe_compact(to, &oracle_amd64, data, len);
}

FZ_TARGET(compact_amd64, run, describe);
