/* SPDX-License-Identifier: Apache-2.0 */
/* A test of every regime that has tables.  What it says of them it asks the
 * format that the oracle has; no test knows a regime. */
#ifndef PTW_TESTS_EVERY_REGIME_H
#define PTW_TESTS_EVERY_REGIME_H

#include "build_tables.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

/* Leaves out a regime that the library does not have, and need not have. */
#define SKIP_UNLESS_KNOWN(name)                                                \
    do {                                                                       \
        if (!is_known(name)) {                                                 \
            cr_skip("the library does not know %s", name);                     \
        }                                                                      \
    } while (0)

/* Leaves out a regime, the machine's, that has no large pages.  Only in a test that
 * needs compact_bench.h. */
#define NEEDS_LARGE_PAGES(name)                                                \
    do {                                                                       \
        if (large_level() == 0) {                                              \
            cr_skip("%s has no large pages", name);                            \
        }                                                                      \
    } while (0)

#define TEST_OF(regime, name, verb, sentence)                                  \
    Test(regime##_##verb, sentence)                                            \
    {                                                                          \
        SKIP_UNLESS_KNOWN(name);                                               \
        sentence(name);                                                        \
    }

/* EVERY(verb, sentence) is followed by a function's body, with `name` of the
 * regime. */
#define EVERY(verb, sentence)                                                  \
    static void sentence(const char *name);                                    \
    ORACLE_EACH_WITH_TABLES(TEST_OF, verb, sentence)                           \
    static void sentence(const char *name)

#endif
