/* SPDX-License-Identifier: Apache-2.0 */
/* Telling what walks find: the commands that print items, leaves, maps and
 * spaces, say how that is done.  Here one thread does it; crew.h has
 * several. */
#ifndef CLI_TELL_H
#define CLI_TELL_H

#include "traversal.h"

/* What a command does with the items of its walks. */
struct telling {
    unsigned flags; /* of the walks */
    bool spaces; /* one walk over all roots; else one of each, that follows */

    /* Prints items. root is the index of the walk's root, 0 of spaces.
     * Several threads may do that at the same time, each with its own sum. */
    void (*items)(const struct options *o, const struct image *im,
                  uint32_t root, const struct ptw_item *item, size_t items,
                  void *sum);

    /* What items add up to: a struct of so many bytes, all zeros at first, and
     * how two of them are added. */
    size_t sum_bytes;
    void (*add)(void *sum, const void *more);

    /* Before and after the items of a root; NULL: of spaces. */
    void (*begin)(struct traversal *t, void *sum);
    void (*end)(struct traversal *t, const void *sum);
};

/* tell_on walks in one thread everything that the options of t ask for, from
 * the root of that index on, of which so many parts of items were told before;
 * sum has what these add up to.  begun: so was what comes before its items. */
void tell_on(struct traversal *t, const struct telling *telling, uint32_t root,
             bool begun, uint64_t told, void *sum);

#endif
