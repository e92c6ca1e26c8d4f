/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of two images were found to be the same, or not.  The list is
 * bounded: what does not fit is compared again. */
#ifndef CLI_PAIRS_H
#define CLI_PAIRS_H

#include "cli.h"

enum verdict {
    VERDICT_NONE,
    VERDICT_SAME,
    VERDICT_SAME_WRITTEN, /* by a leaf that lets the guest write */
    VERDICT_DIFFERENT
};

struct pair;

struct pairs {
    struct pair *slot;
    unsigned slots_log2;
    size_t used;
    uint64_t seed;
};

void pairs_init(struct pairs *p);
void pairs_free(struct pairs *p);

/* pairs_find says what is known of two pages of 1 << size_log2 bytes, aligned
 * to the smallest page. */
enum verdict pairs_find(const struct pairs *p, ptw_pa a, ptw_pa b,
                        unsigned size_log2);
/* pairs_note notes it, in the place of what was known before. */
void pairs_note(struct pairs *p, ptw_pa a, ptw_pa b, unsigned size_log2,
                enum verdict verdict);

#endif
