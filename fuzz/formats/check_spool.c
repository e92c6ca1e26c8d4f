/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST = 8192 };

void check_spool(struct spool *s)
{
    if (!spool_open(s, MOST)) {
        (void)fprintf(stderr, "%s\n", s->why);
        exit(3);
    }
}

void check_spool_end(struct spool *s)
{
    check_that(s->written <= MOST, "no more is unpacked than may be");
    (void)close(s->fd);
}
