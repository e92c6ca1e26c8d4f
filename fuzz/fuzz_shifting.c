/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that answers differently each time. */
#include "harness.h"

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    fz_describe(to, false, data, len);
}

FZ_TARGET(shifting, fz_shifting, describe);
