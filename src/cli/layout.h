/* SPDX-License-Identifier: Apache-2.0 */
/* A text that says where memory lies in files: docs/formats.md, "Layouts". */
#ifndef CLI_LAYOUT_H
#define CLI_LAYOUT_H

#include "lines.h"

struct layout_entry {
    struct segment segment; /* of the file of that number */
    size_t file;
    uint64_t line; /* of the text, from 1 */
};

struct layout {
    struct layout_entry *entry; /* ascending, and apart */
    size_t entries;
    const char **path; /* of each file, as it is written */
    size_t paths;
    struct lines lines; /* and what is wrong with them */
};

/* layout_read reads a text, whatever it begins with.  false: l->lines.line and
 * l->lines.why. */
bool layout_read(const struct reader *r, struct layout *l);

/* The parts of it, for texts that say the same among other things: layout_take
 * reads the numbers of a segment, and moves *at behind them; layout_put adds an
 * entry, whose path lives as long as l; layout_end puts all in order, and says so
 * when two overlap (false). */
bool layout_take(struct lines *lines, uint64_t line, char **at,
                 struct segment *s);
void layout_put(struct layout *l, const struct layout_entry *e,
                const char *path);
bool layout_end(struct layout *l);

/* layout_can_name says whether a line can name that file. */
bool layout_can_name(const char *path);

void layout_free(struct layout *l);

#endif
