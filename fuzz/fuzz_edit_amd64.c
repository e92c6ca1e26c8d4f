/* SPDX-License-Identifier: Apache-2.0 */
/* amd64: edits of hostile tables. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_edit(&oracle_amd64, data, len);
}

FZ_TARGET(edit_amd64, run, NULL);
