/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

void check_spool(struct spool *s)
{
    if (!spool_open(s, (uint64_t)1 << 20)) {
        (void)fprintf(stderr, "%s\n", s->why);
        exit(3);
    }
}
