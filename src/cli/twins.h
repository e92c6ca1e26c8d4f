/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of tables, one of each image, that were compared.  What does not fit
 * into the list is compared again. */
#ifndef CLI_TWINS_H
#define CLI_TWINS_H

#include "cli.h"
#include "slots.h"

/* Two tables that stand for the same addresses, and what their paths grant. */
struct twins {
    uint64_t a;
    uint64_t b;
    uint32_t level;
    uint32_t rights_a;
    uint32_t rights_b;
};

/* twins_init makes an empty list of pairs of tables. */
void twins_init(struct slots *s);

/* twins_forget makes it empty. */
void twins_forget(struct slots *s);

/* twins_find returns the number that was noted with the pair, or NULL. */
const uint64_t *twins_find(const struct slots *s, const struct twins *pair);

/* twins_note notes a number with a pair, in the place of the one before. */
void twins_note(struct slots *s, const struct twins *pair, uint64_t number);

#endif
