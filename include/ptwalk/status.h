/* SPDX-License-Identifier: Apache-2.0 */
/* What a call says of itself, and what the tables answered. */
#ifndef PTWALK_STATUS_H
#define PTWALK_STATUS_H

#include "ptwalk/api.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A status keeps its number.  New ones get the next number that is free. */
enum ptw_status {
    PTW_OK = 0,

    /* Answers: the call did its work, and this is what the tables say. */
    PTW_END = 1,           /* there is nothing more */
    PTW_NOT_MAPPED = 2,    /* an entry on the path is not present */
    PTW_NOT_CANONICAL = 3, /* no table of this regime can map that address */
    PTW_BAD_ENTRY = 4,     /* an entry on the path that hardware would reject */
    PTW_DIFFERENT = 5,     /* what was compared is not the same */

    /* Failures of the call. */
    PTW_E_BUS = 6,       /* the accessor refused an access */
    PTW_E_LIMIT = 7,     /* the limit was reached; the call can be resumed */
    PTW_E_SPACE = 8,     /* the caller's storage is too small */
    PTW_E_ARG = 9,       /* an argument that is never valid */
    PTW_E_ALIGN = 10,    /* an address that is not aligned as it has to be */
    PTW_E_WIDTH = 11,    /* an address beyond the physical address width */
    PTW_E_RANGE = 12,    /* a range that is empty, reversed, or wraps */
    PTW_E_OVERLAP = 13,  /* regions that share an address */
    PTW_E_READONLY = 14, /* a write to memory that is read-only */
    PTW_E_REGIME = 15,   /* an unknown or unsupported paging mode */
    PTW_E_CONFLICT = 16, /* control registers that contradict each other */
    PTW_E_RIGHTS = 17,   /* rights that can't be had there */
    PTW_E_LARGE = 18,    /* a large leaf is in the way */
    PTW_E_SHARED = 19,   /* a shared table is in the way */
    PTW_E_IN_USE = 20,   /* a table that is in use is in the way */
    PTW_E_CHANGED = 21,  /* the tables changed under an edit */
    PTW_E_MARKED = 22,   /* a leaf carries the copy-on-write mark already */
};

/* ptw_status_text returns a short English phrase for st, in lower case and
 * without a full stop; for a number that is no status, "unknown status".  The
 * string is static. */
PTW_API const char *ptw_status_text(enum ptw_status st);

#ifdef __cplusplus
}
#endif

#endif
