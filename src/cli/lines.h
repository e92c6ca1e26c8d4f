/* SPDX-License-Identifier: Apache-2.0 */
/* Texts that people write, and the command reads by line. */
#ifndef CLI_LINES_H
#define CLI_LINES_H

#include "dump.h"

struct lines {
    char *text;
    uint64_t line; /* that is wrong, from 1; 0: all of it is */
    char why[DUMP_WHY];
};

/* What a line begins with that says how many more there are. */
#define LINES_FOLLOW "# ptwalk lines"

/* lines_read calls each(context, at, line) for each line that is not empty and no
 * comment, which begins with #: at is its first character that is no blank, and a
 * NUL its end.  What each returns false for is wrong, and ends this; so does
 * another first line than that, if it is not NULL, and other lines than a comment
 * says that follow, each with a line feed.  A byte-order mark in front says
 * nothing.  false: l->line and l->why.  The text lives as long as l. */
bool lines_read(struct lines *l, const struct reader *r, const char *first_line,
                bool (*each)(void *context, char *at, uint64_t line),
                void *context);

/* lines_refuse says what is wrong with that line, and returns false. */
bool lines_refuse(struct lines *l, uint64_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* lines_word finds the next word, and moves *at behind it; its length is 0 at the
 * end of the line. */
const char *lines_word(char **at, size_t *length);

/* lines_rest returns what is left of the line, without blanks around it. */
char *lines_rest(char *at);

void lines_free(struct lines *l);

#endif
