/* SPDX-License-Identifier: Apache-2.0 */
/* How an edit that was begun is made, of any format. */
#define PTW_ANY_FORMAT

#include "run.h"

#include "request.h"

PTW_COLD enum ptw_status ptw_edit_passes(struct ptw_edit *ed, bool movable)
{
    return ptw_edit_by_passes(ed->t->root.regime->arch->format, ed, movable);
}

PTW_COLD enum ptw_status ptw_edit_plan(struct ptw_edit *ed, bool movable)
{
    if (ed->t->shares != NULL) {
        ptw_shares_begin(ed->t->shares);
    }
    return ptw_edit_pass(ed->t->root.regime->arch->format, ed, PTW_PASS_PLAN,
                         movable);
}

enum ptw_status ptw_edit_run(struct ptw_edit *ed,
                             const struct ptw_movable_tables *movable)
{
    const struct ptw_arch *arch = ed->t->root.regime->arch;

    if (movable == NULL) {
        bool quick;
        enum ptw_status st = arch->edit_quick(ed, &quick);

        if (quick) {
            return st;
        }
    } else {
        ed->move = movable->move;
    }
    return ptw_edit_passes(ed, movable != NULL);
}

PTW_COLD enum ptw_status ptw_map_by_passes(struct ptw_tables *t,
                                           const struct ptw_map_request *q)
{
    struct ptw_edit ed;
    enum ptw_status st =
        ptw_edit_map(t->root.regime->arch->format, &ed, t, q, false);

    return st == PTW_OK ? ptw_edit_run(&ed, NULL) : st;
}
