/* SPDX-License-Identifier: Apache-2.0 */
/* i686: edits of hostile tables. */
#include "harness.h"

static void run(const uint8_t *data, size_t len)
{
    fz_edit(&oracle_i686, data, len);
}

FZ_TARGET(edit_i686, run, NULL);
