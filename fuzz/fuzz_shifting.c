/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that answers differently each time.  The first byte of the input
 * picks the architecture, the rest is as for the other targets. */
#include "harness.h"

static void describe(FILE *to, const uint8_t *data, size_t len)
{
    static const enum oracle_arch arch[4] = {ORACLE_AMD64, ORACLE_I686,
                                             ORACLE_AMD64, ORACLE_BARE};

    fz_describe(to, len == 0 ? ORACLE_AMD64 : arch[data[0] & 3],
                len == 0 ? data : data + 1, len == 0 ? 0 : len - 1);
}

FZ_TARGET(shifting, fz_shifting, describe);
