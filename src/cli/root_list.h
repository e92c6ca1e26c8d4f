/* SPDX-License-Identifier: Apache-2.0 */
/* A text with a root in each line: docs/formats.md, "Lists of roots". */
#ifndef CLI_ROOT_LIST_H
#define CLI_ROOT_LIST_H

#include "lines.h"

/* As which option a root is given. */
enum root_as {
    ROOT_AS_ROOT,
    ROOT_AS_CR3,
    ROOT_AS_TTBR0,
    ROOT_AS_TTBR1,
    ROOT_AS_SATP,
    ROOT_AS
};

struct root_entry {
    enum root_as as;
    uint64_t value;
    char *label; /* "": it has none; a terminal shows it as it is */
};

struct root_list {
    struct root_entry *entry; /* as they stand */
    size_t entries;
    struct lines lines; /* and what is wrong with them */
};

/* root_list_read reads a text.  false: l->lines.line and l->lines.why. */
bool root_list_read(const struct reader *r, struct root_list *l);

/* root_list_take reads the value of a root out of a line, and moves *at behind
 * it; the label is not set. */
bool root_list_take(struct lines *lines, uint64_t line, char **at,
                    struct root_entry *e);

/* root_list_name returns what stands before such a value: "cr3". */
const char *root_list_name(enum root_as as);

void root_list_free(struct root_list *l);

#endif
