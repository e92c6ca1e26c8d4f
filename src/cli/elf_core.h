/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ELF_CORE_H
#define CLI_ELF_CORE_H

#include "dump.h"

/* elf_core_read reads the headers and notes of an ELF core of a machine.  It
 * returns false when it is none, or is broken: d->why says why. */
bool elf_core_read(const struct reader *r, struct dump *d);

#endif
