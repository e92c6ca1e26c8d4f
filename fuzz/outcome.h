/* SPDX-License-Identifier: Apache-2.0 */
/* How an input fails, found out in a process of its own. */
#ifndef PTW_FUZZ_OUTCOME_H
#define PTW_FUZZ_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FZ_CAUSE = 256 };

/* Two are the same when all of it is. */
struct fz_outcome {
    int status;           /* as waitpid has it; 0: it did not fail */
    char cause[FZ_CAUSE]; /* of a property, or what a sanitizer sums up */
};

/* fz_outcome_of runs an input, and ends it after so many seconds; 0: never.  It
 * returns false when there can be no process, and errno says why. */
bool fz_outcome_of(void (*run)(const uint8_t *data, size_t size),
                   const uint8_t *data, size_t size, unsigned seconds,
                   struct fz_outcome *out);

bool fz_same_outcome(const struct fz_outcome *a, const struct fz_outcome *b);

#endif
