/* SPDX-License-Identifier: Apache-2.0 */
#include "tell.h"

#include <string.h>

/* Of a walk over spaces: roots that are none are no items to be printed. */
static void tell_items(struct traversal *t, const struct telling *telling,
                       size_t items, void *sum)
{
    for (size_t i = 0; i < items; i++) {
        traversal_note_space(t, &t->item[i]);
    }
    telling->items(t->o, t->im, t->root, t->item, items, sum);
}

static void tell_root(struct traversal *t, const struct telling *telling,
                      void *sum)
{
    size_t n;

    while ((n = traversal_next(t)) > 0) {
        tell_items(t, telling, n, sum);
    }
}

void tell_on(struct traversal *t, const struct telling *telling, uint32_t root,
             bool begun, uint64_t told, void *sum)
{
    if (telling->spaces) {
        traversal_spaces(t, telling->flags);
        t->skip = told;
        tell_root(t, telling, sum);
        return;
    }
    for (uint32_t i = root; i < t->o->roots && !t->stopped; i++) {
        uint64_t bad_entries = t->bad_entries;

        if (!traversal_root(t, i, telling->flags)) {
            continue;
        }
        if (begun) {
            t->bad_entries = bad_entries;
            t->skip = told;
        } else {
            memset(sum, 0, telling->sum_bytes);
            telling->begin(t, sum);
        }
        begun = false;
        tell_root(t, telling, sum);
        telling->end(t, sum);
    }
}
