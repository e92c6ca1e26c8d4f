/* SPDX-License-Identifier: Apache-2.0 */
/* bare: what translations of one space give. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_translate(&oracle_bare, data, len);
}

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, &oracle_bare, data, len);
}

FZ_TARGET(translate_bare, run, describe);
