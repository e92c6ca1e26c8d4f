/* SPDX-License-Identifier: Apache-2.0 */
/* Holes of the files of an image.  Whoever made a file sparse left out zeros, or
 * memory that he did not have; the file does not say which.  Containers say
 * themselves what memory they have: a hole of such a file is zeros. */
#ifndef CLI_HOLES_H
#define CLI_HOLES_H

#include "cli.h"
#include "parts.h"

struct holes;

/* holes_find finds those of files that say nothing of them, in the memory of
 * ascending segments: whole pages, ascending.  NULL: there are none. */
struct holes *holes_find(const struct parts *parts,
                         const struct segment *segment, size_t segments);

size_t holes_count(const struct holes *h);

/* holes_split calls each(context, first, last, hole) for the parts of memory
 * from first to last that are all data or all hole, in order. */
void holes_split(const struct holes *h, uint64_t first, uint64_t last,
                 void (*each)(void *context, uint64_t first, uint64_t last,
                              bool hole),
                 void *context);

/* holes_has says whether pa is in a hole; h may be NULL. */
bool holes_has(const struct holes *h, uint64_t pa);

/* holes_note notes that something was read at pa, which is in a hole; any thread
 * may.  It is a table, or a page; where tables are read as a whole, it is a table
 * in any case.  holes_excuse says of the table of `bytes` bytes at pa, before any walk,
 * that its reader knows: what was noted so far is forgotten, and what will be
 * read of it is not noted. */
void holes_note(struct holes *h, uint64_t pa, bool table);
void holes_take_whole_tables(struct holes *h);
void holes_excuse(struct holes *h, uint64_t pa, uint64_t bytes);

/* holes_noted finds the lowest address that was noted; false: none was. */
bool holes_noted(const struct holes *h, uint64_t *pa);

void holes_free(struct holes *h);

#endif
