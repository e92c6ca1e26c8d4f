/* SPDX-License-Identifier: Apache-2.0 */
/* This file writes one entry of a table. */
#ifndef PTW_EDIT_WRITE_H
#define PTW_EDIT_WRITE_H

#include "state.h"

/* ------------------------------------------------------------- one entry */

PTW_ENGINE enum ptw_status ptw_set(const struct ptw_format *a,
                                   struct ptw_edit *ed, unsigned level,
                                   unsigned index, uint64_t raw)
{
    ed->window[level][index % PTW_MAX_WINDOW] = raw;
    if (PTW_LIKELY(ed->writable[level] != NULL)) {
        ptw_store_entry(a, ed->writable[level], index, raw);
        return PTW_OK;
    }
    return ptw_write_entry(a, ed->t->mem, ed->c.at[level].table, index, raw);
}

/* The bytes of a table where they can be written directly, or NULL.  What a
 * callback lends is for reading only.  The cast takes away a const that the
 * host, by saying "writable", promised was never there. */
PTW_ENGINE void *ptw_writable(const struct ptw_mem *mem, uint64_t table,
                              uint64_t bytes)
{
    const struct ptw_region *r = ptw_find_range(mem, table, bytes);
    const void *p;

    if (r == NULL || !r->writable || r->host == NULL) {
        return NULL;
    }
    p = ptw_host(r, table);
    return ((uintptr_t)p & 7) == 0 ? (void *)(uintptr_t)p : NULL;
}

#endif
