/* SPDX-License-Identifier: Apache-2.0 */
/* Roots that a file lists, in place of as many options. */
#include "paging.h"
#include "report.h"
#include "root_list.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds the roots of a list that is read. */
static void add_list(struct arguments *a, struct image_arguments *p,
                     enum option_id id, const struct root_list *l)
{
    static const enum option_id as[ROOT_AS] = {
        [ROOT_AS_ROOT] = OPT_ROOT,   [ROOT_AS_CR3] = OPT_CR3,
        [ROOT_AS_TTBR0] = OPT_TTBR0, [ROOT_AS_TTBR1] = OPT_TTBR1,
        [ROOT_AS_SATP] = OPT_SATP,
    };
    static const enum option_id new_as[ROOT_AS] = {
        [ROOT_AS_ROOT] = OPT_NEW_ROOT,   [ROOT_AS_CR3] = OPT_NEW_CR3,
        [ROOT_AS_TTBR0] = OPT_NEW_TTBR0, [ROOT_AS_TTBR1] = OPT_NEW_TTBR1,
        [ROOT_AS_SATP] = OPT_NEW_SATP,
    };

    for (size_t i = 0; i < l->entries; i++) {
        const struct root_entry *e = &l->entry[i];
        enum option_id given = id == OPT_ROOTS ? as[e->as] : new_as[e->as];

        paging_add_root(a, p, given, e->value);
        a->given[given - OPT_REGIME] = true;
        if (*e->label != '\0') {
            size_t bytes = strlen(e->label) + 1;

            p->label[p->roots - 1] = must(malloc(bytes));
            memcpy(p->label[p->roots - 1], e->label, bytes);
        }
    }
}

void paging_add_roots(struct arguments *a, struct image_arguments *p,
                      enum option_id id, const char *name)
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
    add_list(a, p, id, &l);
    root_list_free(&l);
    reader_close(&r);
}
