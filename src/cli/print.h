/* SPDX-License-Identifier: Apache-2.0 */
/* Standard output.  Lines are gathered in a large buffer and written whole;
 * when writing fails, that is one line on standard error, and the end. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include "numbers.h"
#include "report.h"

/* root_label returns what a root is called, or NULL; out_label prints that behind
 * a blank, if it is called anything. */
const char *root_label(const struct options *o, uint32_t root);
void out_label(const struct options *o, uint32_t root);

/* out_root prints the line that stands before what is told of a root. */
void out_root(const struct options *o, uint32_t root);

/* What is printed to memory.  All zeros, it is empty; bytes are freed with
 * free. */
struct text {
    char *bytes;
    size_t used;
    size_t room;
};

/* out_redirect lets this thread print to memory from now on, and with NULL to
 * standard output, which only the command's first thread may do. */
void out_redirect(struct text *text);

/* out_room returns room for `bytes` (at most 4096) more; out_end says where
 * what was put there ends. */
char *out_room(size_t bytes);
void out_end(char *end);

void out_bytes(const char *bytes, size_t count);
void out_text(const char *text);
void out_line(const char *format, ...) CLI_PRINTF(1, 2);

/* out_needed says that a file that has its name (outputs_place) only keeps it
 * when all of this is written: when nobody reads it, that is an error like
 * others, and not without a word. */
void out_needed(const char *file);

/* out_finish writes what is left, and closes. */
void out_finish(void);

/* The put functions write at p and return the end.  put_hex writes no leading
 * zeros, but needs room for 16 digits; put_va writes 16 digits; put_leaf writes
 * "VA PA SIZE r w x u" and a line feed, at most 64 bytes. */
char *put_hex(char *p, uint64_t v);
char *put_va(char *p, ptw_va va);
char *put_leaf(char *p, ptw_va va, ptw_pa pa, unsigned size_log2,
               unsigned rights);

/* rights_set_regime says whose rights are printed from now on, in the columns
 * of ptw_right_letters.  rights_text writes them, a dash for each that is
 * missing; rights_has says whether there is a column of that letter. */
enum { RIGHTS_ROOM = 6 };
void rights_set_regime(const struct ptw_regime *r);
void rights_text(unsigned rights, char text[RIGHTS_ROOM]);
bool rights_has(char letter);

#endif
