/* SPDX-License-Identifier: Apache-2.0 */
#include "rows.h"

#include "peer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#ifdef PTW_BENCH_CALLGRIND
#include <valgrind/callgrind.h>
#endif

enum { ROUNDS_MAX = 101 };

/* A side that takes less runs twice in each round, and the second time counts:
 * the first one brings the tables back into the caches, wherever the side
 * before it, or another program, left them. */
static const double WARMED_NS = 10e6;

static const char *const column_name[COLUMNS] = {"limit", "second", "ideal",
                                                 "ptwalk", "addrxlat"};

static const char *program = "bench";

void bench_fail(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", program);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    exit(3);
}

void bench_must(enum ptw_status st)
{
    if (st != PTW_OK && st != PTW_END) {
        bench_fail("%s", ptw_status_text(st));
    }
}

void *bench_memory(void *p)
{
    if (p == NULL || p == MAP_FAILED) {
        bench_fail("out of memory");
    }
    return p;
}

void *bench_zeros(size_t bytes)
{
    void *p = bench_memory(mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

    memset(p, 0, bytes);
    return p;
}

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15; /* splitmix64 */

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* ------------------------------------------------------------------- a side */

/* Time of the processor leaves out that of other programs.  A row whose work is
 * spread over threads needs time on the wall. */
static double now_ns(const struct row *row)
{
    struct timespec t;

    clock_gettime(row->wall ? CLOCK_MONOTONIC : CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(const struct bench *b, const struct row *row,
                  const struct subject *s, enum column c, uint64_t sum)
{
    if (b->after != NULL) {
        sum = b->after(s->job, c, sum);
    }
    if (sum != s->sum) {
        bench_fail("%s, %s: the sum is %llx, not %llx", row->name,
                   column_name[c], (unsigned long long)sum,
                   (unsigned long long)s->sum);
    }
}

/* Returns how long it took. */
static double timed(const struct bench *b, const struct row *row,
                    const struct subject *s, enum column c)
{
    double start;
    double end;
    uint64_t sum;

    if (b->before != NULL) {
        b->before(s->job, c);
    }
    start = now_ns(row);
    sum = row->side[c].run(s->job);
    end = now_ns(row);
    check(b, row, s, c, sum);
    return end - start;
}

#ifdef PTW_BENCH_CALLGRIND
static void counted(const struct bench *b, const struct row *row,
                    const struct subject *s, enum column c)
{
    char text[128];
    uint64_t sum;

    snprintf(text, sizeof text, "%s %s %s %llu", row->name, row->unit,
             column_name[c], (unsigned long long)s->units);
    if (b->before != NULL) {
        b->before(s->job, c);
    }
    CALLGRIND_START_INSTRUMENTATION;
    CALLGRIND_ZERO_STATS;
    sum = row->side[c].run(s->job);
    CALLGRIND_DUMP_STATS_AT(text);
    CALLGRIND_STOP_INSTRUMENTATION;
    check(b, row, s, c, sum);
}
#else
static void counted(const struct bench *b, const struct row *row,
                    const struct subject *s, enum column c)
{
    (void)b;
    (void)row;
    (void)s;
    (void)c;
    bench_fail("built without valgrind/callgrind.h: instructions can't be "
               "counted");
}
#endif

/* -------------------------------------------------------------------- a row */

static bool has(const struct row *row, enum column c)
{
    return row->side[c].run != NULL && (c != PEER || peer_missing() == NULL);
}

static void count_row(const struct bench *b, const struct row *row,
                      unsigned size_log2, bool ours_alone)
{
    struct subject s;

    b->begin(row, size_log2, &s);
    for (enum column c = 0; c < COLUMNS; c++) {
        if (has(row, c) && !row->side[c].slow && (c == PTWALK || !ours_alone)) {
            counted(b, row, &s, c);
        }
    }
    b->end(s.job);
}

static int ascending(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;

    return (*x > *y) - (*x < *y);
}

static double median(double *value, unsigned n)
{
    qsort(value, n, sizeof *value, ascending);
    return n % 2 != 0 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
}

static void print_time(const struct row *row, enum column c, double ns)
{
    const char *name = row->side[c].name;

    if (row->side[c].run == NULL) {
        printf(" |");
    } else if (!has(row, c)) {
        printf(" - |");
    } else {
        printf(" %s%s%.*f |", name != NULL ? name : "", name != NULL ? " " : "",
               ns < 100 ? 2 : 0, ns);
    }
}

static void time_row(const struct bench *b, const struct row *row,
                     unsigned size_log2, unsigned rounds)
{
    static double time[COLUMNS][ROUNDS_MAX];
    double ratio[COLUMNS] = {0};
    struct subject s;

    b->begin(row, size_log2, &s);
    for (enum column c = 0; c < COLUMNS; c++) {
        if (has(row, c)) {
            time[c][0] = timed(b, row, &s, c); /* and makes things warm */
        }
    }
    for (unsigned i = 0; i < rounds; i++) {
        for (unsigned k = 0; k < COLUMNS; k++) {
            enum column c = (enum column)((k + i) % COLUMNS);

            if (has(row, c) && !row->side[c].slow) {
                if (b->before == NULL && time[c][0] < WARMED_NS) {
                    (void)timed(b, row, &s, c);
                }
                time[c][i] = timed(b, row, &s, c);
            }
        }
    }
    b->end(s.job);
    for (enum column c = 0; c < PTWALK; c++) {
        double each[ROUNDS_MAX];

        for (unsigned i = 0; has(row, c) && i < rounds; i++) {
            each[i] = time[PTWALK][i] / time[c][i];
        }
        ratio[c] = has(row, c) ? median(each, rounds) : 0;
    }
    printf("| %s | %s |", row->name, row->unit);
    for (enum column c = 0; c < COLUMNS; c++) {
        double t = has(row, c) && !row->side[c].slow ? median(time[c], rounds)
                                                     : time[c][0];

        print_time(row, c, t / (double)s.units);
    }
    for (enum column c = 0; c < PTWALK; c++) {
        if (ratio[c] > 0) {
            printf(" %.2f |", ratio[c]);
        } else {
            printf(" |");
        }
    }
    printf("\n");
    fflush(stdout);
}

/* ---------------------------------------------------------------- arguments */

static unsigned number(const char *text, unsigned least, unsigned most)
{
    char *end;
    unsigned long n = text == NULL ? 0 : strtoul(text, &end, 10);

    if (text == NULL || *text < '0' || *text > '9' || *end != '\0' ||
        n < least || n > most) {
        fprintf(stderr, "%s: %s: expected a number from %u to %u\n", program,
                text == NULL ? "(nothing)" : text, least, most);
        exit(2);
    }
    return (unsigned)n;
}

static const struct row *find(const struct bench *b, const char *name)
{
    for (size_t i = 0; i < b->rows; i++) {
        if (strcmp(b->row[i].name, name) == 0) {
            return &b->row[i];
        }
    }
    fprintf(stderr, "%s: %s: no such row; --list lists them\n", program, name);
    exit(2);
}

static bool asked_for(const struct row *row, int names, char **name)
{
    for (int i = 0; i < names; i++) {
        if (strcmp(row->name, name[i]) == 0) {
            return true;
        }
    }
    return names == 0;
}

int bench_main(const struct bench *b, int argc, char **argv)
{
    unsigned rounds = 11;
    unsigned size = 0;
    bool count = false;
    bool ours_alone = false;
    int at = 1;

    program = b->name;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--rounds") == 0) {
            rounds = number(argv[++at], 1, ROUNDS_MAX);
        } else if (strcmp(argv[at], "--size") == 0) {
            size = number(argv[++at], 12, b->most_log2);
        } else if (strcmp(argv[at], "--instructions") == 0) {
            count = true;
        } else if (strcmp(argv[at], "--ptwalk") == 0) {
            ours_alone = true;
        } else if (strcmp(argv[at], "--list") == 0) {
            for (size_t i = 0; i < b->rows; i++) {
                printf("%s\n", b->row[i].name);
            }
            return 0;
        } else {
            fprintf(stderr,
                    "usage: %s [--rounds N] [--size LOG2] [--list] "
                    "[--instructions [--ptwalk]] [ROW...]\n",
                    program);
            return 2;
        }
    }
    for (int i = at; i < argc; i++) {
        (void)find(b, argv[i]);
    }
    if (!count) {
        printf("%s\n", b->about);
        if (peer_missing() != NULL) {
            printf("addrxlat is left out: %s\n", peer_missing());
        }
        printf("\nNanoseconds of the processor; medians of %u rounds.\n\n",
               rounds);
        printf(
            "| row | of a | limit | second limit | ideal | ptwalk | addrxlat "
            "| of the limit | of the second | of ideal |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- "
            "|\n");
    }
    for (size_t i = 0; i < b->rows; i++) {
        const struct row *row = &b->row[i];

        if (!asked_for(row, argc - at, argv + at)) {
            continue;
        }
        if (count && !row->times_only) {
            count_row(b, row, size == 0 ? b->small_log2 : size, ours_alone);
        } else if (!count) {
            time_row(b, row, size == 0 ? b->size_log2 : size, rounds);
        }
    }
    return 0;
}
