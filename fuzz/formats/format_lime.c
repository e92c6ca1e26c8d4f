/* SPDX-License-Identifier: Apache-2.0 */
/* LiME: ranges, each behind its header. */
#include "check.h"
#include "lime.h"

#include <string.h>

enum { MOST = 256, HEAD = 32 };

static size_t claims_of(const uint8_t *data, size_t len,
                        struct claim claim[MOST])
{
    size_t n = 0;
    size_t at = 0;

    while (n < MOST && len - at >= HEAD) {
        uint64_t first;
        uint64_t last;

        memcpy(&first, data + at + 8, 8);
        memcpy(&last, data + at + 16, 8);
        at += HEAD;
        claim[n].pa = first;
        claim[n].offset = at;
        claim[n].bytes = last - first < len - at ? last - first + 1 : len - at;
        if (claim[n].bytes == 0) {
            break;
        }
        at += (size_t)claim[n].bytes;
        n++;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    bool opened = lime_read(&r, &d);
    struct claim claim[MOST];

    check_dump(&d, opened, len);
    if (opened) {
        check_claims(&d, claim, claims_of(data, len, claim));
    }
    dump_free(&d);
    return 0;
}
