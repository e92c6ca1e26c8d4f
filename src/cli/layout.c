/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include "numbers.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------- lines */

/* Reads the next number of a line, and moves behind it. */
static bool take_number(struct lines *lines, uint64_t line, char **at,
                        const char *what, uint64_t *out)
{
    size_t length;
    const char *word = lines_word(at, &length);

    if (length == 0) {
        return lines_refuse(lines, line,
                            "it has no %s: a segment is PA SIZE OFFSET", what);
    }
    if (!parse_hex(word, word + length, out)) {
        return lines_refuse(lines, line,
                            "its %s '%.*s' is not a hexadecimal number of at "
                            "most 64 bits",
                            what, length < 40 ? (int)length : 40, word);
    }
    return true;
}

static bool check_segment(struct lines *lines, uint64_t line,
                          const struct segment *s)
{
    if (s->bytes == 0) {
        return lines_refuse(lines, line, "it has no length");
    }
    if (s->bytes - 1 > UINT64_MAX - s->pa) {
        return lines_refuse(lines, line,
                            "it goes beyond the last physical address");
    }
    if (s->bytes - 1 > INT64_MAX || s->offset > INT64_MAX - (s->bytes - 1)) {
        return lines_refuse(lines, line, "it goes beyond the last offset");
    }
    return true;
}

bool layout_take(struct lines *lines, uint64_t line, char **at,
                 struct segment *s)
{
    return take_number(lines, line, at, "PA", &s->pa) &&
           take_number(lines, line, at, "SIZE", &s->bytes) &&
           take_number(lines, line, at, "OFFSET", &s->offset) &&
           check_segment(lines, line, s);
}

void layout_put(struct layout *l, const struct layout_entry *e,
                const char *path)
{
    l->entry = must_grow(l->entry, l->entries, sizeof *l->entry);
    l->path = must_grow(l->path, l->entries, sizeof *l->path);
    l->path[l->entries] = path;
    l->entry[l->entries++] = *e;
}

static bool read_line(void *context, char *at, uint64_t line)
{
    struct layout *l = context;
    struct layout_entry e = {.line = line};
    const char *path;

    if (!layout_take(&l->lines, line, &at, &e.segment)) {
        return false;
    }
    path = lines_rest(at);
    if (*path == '\0' && l->entries == 0) {
        return lines_refuse(&l->lines, line,
                            "it names no file, and no line before it does");
    }
    layout_put(l, &e, *path != '\0' ? path : l->path[l->entries - 1]);
    return true;
}

/* -------------------------------------------------------------------- order */

/* A path, and the entry that has it. */
struct named {
    const char *path;
    size_t entry;
};

static int by_path(const void *left, const void *right)
{
    const struct named *a = left;
    const struct named *b = right;
    int order = strcmp(a->path, b->path);

    return order != 0 ? order : (a->entry > b->entry) - (a->entry < b->entry);
}

/* Gives each path one number. */
static void number_files(struct layout *l)
{
    struct named *named = must(calloc(l->entries, sizeof *named));

    for (size_t i = 0; i < l->entries; i++) {
        named[i] = (struct named){l->path[i], i};
    }
    qsort(named, l->entries, sizeof *named, by_path);
    for (size_t i = 0; i < l->entries; i++) {
        if (i == 0 || strcmp(named[i - 1].path, named[i].path) != 0) {
            l->path[l->paths++] = named[i].path;
        }
        l->entry[named[i].entry].file = l->paths - 1;
    }
    free(named);
}

static int by_pa(const void *left, const void *right)
{
    const struct layout_entry *a = left;
    const struct layout_entry *b = right;

    if (a->segment.pa != b->segment.pa) {
        return a->segment.pa < b->segment.pa ? -1 : 1;
    }
    return (a->line > b->line) - (a->line < b->line);
}

/* Puts the segments in order; false: two overlap. */
static bool put_in_order(struct layout *l)
{
    qsort(l->entry, l->entries, sizeof *l->entry, by_pa);
    for (size_t i = 1; i < l->entries; i++) {
        const struct layout_entry *e = &l->entry[i];
        const struct layout_entry *before = e - 1;
        bool later = e->line > before->line;

        if (e->segment.pa <= before->segment.pa + (before->segment.bytes - 1)) {
            return lines_refuse(&l->lines, later ? e->line : before->line,
                                "it overlaps line %" PRIu64
                                " at physical address %" PRIx64,
                                later ? before->line : e->line, e->segment.pa);
        }
    }
    return true;
}

bool layout_end(struct layout *l)
{
    number_files(l);
    return put_in_order(l);
}

bool layout_read(const struct reader *r, struct layout *l)
{
    memset(l, 0, sizeof *l);
    if (!lines_read(&l->lines, r, LAYOUT_FIRST_LINE, read_line, l)) {
        return false;
    }
    if (l->entries == 0) {
        return lines_refuse(&l->lines, 0, "no segment is in it");
    }
    return layout_end(l);
}

bool layout_can_name(const char *path)
{
    static const char blanks[] = " \t\r";
    size_t length = strlen(path);

    return length > 0 && strchr(path, '\n') == NULL &&
           strchr(blanks, path[0]) == NULL &&
           strchr(blanks, path[length - 1]) == NULL;
}

void layout_free(struct layout *l)
{
    free(l->entry);
    free(l->path);
    lines_free(&l->lines);
    memset(l, 0, sizeof *l);
}
