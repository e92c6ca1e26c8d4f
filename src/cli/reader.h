/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a file, as those who parse its format read them: nothing beyond
 * its end, and numbers of either order. */
#ifndef CLI_READER_H
#define CLI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reader {
    const unsigned char *memory; /* where they are, or NULL: they are in fd */
    int fd;
    uint64_t bytes; /* how many there are */
    bool big_endian;
};

/* reader_open opens a regular file; false: errno.  reader_close closes it. */
bool reader_open(struct reader *r, const char *name);
void reader_close(struct reader *r);

/* reader_get copies `bytes` bytes from offset on; false when the file does not
 * have all of them, or they can't be read. */
bool reader_get(const struct reader *r, uint64_t offset, void *out,
                size_t bytes);

/* reader_number returns the number of that many bytes (1 to 8) at `at`. */
uint64_t reader_number(const struct reader *r, const unsigned char *at,
                       unsigned bytes);

#endif
