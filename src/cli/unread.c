/* SPDX-License-Identifier: Apache-2.0 */
#include "unread.h"

#include "report.h"

#include <inttypes.h>

void unread_step(struct unread *u, const struct options *o, uint32_t root,
                 ptw_va va, const struct ptw_step *last)
{
    unsigned shift = ptw_level_shift(o->root[root].regime, last->level);
    uint64_t within = ((uint64_t)1 << shift) - 1;

    if (u->count++ == 0) {
        u->root = root;
        u->level = last->level;
        u->table = last->entry;
        u->first.v = va.v & ~within;
        u->last.v = va.v | within;
    }
}

void unread_finding(struct unread *u, uint32_t root,
                    const struct ptw_item *item)
{
    if (u->count++ == 0) {
        u->root = root;
        u->level = item->u.finding.level;
        u->table = item->u.finding.table;
        u->first = item->first;
        u->last = item->last;
    }
}

void unread_add(struct unread *u, const struct unread *more)
{
    uint64_t count = u->count + more->count;

    if (u->count == 0) {
        *u = *more;
    }
    u->count = count;
}

enum cli_status unread_report(const struct options *o, const struct image *im,
                              const struct unread *u)
{
    char why[IMAGE_WHY] = "not in the image";

    if (u->count == 0) {
        return CLI_DONE;
    }
    (void)image_read_error_text(im, why, sizeof why);
    report(o->image,
           "tables can't be read, in %" PRIu64 " place%s, first the %s at "
           "%" PRIx64 " of root %" PRIu32 ", for %016" PRIx64 "-%016" PRIx64
           ": %s",
           u->count, u->count == 1 ? "" : "s",
           ptw_level_name(o->root[u->root].regime, u->level), u->table.v,
           u->root, u->first.v, u->last.v, why);
    return CLI_UNREAD;
}
