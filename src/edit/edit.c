/* SPDX-License-Identifier: Apache-2.0 */
/* Requests for leaves: map, unmap, protect. */
#include "request.h"
#include "run.h"

static enum ptw_status range_request(struct ptw_edit *ed, enum ptw_op op,
                                     struct ptw_tables *t,
                                     const struct ptw_range_request *q)
{
    enum ptw_status st =
        ptw_edit_begin(t->root.regime->arch->format, ed, op, t, q->first,
                       q->last, q->flags, q->max_reads);
    static const struct ptw_attributes plain;
    uint64_t bits;

    if (st != PTW_OK) {
        return st;
    }
    if (op == PTW_OP_PROTECT) {
        ed->rights = ptw_rights_asked(t->root.regime, q->rights, q->flags);
        if (!t->root.regime->arch->format->leaf_bits(
                t->root.regime, 0, ed->rights, false, &plain, &bits)) {
            return PTW_E_RIGHTS;
        }
    }
    return PTW_OK;
}

enum ptw_status ptw_map(struct ptw_tables *t, const struct ptw_map_request *q)
{
    return t->root.regime->arch->map(t, q);
}

enum ptw_status ptw_map_check(const struct ptw_regime *r,
                              const struct ptw_map_request *q)
{
    const struct ptw_format *a = r->arch->format;
    struct ptw_tables t = {.root = {.regime = r}};
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_map(a, &ed, &t, q, false);
    uint64_t large;
    uint64_t page;

    if (st != PTW_OK || !ed.beyond) {
        return st;
    }
    if (!ptw_last_leaf_fits(a, &ed, ptw_top(a, r), ed.first, ed.last)) {
        return PTW_E_WIDTH;
    }
    /* Those in front of the first large one may be small. */
    large = ptw_low_mask(a->level[ed.widest].shift);
    page = ptw_low_mask(a->level[0].shift);
    return (ed.first & large) == 0 ||
                   ptw_leaf_fits(r, 0, (ed.pa | large) & ~page)
               ? PTW_OK
               : PTW_E_WIDTH;
}

enum ptw_status ptw_map_movable(struct ptw_movable_tables *t,
                                const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st = ptw_edit_map(t->tables.root.regime->arch->format, &ed,
                                      &t->tables, q, false);

    return st == PTW_OK ? ptw_edit_run(&ed, t) : st;
}

static enum ptw_status change(struct ptw_tables *t,
                              const struct ptw_movable_tables *movable,
                              enum ptw_op op, const struct ptw_range_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st = range_request(&ed, op, t, q);

    return st == PTW_OK ? ptw_edit_run(&ed, movable) : st;
}

enum ptw_status ptw_unmap(struct ptw_tables *t,
                          const struct ptw_range_request *q)
{
    return change(t, NULL, PTW_OP_UNMAP, q);
}

enum ptw_status ptw_unmap_movable(struct ptw_movable_tables *t,
                                  const struct ptw_range_request *q)
{
    return change(&t->tables, t, PTW_OP_UNMAP, q);
}

enum ptw_status ptw_protect(struct ptw_tables *t,
                            const struct ptw_range_request *q)
{
    return change(t, NULL, PTW_OP_PROTECT, q);
}

enum ptw_status ptw_protect_movable(struct ptw_movable_tables *t,
                                    const struct ptw_range_request *q)
{
    return change(&t->tables, t, PTW_OP_PROTECT, q);
}
