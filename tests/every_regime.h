/* SPDX-License-Identifier: Apache-2.0 */
/* A test of every regime that has tables.  What it says of them it asks the
 * format that the oracle has; no test knows a regime. */
#ifndef PTW_TESTS_EVERY_REGIME_H
#define PTW_TESTS_EVERY_REGIME_H

#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* The regime that a test is at, and whether it leaves that out. */
static const char *every_at;
static bool every_left_out;

/* Leaves out the regime, for a reason.  In the body of EVERY alone. */
#define LEAVE_OUT(...)                                                         \
    do {                                                                       \
        cr_log_info(__VA_ARGS__);                                              \
        every_left_out = true;                                                 \
        return;                                                                \
    } while (0)

/* Leaves out a regime, the machine's, that has no large pages.  Only in a test that
 * needs compact_bench.h. */
#define NEEDS_LARGE_PAGES(name)                                                \
    do {                                                                       \
        if (large_level() == 0) {                                              \
            LEAVE_OUT("%s has no large pages", name);                          \
        }                                                                      \
    } while (0)

/* A suite that is about tables below others defines it as 2: regimes whose root is
 * the only table are none of its. */
#ifndef EVERY_LEVELS
#define EVERY_LEVELS 1
#endif

#define EVERY_NAME(regime, name, ...) name,

/* Calls the function with each regime that the library knows.  All are of one
 * process: to start one for each took longer than most of them. */
static inline void every_regime(void (*sentence)(const char *name))
{
    static const char *const names[] = {ORACLE_EACH_WITH_TABLES(EVERY_NAME, 0)};
    unsigned tested = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!is_known(names[i])) {
            cr_log_info("the library does not know %s", names[i]);
            continue;
        }
        if (oracle_format_named(names[i])->levels < EVERY_LEVELS) {
            cr_log_info("%s has fewer levels", names[i]);
            continue;
        }
        cr_log_info("%s", names[i]);
        every_at = names[i];
        every_left_out = false;
        sentence(names[i]);
        tested += every_left_out ? 0 : 1;
    }
    every_at = NULL;
    cr_assert(lt(uint, 0, tested), "every regime was left out");
}

/* Where a test ended before its last regime. */
static inline void every_end(void)
{
    if (every_at != NULL) {
        cr_log_warn("the test ended in %s", every_at);
    }
}

/* EVERY(verb, sentence) is followed by a function's body, with `name` of the
 * regime.  With --verbose=1 the log has the name of each in front of what failed in
 * it; so ctest calls it. */
#define EVERY(verb, sentence)                                                  \
    static void sentence(const char *name);                                    \
    Test(verb, sentence, .fini = every_end)                                    \
    {                                                                          \
        every_regime(sentence);                                                \
    }                                                                          \
    static void sentence(const char *name)

#endif
