/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are mapped.  Their memory can fail at any time: when somebody
 * makes the file shorter, or when the disk does.  That is a SIGBUS; for memory
 * that is guarded, it ends the command with one line. */
#ifndef CLI_GUARD_H
#define CLI_GUARD_H

#include "cli.h"

/* guard_add: memory of `bytes` bytes at map is the file of that name, from
 * offset on. */
void guard_add(const void *map, size_t bytes, uint64_t offset,
               const char *name);

/* guard_drop lets go of what is guarded at map. */
void guard_drop(const void *map);

#endif
