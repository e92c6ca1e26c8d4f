/* SPDX-License-Identifier: Apache-2.0 */
/* Roots that a file lists, in place of as many options. */
#include "paging.h"
#include "report.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

void paging_add_roots(struct arguments *a, struct image_arguments *p,
                      const char *name)
{
    struct root_list l;
    struct reader r;
    char where[PATH_MAX];

    if (!reader_open(&r, name)) {
        die(CLI_UNREAD, name, "can't be read as a list of roots: %s",
            strerror(errno));
    }
    if (!root_list_read(&r, &l)) {
        (void)snprintf(where, sizeof where,
                       l.lines.line > 0 ? "%s:%" PRIu64 : "%s", name,
                       l.lines.line);
        die(CLI_USAGE, where, "%s", l.lines.why);
    }
    for (size_t i = 0; i < l.entries; i++) {
        paging_add_entry(a, p, &l.entry[i]);
    }
    root_list_free(&l);
    reader_close(&r);
}
