/* SPDX-License-Identifier: Apache-2.0 */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 4096 };

static bool fail(struct spool *s, const char *what, int error)
{
    (void)snprintf(s->why, sizeof s->why, "%.120s: %s", what, strerror(error));
    return false;
}

bool spool_open(struct spool *s, uint64_t most)
{
    const char *directory = getenv("TMPDIR");
    char name[1024];

    memset(s, 0, sizeof *s);
    s->most = most;
    if (directory == NULL || *directory == '\0') {
        directory = "/var/tmp";
    }
    s->fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (s->fd < 0 && (size_t)snprintf(name, sizeof name, "%s/ptwalk-XXXXXX",
                                      directory) < sizeof name) {
        s->fd = mkostemp(name, O_CLOEXEC);
        if (s->fd >= 0) {
            (void)unlink(name);
        }
    }
    if (s->fd < 0) {
        int error = errno;

        (void)snprintf(name, sizeof name,
                       "no temporary file can be made in %.80s", directory);
        return fail(s, name, error);
    }
    return true;
}

bool spool_put_at(struct spool *s, uint64_t offset, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;

    if (n > s->most - s->written) {
        (void)snprintf(s->why, sizeof s->why,
                       "it becomes larger than %" PRIu64
                       " bytes: unpack it yourself where it is to be trusted",
                       s->most);
        return false;
    }
    if (offset > INT64_MAX || n > INT64_MAX - offset) {
        return fail(s, "a part of it can't be written", EFBIG);
    }
    s->written += n;
    while (n > 0) {
        ssize_t done = pwrite(s->fd, from, n, (off_t)offset);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return fail(s, "what is unpacked can't be written (see TMPDIR)",
                        done < 0 ? errno : ENOSPC);
        }
        from += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return true;
}

static bool is_zero(const unsigned char *at, size_t n)
{
    return n > 0 && at[0] == 0 && memcmp(at, at + 1, n - 1) == 0;
}

bool spool_put(struct spool *s, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;

    if (n > INT64_MAX - s->at) {
        return fail(s, "what is unpacked is too large", EFBIG);
    }
    while (n > 0) {
        size_t part = BLOCK - (size_t)(s->at % BLOCK);

        part = part < n ? part : n;
        if (!is_zero(from, part) && !spool_put_at(s, s->at, from, part)) {
            return false;
        }
        from += part;
        s->at += part;
        n -= part;
    }
    return true;
}

bool spool_end(struct spool *s)
{
    return ftruncate(s->fd, (off_t)s->at) == 0 ||
           fail(s, "the size of what is unpacked can't be set", errno);
}
