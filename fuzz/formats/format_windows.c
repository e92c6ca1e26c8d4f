/* SPDX-License-Identifier: Apache-2.0 */
/* Windows crash dumps: runs and bitmaps, page by page. */
#include "check.h"
#include "facts.h"
#include "windows.h"

#include <string.h>

enum { MOST = 256, PAGE = 4096 };

static uint64_t number(const uint8_t *data, size_t at, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++) {
        v |= (uint64_t)data[at + i] << 8 * i;
    }
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

/* Both of SIZE_MAX: there are too many. */
static size_t claims_of_runs(const uint8_t *data, size_t len, bool wide,
                             struct claim claim[MOST])
{
    size_t runs = wide ? 0x88 : 0x64;
    unsigned bytes = wide ? 8 : 4;
    uint64_t offset = wide ? 0x2000 : 0x1000;
    size_t n = 0;

    for (size_t i = 0; i < data[runs]; i++) {
        size_t at = runs + 2 * bytes * (i + 1);
        uint64_t pages = number(data, at + bytes, bytes);

        claim_pages(claim, &n, number(data, at, bytes), pages, offset, len);
        offset += pages * PAGE;
    }
    return n < MOST ? n : SIZE_MAX;
}

static size_t claims_of_bits(const uint8_t *data, size_t len, bool wide,
                             bool summary, struct claim claim[MOST])
{
    size_t second = wide ? 0x2000 : 0x1000;
    size_t map = second + (!summary ? 0x38 : wide ? 0x28 : 0x20);
    uint64_t offset =
        number(data, second + (summary ? 0x0c : 0x20), summary ? 4 : 8);
    uint64_t bits =
        number(data, second + (summary ? 0x10 : 0x30), summary ? 4 : 8);
    size_t n = 0;

    for (uint64_t i = 0; i < bits; i++) {
        if ((data[map + i / 8] >> i % 8 & 1) != 0) {
            claim_pages(claim, &n, i, 1, offset, len);
            offset += PAGE;
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
    if (opened) {
        bool wide = memcmp(data + 4, "DU64", 4) == 0;
        uint8_t type = data[wide ? 0xf98 : 0xf88];
        size_t n = type == 1
                       ? claims_of_runs(data, len, wide, claim)
                       : claims_of_bits(data, len, wide, type == 2, claim);

        if (n != SIZE_MAX) {
            check_claims(&d, claim, n);
        }
    }
    dump_free(&d);
    return 0;
}
