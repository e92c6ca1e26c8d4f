/* SPDX-License-Identifier: Apache-2.0 */
/* Which page of one image stands for which of the other, wherever they are
 * mapped.  What the guest writes to a page shows at all its addresses, so one
 * page that became two, or two that became one, are no longer the same guest.
 *
 * The list is bounded: pages that do not fit are not looked at, and `full` says
 * so. */
#ifndef CLI_SHARING_H
#define CLI_SHARING_H

#include "cli.h"
#include "slots.h"

/* What comes of a pair of pages, as a set. */
enum {
    SHARING_SHARED = 1, /* one page of the first image is two of the second */
    SHARING_JOINED = 2  /* two are one, and the guest can write it */
};

struct sharing {
    struct slots partners;
    bool full;
};

/* sharing_init makes an empty list; the seed is one that no guest can guess. */
void sharing_init(struct sharing *s, uint64_t seed);
void sharing_free(struct sharing *s);

/* sharing_note notes that page a of the first image stands where page b of the
 * second one does, and says what is wrong with that.  written: one of the two
 * leaves lets the guest write.  That two pages became one can't be noticed
 * before somebody writes them: a merged page that nobody writes is none, but is
 * one as soon as a leaf comes that does. */
unsigned sharing_note(struct sharing *s, ptw_pa a, ptw_pa b, bool written);

#endif
