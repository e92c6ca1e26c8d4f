/* SPDX-License-Identifier: Apache-2.0 */
/* What a call says of itself, and what the tables answered. */
#ifndef PTWALK_STATUS_H
#define PTWALK_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

enum ptw_status {
    PTW_OK = 0,

    /* Answers: the call did its work, and this is what the tables say. */
    PTW_END,           /* there is nothing more */
    PTW_NOT_MAPPED,    /* an entry on the path is not present */
    PTW_NOT_CANONICAL, /* no table of this regime can map that address */
    PTW_BAD_ENTRY,     /* an entry on the path that hardware would reject */
    PTW_DIFFERENT,     /* what was compared is not the same */

    /* Failures of the call. */
    PTW_E_BUS,      /* the accessor refused an access */
    PTW_E_LIMIT,    /* the limit was reached; the call can be resumed */
    PTW_E_SPACE,    /* the caller's storage is too small */
    PTW_E_ARG,      /* an argument that is never valid */
    PTW_E_ALIGN,    /* an address that is not aligned as it has to be */
    PTW_E_WIDTH,    /* an address beyond the physical address width */
    PTW_E_RANGE,    /* a range that is empty, reversed, or wraps */
    PTW_E_OVERLAP,  /* regions that share an address */
    PTW_E_READONLY, /* a write to memory that is read-only */
    PTW_E_REGIME,   /* an unknown or unsupported paging mode */
    PTW_E_CONFLICT, /* control registers that contradict each other */
    PTW_E_RIGHTS,   /* rights that can't be had there */
    PTW_E_LARGE,    /* a large leaf is in the way */
    PTW_E_SHARED,   /* a shared table is in the way */
    PTW_E_IN_USE,   /* a table that is in use is in the way */
    PTW_E_CHANGED,  /* the tables changed under an edit */
    PTW_E_MARKED,   /* a leaf carries the copy-on-write mark already */
};

/* ptw_status_text returns a short English phrase for st, in lower case and
 * without a full stop; for a number that is no status, "unknown status".  The
 * string is static. */
const char *ptw_status_text(enum ptw_status st);

#ifdef __cplusplus
}
#endif

#endif
