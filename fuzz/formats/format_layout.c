/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts, whose lines are read once more, by sscanf: as far as their numbers
 * are digits alone. */
#include "check.h"
#include "layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 }; /* lines: all pairs of them are looked at */

struct line {
    uint64_t number;
    uint64_t pa;
    uint64_t bytes;
    uint64_t offset;
    const char *path; /* its own, or that of the line before */
    size_t path_bytes;
};

/* Reads digits, and perhaps 0x before them; false: there is something else. */
static bool read_digits(const char *field, uint64_t *out)
{
    size_t x = field[0] == '0' && (field[1] == 'x' || field[1] == 'X') ? 2 : 0;
    size_t digits = strspn(field + x, "0123456789abcdefABCDEF");

    *out = strtoull(field, NULL, 16);
    return digits > 0 && digits <= 16 && field[x + digits] == '\0';
}

/* Reads a line that says something; false: not by these means. */
static bool read_line(const char *text, struct line *l)
{
    char field[3][40];
    int behind = 0;
    size_t path;
    size_t end;

    if (sscanf(text, "%39s%39s%39s%n", field[0], field[1], field[2], &behind) !=
            3 ||
        memchr(text, '\n', (size_t)behind) != NULL ||
        !read_digits(field[0], &l->pa) || !read_digits(field[1], &l->bytes) ||
        !read_digits(field[2], &l->offset)) {
        return false;
    }
    path = (size_t)behind + strspn(text + behind, " \t\r");
    end = path + strcspn(text + path, "\n");
    while (end > path && strchr(" \t\r", text[end - 1]) != NULL) {
        end--;
    }
    if (end > path) {
        l->path = text + path;
        l->path_bytes = end - path;
    }
    return true;
}

/* Reads all lines; SIZE_MAX: not by these means. */
static size_t read_lines(const char *text, struct line line[MOST])
{
    struct line l = {.path = ""};
    size_t n = 0;

    if (strpbrk(text, "\v\f") != NULL) {
        return SIZE_MAX; /* blanks to sscanf, and to nobody else */
    }

    while (text != NULL && *text != '\0') {
        size_t blank = strspn(text, " \t\r");

        l.number++;
        if (text[blank] != '\0' && text[blank] != '\n' && text[blank] != '#') {
            if (n == MOST || !read_line(text, &l)) {
                return SIZE_MAX;
            }
            line[n++] = l;
        }
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return n;
}

static bool overlap(const struct line *a, const struct line *b)
{
    return (a->pa >= b->pa && a->pa - b->pa < b->bytes) ||
           (b->pa >= a->pa && b->pa - a->pa < a->bytes);
}

/* Whether the lines are a layout, and that is all that there is to it. */
static bool are_layout(const struct line *line, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct line *l = &line[i];

        if (l->bytes == 0 || l->path_bytes == 0 ||
            l->bytes - 1 > UINT64_MAX - l->pa || l->bytes - 1 > INT64_MAX ||
            l->offset > INT64_MAX - (l->bytes - 1)) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (overlap(l, &line[k])) {
                return false;
            }
        }
    }
    return n > 0;
}

static void check_entry(const struct layout *l, const struct line *line)
{
    const struct layout_entry *e = NULL;

    for (size_t i = 0; i < l->entries; i++) {
        e = l->entry[i].line == line->number ? &l->entry[i] : e;
    }
    check_that(e != NULL, "a line is an entry");
    check_that(e->segment.pa == line->pa && e->segment.bytes == line->bytes &&
                   e->segment.offset == line->offset,
               "numbers are what the line says");
    check_that(strlen(l->path[e->file]) == line->path_bytes &&
                   memcmp(l->path[e->file], line->path, line->path_bytes) == 0,
               "a path is what the line says, or one before");
}

/* What is so of all that is read. */
static void check_layout(const struct layout *l)
{
    for (size_t i = 0; i < l->entries; i++) {
        const struct segment *s = &l->entry[i].segment;
        const struct segment *before = i > 0 ? &l->entry[i - 1].segment : NULL;

        check_that(s->bytes > 0 && s->bytes - 1 <= UINT64_MAX - s->pa &&
                       s->offset <= INT64_MAX - (s->bytes - 1),
                   "a segment lies in memory and in a file");
        check_that(before == NULL || s->pa > before->pa + (before->bytes - 1),
                   "segments are in order and apart");
        check_that(l->entry[i].file < l->paths, "an entry has a file");
    }
    for (size_t i = 1; i < l->paths; i++) {
        check_that(strcmp(l->path[i - 1], l->path[i]) < 0, "files differ");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text;
    struct reader r = {.memory = data, .bytes = len};
    struct line line[MOST];
    struct layout l;
    bool read = layout_read(&r, &l);
    size_t lines;

    text = check_lines_of(&l.lines, read, data, len);
    if (read) {
        check_layout(&l);
    }
    lines = strlen(text) == len ? read_lines(text, line) : SIZE_MAX;
    if (lines != SIZE_MAX) {
        check_that(read == (is_first_line(text, LAYOUT_FIRST_LINE) &&
                            has_lines_as_said(text) && are_layout(line, lines)),
                   "it is right or it is not");
        check_that(!read || lines == l.entries, "each entry has a line");
    }
    for (size_t i = 0; read && lines != SIZE_MAX && i < lines; i++) {
        check_entry(&l, &line[i]);
    }
    layout_free(&l);
    free(text);
    return 0;
}
