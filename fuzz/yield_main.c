/* SPDX-License-Identifier: Apache-2.0 */
/* Do inputs that the mutator makes do anything?
 *
 *   yield_<name> COUNT SEED [DIRECTORY]   changes COUNT inputs once each, those
 *                                         of the directory or, without one, an
 *                                         empty one, each time what came of it,
 *                                         and runs them
 *
 * Prints how many of them showed a leaf and an alias, and how many of their
 * edits were done and took or gave back a table.  A property violated ends it
 * with abort; the input is then in the file that PTW_YIELD_CRASH names. */
#include "harness.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16384, FILES = 4096 };

static uint8_t data[MOST]; /* the input that runs */
static size_t size;

static struct input {
    uint8_t *data;
    size_t size;
} input[FILES];
static size_t inputs;

static void fail(const char *what)
{
    fprintf(stderr, "yield_%s: %s\n", fz_target.name, what);
    exit(2);
}

static void read_directory(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *entry;

    if (d == NULL) {
        fail("the directory can't be read");
    }
    while (inputs < FILES && (entry = readdir(d)) != NULL) {
        char name[4096];
        FILE *f;
        size_t n;

        if (entry->d_name[0] == '.' ||
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >=
                (int)sizeof name) {
            continue;
        }
        f = fopen(name, "rb");
        n = f == NULL ? 0 : fread(data, 1, sizeof data, f);
        if (f != NULL) {
            (void)fclose(f);
        }
        if (n > 0) {
            input[inputs].data = malloc(n);
            if (input[inputs].data == NULL) {
                fail("out of memory");
            }
            memcpy(input[inputs].data, data, n);
            input[inputs++].size = n;
        }
    }
    (void)closedir(d);
    if (inputs == 0) {
        fail("the directory has no inputs");
    }
}

/* The process ends when this returns. */
static void keep_input(int signal)
{
    const char *name = getenv("PTW_YIELD_CRASH");
    FILE *f = name == NULL ? NULL : fopen(name, "wb");

    (void)signal;
    if (f != NULL) {
        (void)fwrite(data, 1, size, f);
        (void)fclose(f);
    }
}

static double percent(uint64_t part, uint64_t of)
{
    return of == 0 ? 0 : 100.0 * (double)part / (double)of;
}

int main(int argc, char **argv)
{
    uint64_t count;
    uint64_t seed;
    uint64_t leaves = 0;
    uint64_t aliases = 0;

    if (argc != 3 && argc != 4) {
        fail("usage: COUNT SEED [DIRECTORY]");
    }
    count = strtoull(argv[1], NULL, 10);
    seed = strtoull(argv[2], NULL, 10);
    (void)signal(SIGABRT, keep_input);
    if (argc == 4) {
        read_directory(argv[3]);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct fz_seen before = fz_seen;

        if (inputs > 0) {
            const struct input *from = &input[(seed + i) % inputs];

            memcpy(data, from->data, size = from->size);
        } else if (i % 64 == 0) {
            size = 0; /* a line of changes begins anew */
        }
        size = fz_mutate(fz_target.name, data, size, sizeof data,
                         (seed << 32) + i, NULL);
        (void)LLVMFuzzerTestOneInput(data, size);
        leaves += fz_seen.leaves > before.leaves;
        aliases += fz_seen.aliases > before.aliases;
    }
    printf("%-10s %8" PRIu64 " inputs   leaf %5.1f %%   alias %5.1f %%   edits "
           "%8" PRIu64 "   done %5.1f %%   with tables %5.1f %%\n",
           fz_target.name, count, percent(leaves, count),
           percent(aliases, count), fz_seen.edits,
           percent(fz_seen.done, fz_seen.edits),
           percent(fz_seen.traded, fz_seen.edits));
    return 0;
}
