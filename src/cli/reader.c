/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool reader_open(struct reader *r, const char *name)
{
    struct stat st;

    memset(r, 0, sizeof *r);
    /* A FIFO would block; what has no size is refused. */
    r->fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (r->fd < 0) {
        return false;
    }
    if (fstat(r->fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        reader_close(r);
        errno = EINVAL;
        return false;
    }
    r->bytes = (uint64_t)st.st_size;
    return true;
}

void reader_close(struct reader *r)
{
    (void)close(r->fd);
}

bool reader_get(const struct reader *r, uint64_t offset, void *out,
                size_t bytes)
{
    unsigned char *to = out;

    if (offset > r->bytes || bytes > r->bytes - offset) {
        return false;
    }
    if (r->memory != NULL) {
        memcpy(out, r->memory + offset, bytes);
        return true;
    }
    while (bytes > 0) {
        ssize_t n = pread(r->fd, to, bytes, (off_t)offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        to += n;
        offset += (uint64_t)n;
        bytes -= (size_t)n;
    }
    return true;
}

uint64_t reader_number(const struct reader *r, const unsigned char *at,
                       unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        unsigned place = r->big_endian ? bytes - 1 - i : i;

        v |= (uint64_t)at[i] << (8 * place);
    }
    return v;
}
