/* SPDX-License-Identifier: Apache-2.0 */
/* bare: what translations of one space give. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_translate(ORACLE_BARE, data, len);
}

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, ORACLE_BARE, data, len);
}

FZ_TARGET(translate_bare, run, describe);
