/* SPDX-License-Identifier: Apache-2.0 */
/* A naive comparison of a guest with its image. */
#ifndef PTW_FUZZ_SAME_GUEST_H
#define PTW_FUZZ_SAME_GUEST_H

#include "compact_guest.h"
#include "compact_image.h"

/* fc_same compares.  With rb, which made the image, every promise of a rebuild
 * has to hold, or it fails with what does not.  Without, it returns whether the
 * image is the same guest, as ptw_verify understands it; *unsure says that
 * there was too much to tell. */
bool fc_same(struct fc_guest *g, const struct fc_image *m,
             struct ptw_rebuild *rb, bool *unsure);

/* Of the image that was compared last, with rb: each old table is one new one,
 * and none is mapped as a page. */
extern bool fc_plain;

/* fc_marked says whether a leaf begins at that address of that space, of which
 * R/W is clear and bits 11:9 are 001, and memory has any page of it that is
 * kept. */
bool fc_marked(struct fc_guest *g, unsigned space, uint64_t va);

/* fc_through_self says whether the way to that answer of a space goes through a
 * table that refers to itself. */
bool fc_through_self(const struct fz_case *w, const struct oracle_ram *ram,
                     size_t rams, uint64_t root, const struct oracle_answer *a);

/* fc_below_earlier says whether the root of a space is a table below the root of an
 * earlier one, too: at the level that it has in its own. */
bool fc_below_earlier(struct fc_guest *g, unsigned space);

/* fc_two_levels says whether a table of the guest is used at two levels. */
bool fc_two_levels(struct fc_guest *g);

/* fc_mapped picks a page, of those that the oracle finds, by that number; false
 * when there is none.  Windows on the tables are passed over. */
bool fc_mapped(struct fc_guest *g, unsigned which, uint64_t *pa);

/* What fc_same found first, the last time. */
struct fc_difference {
    const char *what;
    uint64_t va;
    uint64_t was;
    uint64_t is;
};

extern struct fc_difference fc_difference;

#endif
