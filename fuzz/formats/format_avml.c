/* SPDX-License-Identifier: Apache-2.0 */
/* AVML: ranges in the frames of snappy, whose library is played by one that
 * turns each bit of a byte. */
#include "check.h"
#include "lime.h"

#include <string.h>
#include <unistd.h>

static bool unpack(const unsigned char *from, size_t n, unsigned char *to,
                   size_t *bytes)
{
    check_that(*bytes == 65536, "a chunk has room for all that it may have");
    if (n > *bytes) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        to[i] = (unsigned char)~from[i];
    }
    *bytes = n;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    struct spool s;
    bool opened;

    check_spool(&s);
    opened = avml_read(&r, unpack, &s, NULL, NULL, &d);
    if (opened || s.why[0] == '\0') {
        check_dump(&d, opened, s.at);
    }
    check_that(s.at <= len, "what this library unpacks becomes no larger");
    if (opened) {
        check_that(lseek(s.fd, 0, SEEK_END) == (off_t)s.at,
                   "the spool has all that was unpacked");
    }
    check_spool_end(&s);
    dump_free(&d);
    return 0;
}
