/* SPDX-License-Identifier: Apache-2.0 */
#include "color.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ECMA-48, "SGR - Select graphic rendition". */
static const char *const code[COLORS + 1] = {
    [COLOR_ERROR] = "\033[31m",   [COLOR_WX] = "\033[31m",
    [COLOR_OUTSIDE] = "\033[33m", [COLOR_GONE] = "\033[31m",
    [COLOR_NEW] = "\033[32m",     [COLORS] = "\033[0m",
};

static enum { AUTO, ALWAYS, NEVER } when;

bool color_when(const char *text)
{
    if (strcmp(text, "auto") == 0) {
        when = AUTO;
    } else if (strcmp(text, "always") == 0) {
        when = ALWAYS;
    } else if (strcmp(text, "never") == 0) {
        when = NEVER;
    } else {
        return false;
    }
    return true;
}

/* https://no-color.org: "when present and not an empty string". */
static bool wanted(void)
{
    const char *no = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (no == NULL || *no == '\0') && term != NULL && *term != '\0' &&
           strcmp(term, "dumb") != 0;
}

bool color_on(int fd)
{
    return when == ALWAYS || (when == AUTO && isatty(fd) != 0 && wanted());
}

const char *color_code(int fd, enum color color)
{
    return color_on(fd) ? code[color] : "";
}

static const char *of_output(enum color color)
{
    static int on[NEVER + 1] = {-1, -1, -1}; /* not asked yet */

    if (on[when] < 0) {
        on[when] = color_on(STDOUT_FILENO);
    }
    return on[when] != 0 ? code[color] : "";
}

const char *color_begin(enum color color)
{
    return of_output(color);
}

const char *color_end(void)
{
    return of_output(COLORS);
}
