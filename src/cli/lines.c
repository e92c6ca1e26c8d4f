/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A million segments with long names are less. */
static const uint64_t MOST_BYTES = (uint64_t)1 << 30;

bool lines_refuse(struct lines *l, uint64_t line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    l->line = line;
    (void)vsnprintf(l->why, sizeof l->why, format, args);
    va_end(args);
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

const char *lines_word(char **at, size_t *length)
{
    char *word = skip_blanks(*at);
    char *end = word;

    while (*end != '\0' && !is_blank(*end)) {
        end++;
    }
    *at = end;
    *length = (size_t)(end - word);
    return word;
}

char *lines_rest(char *at)
{
    char *rest = skip_blanks(at);
    size_t length = strlen(rest);

    while (length > 0 && is_blank(rest[length - 1])) {
        length--;
    }
    rest[length] = '\0';
    return rest;
}

/* Another version's file may mean something else by the same words. */
static bool begins_with(struct lines *l, char *line, const char *first)
{
    return first == NULL || strcmp(lines_rest(line), first) == 0 ||
           lines_refuse(l, 1, "it is '%.60s', and this version reads '%s'",
                        line, first);
}

bool lines_read(struct lines *l, const struct reader *r, const char *first_line,
                bool (*each)(void *context, char *at, uint64_t line),
                void *context)
{
    size_t bytes = (size_t)r->bytes;
    size_t at = 0;

    if (r->bytes > MOST_BYTES) {
        return lines_refuse(l, 0, "it has more than %" PRIx64 " bytes",
                            MOST_BYTES);
    }
    l->text = must(malloc(bytes + 1));
    if (!reader_get(r, 0, l->text, bytes)) {
        return lines_refuse(l, 0, "it can't be read");
    }
    for (uint64_t line = 1; at < bytes; line++) {
        char *feed = memchr(l->text + at, '\n', bytes - at);
        size_t end = feed != NULL ? (size_t)(feed - l->text) : bytes;
        char *first;

        if (memchr(l->text + at, '\0', end - at) != NULL) {
            return lines_refuse(l, line, "it is no text");
        }
        l->text[end] = '\0';
        if (line == 1 && !begins_with(l, l->text, first_line)) {
            return false;
        }
        first = skip_blanks(l->text + at);
        if (*first != '\0' && *first != '#' && !each(context, first, line)) {
            return false;
        }
        at = end + 1;
    }
    return true;
}

void lines_free(struct lines *l)
{
    free(l->text);
    memset(l, 0, sizeof *l);
}
