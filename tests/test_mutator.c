/* SPDX-License-Identifier: Apache-2.0 */
/* The mutator of the fuzz targets: it keeps to the room that it has, and does
 * the same again. */
#include "mutator.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const target[] = {"walk", "edit", "compact", "registers",
                                     "regions"};
enum { TARGETS = sizeof target / sizeof target[0] };

/* In memory of exactly that size, so that a sanitizer sees a byte too many. */
static uint8_t *exactly(size_t size)
{
    uint8_t *p = malloc(size);

    cr_assert(p != NULL);
    memset(p, 0x5A, size);
    return p;
}

Test(mutator, keeps_to_its_room_and_does_the_same_again)
{
    for (unsigned t = 0; t < TARGETS; t++) {
        for (size_t most = 1; most < 400; most += most < 70 ? 1 : 41) {
            uint8_t *a = exactly(most);
            uint8_t *b = exactly(most);
            size_t size = 0;

            for (uint64_t seed = 0; seed < 40; seed++) {
                size_t before = size;

                memcpy(b, a, most);
                size = fz_mutate(target[t], a, size, most, seed, NULL);
                cr_assert(size >= 1 && size <= most, "%s, %zu", target[t],
                          most);
                cr_assert(fz_mutate(target[t], b, before, most, seed, NULL) ==
                          size);
                cr_assert(memcmp(a, b, size) == 0);
            }
            free(a);
            free(b);
        }
    }
}

static unsigned calls;

static size_t shortens(uint8_t *data, size_t size, size_t most)
{
    (void)data;
    (void)most;
    calls++;
    return size / 2 + 1;
}

Test(mutator, leaves_a_quarter_to_the_engine)
{
    uint8_t data[1024] = {0};

    for (uint64_t seed = 0; seed < 4000; seed++) {
        (void)fz_mutate("walk", data, 64, sizeof data, seed, shortens);
    }
    cr_expect(calls > 800 && calls < 1200, "%u", calls);
}

/* Each record of what comes out is one of either input, in its order. */
Test(mutator, crosses_whole_records)
{
    enum { RECORDS = 9 };
    uint8_t a[FZ_HEADER + RECORDS * FZ_RECORD];
    uint8_t b[FZ_HEADER + RECORDS * FZ_RECORD];

    memset(a, 0, sizeof a);
    memset(b, 0, sizeof b);
    for (unsigned i = 0; i < RECORDS; i++) {
        memset(a + FZ_HEADER + i * FZ_RECORD, 0x10 + (int)i, FZ_RECORD);
        memset(b + FZ_HEADER + i * FZ_RECORD, 0x20 + (int)i, FZ_RECORD);
    }
    for (uint64_t seed = 0; seed < 200; seed++) {
        size_t most = FZ_HEADER + seed % 20 * FZ_RECORD;
        uint8_t *out = exactly(most);
        size_t size = fz_cross_over(
            a, sizeof a, b, seed % 3 == 0 ? 10 : sizeof b, out, most, seed);
        uint8_t last[2] = {0, 0};

        cr_assert(size >= FZ_HEADER && size <= most);
        for (size_t at = FZ_HEADER; at < size; at += FZ_RECORD) {
            uint8_t of = out[at] >> 4;

            cr_assert(of == 1 || of == 2);
            cr_assert(memcmp(out + at,
                             (of == 1 ? a : b) + FZ_HEADER +
                                 (out[at] & 15) * FZ_RECORD,
                             FZ_RECORD) == 0);
            cr_assert(out[at] > last[of - 1]);
            last[of - 1] = out[at];
        }
        free(out);
    }
    cr_expect(eq(sz, fz_cross_over(a, sizeof a, b, sizeof b, a, 5, 1), 0));
}
