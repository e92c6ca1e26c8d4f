/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of a compressed dump, which libkdumpfile unpacks one by one in a process
 * of its own. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "child.h"
#include "dump.h"

struct pages {
    struct child child;
};

/* pages_built says whether the command was built with libkdumpfile. */
bool pages_built(void);

/* pages_open opens the dump in fd, and adds to d the memory that it has: the
 * offset of a segment is its address.  zeros: pages that were left out, of those
 * that the machine had, are zeros.  false: d->why. */
bool pages_open(struct pages *p, int fd, bool zeros, struct dump *d);

/* pages_read unpacks the page of 4096 bytes at pa.  false: p->child.why. */
bool pages_read(struct pages *p, uint64_t pa, unsigned char *out);

void pages_close(struct pages *p);

#endif
