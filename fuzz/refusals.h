/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are wrong in one argument: each is refused, for its reason. */
#ifndef PTW_FUZZ_REFUSALS_H
#define PTW_FUZZ_REFUSALS_H

#include "check.h"

/* fz_refuses_walks asks it of walks of that case, and of all calls that take the
 * roots of several spaces. */
void fz_refuses_walks(struct fz_case *w, const struct ptw_mem *mem);

/* fz_refuses_bare asks it of a regime without tables, of every call that needs some;
 * and what entries say there. */
void fz_refuses_bare(const struct ptw_regime *r);

/* fz_refuses_joins asks it of items of a walk, each and the next. */
void fz_refuses_joins(const struct fz_case *w, const struct ptw_item *item,
                      size_t items);

#endif
