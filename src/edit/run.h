/* SPDX-License-Identifier: Apache-2.0 */
/* This file says how an edit that was begun is made. */
#ifndef PTW_EDIT_RUN_H
#define PTW_EDIT_RUN_H

#include "state.h"

/* ptw_edit_run makes a well-formed edit: at once where there is a quick path,
 * else pass by pass.  movable: tables may move; or NULL. */
enum ptw_status ptw_edit_run(struct ptw_edit *ed,
                             const struct ptw_movable_tables *movable);

/* ptw_edit_passes makes it pass by pass. */
enum ptw_status ptw_edit_passes(struct ptw_edit *ed, bool movable);

/* ptw_edit_plan says whether it would be refused, and why. */
enum ptw_status ptw_edit_plan(struct ptw_edit *ed, bool movable);

#endif
