/* SPDX-License-Identifier: Apache-2.0 */
/* An input as readable text, and such a text as an input.
 *
 * A text has a line for the header and one for each record: the operation, and
 * the fields that are not 0.  The two directions are inverse to each other. */
#ifndef PTW_FUZZ_TEXT_H
#define PTW_FUZZ_TEXT_H

#include "input.h"

#include <stdio.h>

/* fz_text_print writes an input as text. */
void fz_text_print(FILE *to, const uint8_t *data, size_t len);

/* The input that a text stands for. */
struct fz_bytes {
    uint8_t *data;
    size_t len;
    size_t room;
};

/* What is wrong with a text: one line, without its end. */
struct fz_text_error {
    unsigned line;
    char what[120];
};

/* fz_text_parse appends to bytes the input that a text of that many characters
 * stands for.  The caller frees bytes->data.  Returns false, and says why, when
 * a line has a mistake. */
bool fz_text_parse(const char *text, size_t length, struct fz_bytes *bytes,
                   struct fz_text_error *error);

/* fz_text_table writes the table of the format for README.md. */
void fz_text_table(FILE *to);

#endif
