/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that answers differently each time.  The first byte of the input
 * picks the architecture, the rest is as for the other targets. */
#include "harness.h"

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    static const struct oracle_format *const format[4] = {
        &oracle_amd64, &oracle_i686, &oracle_amd64, &oracle_bare};

    fz_describe(to, len == 0 ? &oracle_amd64 : format[data[0] & 3],
                len == 0 ? data : data + 1, len == 0 ? 0 : len - 1);
}

FZ_TARGET(shifting, fz_shifting, describe);
