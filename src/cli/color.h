/* SPDX-License-Identifier: Apache-2.0 */
/* Colours on a terminal, few of them: what may be written and executed, what the
 * image does not have, what came and what went, and errors. */
#ifndef CLI_COLOR_H
#define CLI_COLOR_H

#include <stdbool.h>

enum color {
    COLOR_ERROR,
    COLOR_WX,
    COLOR_OUTSIDE,
    COLOR_GONE,
    COLOR_NEW,
    COLORS
};

/* color_when takes "auto", "always" or "never"; false: it is something else.
 * Without it, as with auto, there are colours on a terminal, unless NO_COLOR is
 * set to anything, or TERM is dumb or not set. */
bool color_when(const char *text);

/* color_on says whether what is written to that descriptor has colours. */
bool color_on(int fd);

/* color_begin returns what is written before a text of that colour to standard
 * output, color_end what is behind it: nothing, where there are no colours. */
const char *color_begin(enum color color);
const char *color_end(void);

/* color_code returns the same of any descriptor; COLORS: the end. */
const char *color_code(int fd, enum color color);

enum { COLOR_BYTES = 16 }; /* of both, at most */

#endif
