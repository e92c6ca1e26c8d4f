/* SPDX-License-Identifier: Apache-2.0 */
/* Windows crash dumps: runs, and bitmaps of 64-bit ones, page by page. */
#include "check.h"
#include "facts.h"
#include "windows.h"

#include <string.h>

enum { MOST = 256, PAGE = 4096, RUNS = 0x88, TYPE = 0xf98, SECOND = 0x2000 };

static uint64_t number(const uint8_t *data, size_t at)
{
    uint64_t v;

    memcpy(&v, data + at, 8);
    return v;
}

static void claim_pages(struct claim *claim, size_t *n, uint64_t frame,
                        uint64_t pages, uint64_t offset, size_t len)
{
    uint64_t there = offset < len ? (len - offset) / PAGE : 0;

    if (*n < MOST && pages > 0 && there > 0) {
        claim[*n].pa = frame * PAGE;
        claim[*n].bytes = (pages < there ? pages : there) * PAGE;
        claim[*n].offset = offset;
        (*n)++;
    }
}

/* SIZE_MAX: there are too many. */
static size_t claims_of(const uint8_t *data, size_t len,
                        struct claim claim[MOST])
{
    size_t n = 0;

    if (data[TYPE] == 1) {
        uint64_t offset = SECOND;

        for (size_t i = 0; i < data[RUNS]; i++) {
            uint64_t frame = number(data, RUNS + 16 + 16 * i);
            uint64_t pages = number(data, RUNS + 24 + 16 * i);

            claim_pages(claim, &n, frame, pages, offset, len);
            offset += pages * PAGE;
        }
    } else {
        uint64_t offset = number(data, SECOND + 0x20);

        for (uint64_t i = 0; i < number(data, SECOND + 0x30); i++) {
            if ((data[SECOND + 0x38 + i / 8] >> i % 8 & 1) != 0) {
                claim_pages(claim, &n, i, 1, offset, len);
                offset += PAGE;
            }
        }
    }
    return n < MOST ? n : SIZE_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct reader r = {.memory = data, .bytes = len};
    struct dump d = {.segments = 0};
    struct facts f;
    bool opened = windows_read(&r, &d);
    struct claim claim[MOST];

    check_dump(&d, opened, len);
    if (opened) {
        facts_find(&d, &f);
        say_facts(&f);
        facts_free(&f);
    }
    if (opened && memcmp(data + 4, "DU64", 4) == 0) {
        size_t n = claims_of(data, len, claim);

        if (n != SIZE_MAX) {
            check_claims(&d, claim, n);
        }
    }
    dump_free(&d);
    return 0;
}
