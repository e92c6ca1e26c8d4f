/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FLATTENED_H
#define CLI_FLATTENED_H

#include "dump.h"
#include "spool.h"

/* flattened_unpack puts a dump that was written to a pipe in order.  false: it
 * is broken (d->why), or the spool fails (s->why). */
bool flattened_unpack(const struct reader *r, struct spool *s, struct dump *d);

#endif
