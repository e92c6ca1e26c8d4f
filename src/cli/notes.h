/* SPDX-License-Identifier: Apache-2.0 */
/* The notes of a dump, as ELF cores and compressed kdumps have them. */
#ifndef CLI_NOTES_H
#define CLI_NOTES_H

#include "dump.h"

/* notes_read reads the notes in `bytes` bytes from offset on; what it does not
 * know it leaves out. */
void notes_read(const struct reader *r, uint64_t offset, uint64_t bytes,
                struct dump *d);

/* notes_add_vmcoreinfo takes what Linux says of itself from there. */
void notes_add_vmcoreinfo(const struct reader *r, uint64_t offset,
                          uint64_t bytes, struct dump *d);

#endif
