/* SPDX-License-Identifier: Apache-2.0 */
/* Makes an input small that fails.
 *
 *   shrink_<name> IN OUT     writes to OUT the smallest input found that fails
 *                            for the cause for which IN does
 *
 * Records are taken out, the end is cut off, and fields become 0, as long as the
 * cause stays: the line "cause: ..." of a property, what a sanitizer sums up, or
 * the signal that ends the process.  Each input is tried in a process of its
 * own.  Exit status 1: IN does not fail; 2: a file can't be read or written. */
#include "harness.h"
#include "outcome.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 1 << 20, SECONDS = 20 };

static struct fz_outcome wanted;
static unsigned tries;

static void fail(const char *path, const char *why)
{
    fprintf(stderr, "shrink_%s: %s: %s\n", fz_target.name, path, why);
    exit(2);
}

/* As a fuzzer does, and thoroughly. */
static void run(const uint8_t *data, size_t size)
{
    (void)LLVMFuzzerTestOneInput(data, size);
    fz_thorough = true;
    (void)LLVMFuzzerTestOneInput(data, size);
}

static struct fz_outcome outcome_of(const uint8_t *data, size_t size)
{
    struct fz_outcome o;

    tries++;
    if (!fz_outcome_of(run, data, size, SECONDS, &o)) {
        fail("a process", strerror(errno));
    }
    return o;
}

/* Whether an input fails as the first one did. */
static bool still(const uint8_t *data, size_t size)
{
    struct fz_outcome o = outcome_of(data, size);

    return fz_same_outcome(&o, &wanted);
}

/* Takes bytes [from, to) out if the rest still fails. */
static bool without(uint8_t *data, size_t *size, size_t from, size_t to)
{
    static uint8_t less[MOST];
    size_t rest = *size - to;

    memcpy(less, data, from);
    memcpy(less + from, data + to, rest);
    if (!still(less, from + rest)) {
        return false;
    }
    memcpy(data, less, from + rest);
    *size = from + rest;
    return true;
}

/* Takes out as many records as there can be, many of them at once first. */
static bool fewer_records(uint8_t *data, size_t *size)
{
    bool any = false;
    size_t records;

    if (*size <= FZ_HEADER) {
        return *size > 0 && without(data, size, *size - 1, *size);
    }
    records = (*size - FZ_HEADER + FZ_RECORD - 1) / FZ_RECORD;
    for (size_t chunk = records; chunk > 0; chunk /= 2) {
        size_t at = FZ_HEADER;

        while (at < *size) {
            size_t end = at + chunk * FZ_RECORD;

            if (without(data, size, at, end < *size ? end : *size)) {
                any = true;
            } else {
                at = end;
            }
        }
    }
    return any;
}

/* Makes fields of a record, or of the header, 0. */
static bool fewer_fields(uint8_t *data, size_t size, uint8_t *record,
                         enum fz_op op)
{
    bool any = false;

    for (unsigned i = 0; i < FZ_FIELDS; i++) {
        enum fz_field_id field = (enum fz_field_id)i;
        uint64_t was;

        if (fz_field[i].op != op || fz_field[i].kind == FZ_MANY ||
            field == HEADER_VERSION ||
            fz_field[i].at / 8 + (fz_field[i].bits + 7) / 8 >
                (size_t)(data + size - record)) {
            continue;
        }
        was = fz_get(record, field);
        if (was != 0) {
            fz_put(record, field, 0);
            if (still(data, size)) {
                any = true;
            } else {
                fz_put(record, field, was);
            }
        }
    }
    return any;
}

static bool smaller_fields(uint8_t *data, size_t size)
{
    bool any = size >= FZ_HEADER && fewer_fields(data, size, data, OP_HEADER);

    for (size_t at = FZ_HEADER; at + FZ_RECORD <= size; at += FZ_RECORD) {
        any = fewer_fields(data, size, data + at, fz_op_of(data + at)) || any;
    }
    return any;
}

int main(int argc, char **argv)
{
    static uint8_t data[MOST];
    size_t size;
    size_t before;
    FILE *f;
    bool any = true;

    if (argc != 3) {
        fail("usage", "IN OUT");
    }
    f = fopen(argv[1], "rb");
    if (f == NULL) {
        fail(argv[1], strerror(errno));
    }
    size = fread(data, 1, sizeof data, f);
    (void)fclose(f);
    wanted = outcome_of(data, size);
    if (wanted.status == 0) {
        fprintf(stderr, "shrink_%s: %s does not fail\n", fz_target.name,
                argv[1]);
        return 1;
    }
    before = size;
    while (any) {
        any = fewer_records(data, &size);
        any = smaller_fields(data, size) || any;
    }
    f = fopen(argv[2], "wb");
    if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        fail(argv[2], "it can't be written");
    }
    printf("%zu bytes of %zu, %u tries; cause: %s\n", size, before, tries,
           wanted.cause[0] != '\0' ? wanted.cause
                                   : strsignal(wanted.status & 127));
    return 0;
}
