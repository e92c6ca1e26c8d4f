/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include "numbers.h"
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

static size_t mark_bytes(const char *text, size_t bytes)
{
    const size_t n = sizeof UTF8_MARK - 1;

    return bytes >= n && memcmp(text, UTF8_MARK, n) == 0 ? n : 0;
}

/* What a text says of its length. */
struct said {
    uint64_t line; /* that says it; 0: none does */
    uint64_t last;
};

/* Takes a comment that says how many lines follow; any other one is none. */
static bool take_count(struct lines *l, uint64_t line, char *comment,
                       struct said *said)
{
    const size_t n = sizeof LINES_FOLLOW - 1;
    uint64_t count;
    char *value;

    if (strncmp(comment, LINES_FOLLOW, n) != 0 ||
        (comment[n] != '\0' && !is_blank(comment[n]))) {
        return true;
    }
    if (said->line != 0) {
        return lines_refuse(l, line,
                            "it says again how many lines follow, as line "
                            "%" PRIu64 " does",
                            said->line);
    }
    value = lines_rest(comment + n);
    if (!parse_number(value, value + strlen(value), 10, &count) ||
        count > UINT64_MAX - line) {
        return lines_refuse(l, line,
                            "'%.40s' is no number of lines that follow", value);
    }
    said->line = line;
    said->last = line + count;
    return true;
}

static bool refuse_cut(struct lines *l, uint64_t line, const struct said *said)
{
    return lines_refuse(l, line,
                        "it ends here, and line %" PRIu64 " says that %" PRIu64
                        " lines follow, each with a line feed: it was cut off",
                        said->line, said->last - said->line);
}

/* Whether the text has as many lines as it says. */
static bool is_whole(struct lines *l, uint64_t lines, const struct said *said)
{
    if (said->line == 0 || lines == said->last) {
        return true;
    }
    return lines < said->last
               ? refuse_cut(l, lines, said)
               : lines_refuse(l, said->line,
                              "it says that %" PRIu64 " lines follow, and "
                              "there are %" PRIu64 ": correct that, or leave "
                              "it out",
                              said->last - said->line, lines - said->line);
}

bool lines_read(struct lines *l, const struct reader *r, const char *first_line,
                bool (*each)(void *context, char *at, uint64_t line),
                void *context)
{
    size_t bytes = (size_t)r->bytes;
    struct said said = {.line = 0};
    uint64_t line = 0;
    size_t at;

    if (r->bytes > MOST_BYTES) {
        return lines_refuse(l, 0, "it has more than %" PRIx64 " bytes",
                            MOST_BYTES);
    }
    l->text = must(malloc(bytes + 1));
    if (!reader_get(r, 0, l->text, bytes)) {
        return lines_refuse(l, 0, "it can't be read");
    }
    at = mark_bytes(l->text, bytes);
    while (at < bytes) {
        char *feed = memchr(l->text + at, '\n', bytes - at);
        size_t end = feed != NULL ? (size_t)(feed - l->text) : bytes;
        char *first;

        line++;
        if (feed == NULL && line <= said.last) {
            return refuse_cut(l, line, &said);
        }
        if (memchr(l->text + at, '\0', end - at) != NULL) {
            return lines_refuse(l, line, "it is no text in UTF-8");
        }
        l->text[end] = '\0';
        if (line == 1 && !begins_with(l, l->text + at, first_line)) {
            return false;
        }
        first = skip_blanks(l->text + at);
        if (*first == '#' ? !take_count(l, line, first, &said)
                          : *first != '\0' && !each(context, first, line)) {
            return false;
        }
        at = end + 1;
    }
    return is_whole(l, line, &said);
}

void lines_free(struct lines *l)
{
    free(l->text);
    memset(l, 0, sizeof *l);
}
