/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a benchmark: what one thing costs, beside what it could cost at
 * least.
 *
 * A row has up to five sides, which do the same work and have to come to the
 * same sum; the program fails when they don't.  They are timed in turns, and
 * what is printed are medians: of times, and of the ratios of each round.  A
 * new row is one more line of the table that a program hands to bench_main. */
#ifndef PTW_BENCH_ROWS_H
#define PTW_BENCH_ROWS_H

#include <ptwalk/ptwalk.h>

enum column {
    LIMIT,  /* no work but the loads or stores that are needed */
    SECOND, /* another limit, of the same work in another order */
    IDEAL,  /* a naive program that trusts everything (ideal.h) */
    PTWALK,
    PEER, /* libaddrxlat */
    COLUMNS
};

struct side {
    const char *name;           /* of a limit; else NULL */
    uint64_t (*run)(void *job); /* NULL: there is no such side */
    bool slow; /* timed once, and left out when instructions are counted */
};

struct row {
    const char *name; /* without blanks */
    const char *unit; /* what its figures are for */
    int kind;         /* these two mean something to `begin` */
    const char *regime;
    struct side side[COLUMNS];
    bool wall;       /* time on the wall, not of the processor */
    bool times_only; /* instructions are not counted: those of memcpy say
                        something about the C library alone */
};

/* A row of the table: name, unit, kind, regime, and its sides in the order of
 * the columns or with their names. */
#define ROW(row_name, of_a, its_kind, its_regime, ...)                         \
    {                                                                          \
        .name = row_name, .unit = of_a, .kind = its_kind,                      \
        .regime = its_regime, .side = {                                        \
            __VA_ARGS__                                                        \
        }                                                                      \
    }
/* The same where times alone are worth printing. */
#define ROW_OF_TIMES(row_name, of_a, its_kind, its_regime, ...)                \
    {                                                                          \
        .name = row_name, .unit = of_a, .kind = its_kind,                      \
        .regime = its_regime, .side = {__VA_ARGS__}, .times_only = true        \
    }
#define SIDE(function)                                                         \
    {                                                                          \
        NULL, function, false                                                  \
    }
#define SLOW_SIDE(function)                                                    \
    {                                                                          \
        NULL, function, true                                                   \
    }
#define BASELINE(its_name, function)                                           \
    {                                                                          \
        its_name, function, false                                              \
    }
#define NO_SIDE                                                                \
    {                                                                          \
        NULL, NULL, false                                                      \
    }

/* What the sides of a row work on. */
struct subject {
    void *job;
    uint64_t units; /* in one run of a side */
    uint64_t sum;   /* of each side */
};

struct bench {
    const char *name;
    const char *about; /* printed above the rows */
    const struct row *row;
    size_t rows;
    unsigned size_log2;  /* of a row's work, when times are measured */
    unsigned small_log2; /* when instructions are counted */
    unsigned most_log2;
    void (*begin)(const struct row *row, unsigned size_log2,
                  struct subject *out);
    void (*before)(void *job, enum column side); /* not timed; or NULL */
    /* Not timed; or NULL: the sum is what `run` returned. */
    uint64_t (*after)(void *job, enum column side, uint64_t returned);
    void (*end)(void *job);
};

/* bench_main runs the rows that the arguments name, or all, and prints them.
 * Usage: PROGRAM [--rounds N] [--size LOG2] [--list] [--instructions
 * [--ptwalk]] [ROW...].  With --instructions each side runs once, and callgrind
 * dumps its counts (scripts/instructions); with --ptwalk, of the library
 * alone. */
int bench_main(const struct bench *b, int argc, char **argv);

/* bench_fail prints the message and ends the program with status 3; bench_must
 * does so for a status that is no success, bench_memory for no memory. */
_Noreturn void bench_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void bench_must(enum ptw_status st);
void *bench_memory(void *p);

/* bench_zeros returns so many bytes, zeros, that are in memory already;
 * munmap frees them. */
void *bench_zeros(size_t bytes);

/* bench_random returns the next number of a fixed sequence. */
uint64_t bench_random(uint64_t *state);

#endif
