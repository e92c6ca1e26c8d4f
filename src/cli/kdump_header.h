/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_KDUMP_HEADER_H
#define CLI_KDUMP_HEADER_H

#include "dump.h"

/* kdump_header_read reads what a compressed dump says of its machine: the
 * family, the notes and what Linux says of itself.  Where its pages are it
 * leaves to others.  false: d->why. */
bool kdump_header_read(const struct reader *r, struct dump *d);

#endif
