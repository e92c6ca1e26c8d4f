/* SPDX-License-Identifier: Apache-2.0 */
/* What one space maps: translations, single and in order. */
#include "harness.h"

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, false, data, len);
}

FZ_TARGET(translate, fz_translate, describe);
