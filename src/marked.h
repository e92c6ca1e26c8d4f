/* SPDX-License-Identifier: Apache-2.0 */
/* Leaves that carried the copy-on-write mark before, for those who copy them
 * and those who compare them. */
#ifndef PTW_SRC_MARKED_H
#define PTW_SRC_MARKED_H

#include "ptwalk/rebuild.h"
#include "regime.h"

/* ptw_marked_check checks what is to become of such leaves: PTW_E_ARG when it
 * is two things. */
PTW_ENGINE enum ptw_status ptw_marked_check(unsigned flags)
{
    const unsigned both = PTW_REBUILD_REFUSE_MARKED | PTW_REBUILD_CLEAR_MARKED;

    return (flags & both) == both ? PTW_E_ARG : PTW_OK;
}

/* ptw_unmarked returns raw, a leaf that carries the mark, without it. */
PTW_ENGINE uint64_t ptw_unmarked(const struct ptw_format *a, uint64_t raw)
{
    return raw & ~a->mark;
}

#endif
