/* SPDX-License-Identifier: Apache-2.0 */
/* Flattened dumps: what is put in order is what the parts say, each over those
 * before it. */
#include "check.h"
#include "flattened.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAD = 4096, SPAN = 1 << 16 };

/* The first bytes of the file that the parts make. */
static void put_in_order(const uint8_t *data, size_t len, uint8_t image[SPAN],
                         uint64_t *end)
{
    size_t at = HEAD;

    memset(image, 0, SPAN);
    *end = 0;
    while (len - at >= 16) {
        uint64_t offset;
        uint64_t bytes;

        memcpy(&offset, data + at, 8);
        memcpy(&bytes, data + at + 8, 8);
        offset = be64toh(offset);
        bytes = be64toh(bytes);
        at += 16;
        if (offset == UINT64_MAX) {
            return;
        }
        for (uint64_t i = 0; i < bytes && offset + i < SPAN; i++) {
            image[offset + i] = data[at + i];
        }
        at += (size_t)bytes;
        *end = offset + bytes > *end ? offset + bytes : *end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t want[SPAN];
    static uint8_t got[SPAN];
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    struct spool s;
    uint64_t end;
    bool done;

    check_spool(&s);
    done = flattened_unpack(&r, &s, &d);
    check_that(done == (d.why[0] == '\0' && s.why[0] == '\0'),
               "a refusal has a reason");
    if (done) {
        ssize_t n;

        memset(got, 0, sizeof got);
        put_in_order(data, len, want, &end);
        n = pread(s.fd, got, sizeof got, 0);
        check_that(lseek(s.fd, 0, SEEK_END) == (off_t)end,
                   "it ends where its last part does");
        check_that(n == (ssize_t)(end < SPAN ? end : SPAN), "it is readable");
        check_that(memcmp(got, want, SPAN) == 0, "it is what its parts say");
        say("%" PRIx64 " bytes", end);
    } else {
        say("refused: %s", d.why[0] != '\0' ? d.why : s.why);
    }
    check_spool_end(&s);
    dump_free(&d);
    return 0;
}
