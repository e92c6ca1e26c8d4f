/* SPDX-License-Identifier: Apache-2.0 */
/* Which pages of two images were found to be the same, or not.  What does not
 * fit into the list is compared again. */
#ifndef CLI_PAIRS_H
#define CLI_PAIRS_H

#include "cli.h"
#include "slots.h"

enum verdict {
    VERDICT_NONE,
    VERDICT_SAME,
    VERDICT_SAME_WRITTEN, /* by a leaf that lets the guest write */
    VERDICT_DIFFERENT
};

/* pairs_init makes an empty list of pairs of pages. */
void pairs_init(struct slots *s);

/* pairs_find says what is known of two pages of 1 << size_log2 bytes, aligned
 * to the smallest page. */
enum verdict pairs_find(const struct slots *s, ptw_pa a, ptw_pa b,
                        unsigned size_log2);
/* pairs_note notes it, in the place of what was known before. */
void pairs_note(struct slots *s, ptw_pa a, ptw_pa b, unsigned size_log2,
                enum verdict verdict);

#endif
