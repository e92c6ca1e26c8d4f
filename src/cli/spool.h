/* SPDX-License-Identifier: Apache-2.0 */
/* What is unpacked from a file: another file, which nobody else sees, in TMPDIR
 * or /var/tmp. */
#ifndef CLI_SPOOL_H
#define CLI_SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPOOL_WHY = 160 };

struct spool {
    int fd;
    uint64_t at;      /* where the next bytes go */
    uint64_t written; /* bytes that take room on the disk */
    uint64_t most;    /* so many may */
    char why[SPOOL_WHY];
};

/* spool_open makes an empty one, of which that many bytes may take room: a file
 * of some bytes can be a whole disk when it is unpacked.  false: s->why. */
bool spool_open(struct spool *s, uint64_t most);

/* spool_put appends bytes; blocks of zeros become holes.  spool_put_at puts them
 * anywhere. */
bool spool_put(struct spool *s, const void *bytes, size_t n);
bool spool_put_at(struct spool *s, uint64_t offset, const void *bytes,
                  size_t n);

/* spool_end sets the size: all that was appended. */
bool spool_end(struct spool *s);

#endif
