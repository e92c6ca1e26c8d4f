/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are compressed as a whole, or in blocks: they are unpacked to a
 * spool, by libraries that run in a process of their own. */
#ifndef CLI_PACKED_H
#define CLI_PACKED_H

#include "dump.h"
#include "spool.h"

/* packed_unpack unpacks the file that r reads to the spool.  Of an AVML file it
 * adds to d where memory lies there.  false: d->why. */
bool packed_unpack(const struct reader *r, enum container_kind kind,
                   struct spool *s, struct dump *d);

#endif
