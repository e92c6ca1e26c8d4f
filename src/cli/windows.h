/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_WINDOWS_H
#define CLI_WINDOWS_H

#include "dump.h"

/* windows_read reads the headers of a Windows crash dump.  false: d->why. */
bool windows_read(const struct reader *r, struct dump *d);

#endif
