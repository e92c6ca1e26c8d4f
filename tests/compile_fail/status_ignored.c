/* SPDX-License-Identifier: Apache-2.0 */
/* expect: ignoring return value of .*warn_unused_result.*unused-result */
#include <ptwalk/ptwalk.h>

void f(struct ptw_walk *w, struct ptw_item *item, size_t *items);

void f(struct ptw_walk *w, struct ptw_item *item, size_t *items)
{
    ptw_walk_next(w, item, 1, items);
}
