/* SPDX-License-Identifier: Apache-2.0 */
/* A naive model of ptw_walk_va_spaces. */
#ifndef PTW_FUZZ_MODEL_H
#define PTW_FUZZ_MODEL_H

#include "check.h"

/* fz_check_model checks the spaces, aliases and remarks of a walk. */
void fz_check_model(struct fz_case *w, const struct fz_list *list);

/* fz_range_maps says whether some address of the range can be mapped at all. */
bool fz_range_maps(const struct fz_case *w);

#endif
