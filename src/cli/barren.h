/* SPDX-License-Identifier: Apache-2.0 */
/* Tables below which nothing is told.  A walk that looks for some leaves only
 * (--wx, --size, ...) need not enter a table again, under the same rights, in
 * which it found none of them.  So it enters a table as often as its answer
 * needs, and once more. */
#ifndef CLI_BARREN_H
#define CLI_BARREN_H

#include "cli.h"
#include "slots.h"

/* A table that the walk is in. */
struct barren_entered {
    struct ptw_va_range covers;
    struct ptw_table table;
    uint64_t told; /* before it was entered */
};

struct barren {
    struct slots tables;
    const struct options *o;
    const struct ptw_regime *regime;
    struct barren_entered entered[PTW_MAX_LEVELS];
    unsigned depth;
    uint64_t told;
};

/* barren_new makes an empty list of tables; barren_free frees it. */
struct barren *barren_new(const struct options *o);
void barren_free(struct barren *b);

/* barren_begin says that what comes is of another root, of that regime.  What is
 * noted holds for all roots of it. */
void barren_begin(struct barren *b, const struct ptw_regime *regime);

/* barren_at says that the walk has come to an item, and whether it is a table, or
 * an alias of one, below which nothing is told. */
bool barren_at(struct barren *b, const struct ptw_item *item);

/* barren_told says that the item at which the walk is is told. */
void barren_told(struct barren *b);

#endif
