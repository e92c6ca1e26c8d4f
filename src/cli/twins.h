/* SPDX-License-Identifier: Apache-2.0 */
/* Pairs of tables, one of each image, that were compared.  The list is bounded:
 * what does not fit is compared again. */
#ifndef CLI_TWINS_H
#define CLI_TWINS_H

#include "cli.h"

/* Two tables that stand for the same addresses, and what their paths grant. */
struct twins {
    uint64_t a;
    uint64_t b;
    uint32_t level;
    uint32_t rights_a;
    uint32_t rights_b;
};

struct twin_slot;

struct twin_list {
    struct twin_slot *slot;
    unsigned slots_log2;
    size_t used;
    uint64_t seed;
};

void twins_init(struct twin_list *list);
void twins_free(struct twin_list *list);

/* twins_forget makes the list empty. */
void twins_forget(struct twin_list *list);

/* twins_find returns the number that was noted with the pair, or NULL. */
const uint64_t *twins_find(const struct twin_list *list,
                           const struct twins *pair);

/* twins_note notes a number with a pair, in the place of the one before. */
void twins_note(struct twin_list *list, const struct twins *pair,
                uint64_t number);

#endif
